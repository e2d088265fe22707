"""Whatever people do, in whatever order: on air is only what somebody else approved, exactly as it is heard."""

from datetime import UTC, datetime
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from broadcast.account import Account
from broadcast.administrative_unit import seed_da_nang, unit_of_slug
from broadcast.approval import approve, send_back, submit, withdraw
from broadcast.composition import change, write_text
from broadcast.database import Base, Database
from broadcast.errors import NotAllowed, ProgrammeRefused
from broadcast.media import Rendition
from broadcast.permission import Person
from broadcast.programme import Programme, give_sound, is_approved, take_sound
from broadcast.storage import Storage

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
NO_FILES = Storage(Path("nowhere"))
ROLES = {
    "author": ("editor",),
    "editor": ("editor",),
    "approver": ("approver",),
    "both": ("editor", "approver"),
    "all": ("administrator",),
    "viewer": ("viewer",),
}
APPROVE = {"approver", "both", "all"}
WRITE = {"author", "editor", "both", "all"}
someone = st.sampled_from([*ROLES, "neighbour"])


class Approvals(RuleBasedStateMachine):
    """One programme, seven people, and a plain model of what approval means."""

    def __init__(self) -> None:
        super().__init__()
        self.database = Database("sqlite://")
        Base.metadata.create_all(self.database.engine)
        self.session_of = self.database.transaction()
        self.session = self.session_of.__enter__()
        seed_da_nang(self.session, NOW.date())
        here, there = (unit_of_slug(self.session, slug) for slug in ("hai-chau", "lien-chieu"))
        self.people = {}
        for name in [*ROLES, "neighbour"]:
            unit = there if name == "neighbour" else here
            grants = tuple((role, unit.path, unit.id) for role in ROLES.get(name, ("administrator",)))
            self.people[name] = Person(name, name, name, "vi", "", grants)
            self.session.add(Account(id=name, sign_in_name=name, full_name=name, password_hash="none", created_at=NOW))
        for number in range(3):
            self.session.add(
                Rendition(
                    sha256=str(number) * 64,
                    source_sha256=str(number),
                    profile="speech",
                    size_bytes=1,
                    duration_ms=1,
                    integrated_lufs=-16,
                    true_peak_dbtp=-2,
                    leading_silence_ms=0,
                    trailing_silence_ms=0,
                    created_at=NOW,
                )
            )
        self.session.flush()
        self.programme: Programme = write_text(
            self.session, here, "Tên 0", "Lời 0.", voice="vi", storage=NO_FILES, person=self.people["author"], now=NOW
        )
        self.writers = {"author"}
        self.heard: list[str] = []
        self.approved_of = ""  # the hash that somebody entitled approved, while nothing changed since

    def teardown(self) -> None:
        self.session_of.__exit__(None, None, None)
        self.database.close()

    def done(self, act: object, *words: object, **given: object) -> bool:
        try:
            with self.session.begin_nested():
                act(self.session, self.programme, *words, **given)  # type: ignore[operator]
        except (NotAllowed, ProgrammeRefused):
            self.session.refresh(self.programme)
            return False
        return True

    @rule(who=someone, title=st.integers(0, 2), text=st.integers(0, 2))
    def changes(self, who: str, title: int, text: int) -> None:
        before = (self.programme.title, self.programme.text)
        wanted = (f"Tên {title}", f"Lời {text}.")
        if self.done(change, title=wanted[0], text=wanted[1], storage=NO_FILES, person=self.people[who], now=NOW):
            assert who in WRITE
            if wanted != before:
                self.writers.add(who)
                self.approved_of = ""

    @rule(number=st.integers(0, 2))
    def is_given_its_sound(self, number: int) -> None:
        rendition = self.session.get(Rendition, str(number) * 64)
        assert rendition is not None
        give_sound(self.programme, rendition, [])
        self.heard.append(self.programme.heard_sha256)

    @rule()
    def loses_its_sound(self) -> None:
        take_sound(self.programme, "failed", "Lỗi.")

    @rule(who=someone)
    def is_submitted(self, who: str) -> None:
        if self.done(submit, self.people[who], NOW):
            assert who in WRITE

    @precondition(lambda self: self.heard)
    @rule(who=someone, data=st.data())
    def is_approved_by(self, who: str, data: st.DataObject) -> None:
        heard = data.draw(st.sampled_from(self.heard))
        if self.done(approve, heard, self.people[who], NOW):
            assert who in APPROVE
            assert who not in self.writers
            self.approved_of = heard

    @rule(who=someone)
    def is_sent_back(self, who: str) -> None:
        if self.done(send_back, "Sai giờ", self.people[who], NOW):
            assert who in APPROVE
            self.approved_of = ""

    @precondition(lambda self: len(self.heard) > 2)
    @rule(who=someone)
    def is_withdrawn(self, who: str) -> None:
        if self.done(withdraw, self.people[who], NOW):
            assert who in APPROVE | WRITE
            self.approved_of = ""

    @invariant()
    def on_air_is_only_what_was_approved_as_it_is_heard(self) -> None:
        heard = self.programme.heard_sha256 if self.programme.sound_state == "ready" else ""
        assert is_approved(self.programme) == (self.approved_of != "" and self.approved_of == heard)


TestApprovals = Approvals.TestCase
TestApprovals.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
