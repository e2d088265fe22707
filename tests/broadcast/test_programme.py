"""From draft to approval: what is on air was approved by somebody else, exactly as it is heard."""

import unicodedata
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from broadcast.administrative_unit import AdministrativeUnit
from broadcast.approval import approve, send_back, submit, withdraw
from broadcast.audit import acting
from broadcast.composition import ask_again, change, record_from, speech_key, write_text
from broadcast.database import Database
from broadcast.errors import NotAllowed, ProgrammeRefused
from broadcast.media import MediaAsset, Rendition
from broadcast.permission import Person
from broadcast.plan import RundownRow, Schedule, ScheduleTarget
from broadcast.programme import Programme, give_sound, is_approved, programme_for, programme_of, programmes, take_sound
from broadcast.storage import Storage
from broadcast.work import Work

TEXT = "Sáng mai phường Hải Châu tạm ngừng cấp nước từ 7 giờ đến 9 giờ."


class City:
    """What the fixture `city` gives, as far as it is used here."""

    city: AdministrativeUnit
    hai_chau: AdministrativeUnit
    lien_chieu: AdministrativeUnit


class Desk:
    """A commune's desk: an author, an approver, and somebody who holds both rights."""

    def __init__(
        self, database: Database, storage: Storage, city: City, person: Callable[..., Person], now: datetime
    ) -> None:
        self.database, self.storage, self.city, self.now = database, storage, city, now
        self.author = person("lan", "editor")
        self.approver = person("binh", "approver")
        self.boss = person("chi", "administrator")
        self.neighbour = person("dung", "administrator", city.lien_chieu)

    def write(self, text: str = TEXT, title: str = "Cắt nước", **given: Any) -> Programme:
        with self.database.transaction() as session:
            given = {"voice": "vi", "storage": self.storage, "person": self.author, "now": self.now} | given
            return write_text(session, self.city.hai_chau, title, text, **given)

    def sounds(self, programme: Programme, sha256: str = "a" * 64) -> str:
        """The sound is there; gives the hash of what is heard."""
        with self.database.transaction() as session:
            one = programme_of(session, programme.id)
            give_sound(one, self.rendition(session, sha256), [[TEXT, 0, 900]])
            return one.heard_sha256

    def rendition(self, session: Any, sha256: str) -> Rendition:
        known = session.get(Rendition, sha256)
        if known is None:
            known = Rendition(
                sha256=sha256,
                source_sha256=sha256,
                profile="speech",
                size_bytes=1,
                duration_ms=900,
                integrated_lufs=-16.0,
                true_peak_dbtp=-2.0,
                leading_silence_ms=0,
                trailing_silence_ms=0,
                created_at=self.now,
            )
            session.add(known)
            session.flush()
        return known

    def act(self, programme: Programme, verb: Callable[..., None], *words: Any, **given: Any) -> Programme:
        """One act in a transaction of its own; gives the programme as it stands then."""
        with self.database.transaction() as session:
            one = programme_of(session, programme.id)
            if verb in {change, ask_again}:
                given["storage"] = self.storage
            verb(session, one, *words, **given)
            return one

    def approved(self) -> Programme:
        programme = self.write()
        heard = self.sounds(programme)
        self.act(programme, submit, self.author, self.now)
        return self.act(programme, approve, heard, self.approver, self.now)


@pytest.fixture
def desk(database: Database, storage: Storage, city: City, person: Callable[..., Person], now: datetime) -> Desk:
    return Desk(database, storage, city, person, now)


def test_a_notice_is_a_draft_that_waits_for_its_speech(desk: Desk, acts_on: Any) -> None:
    programme = desk.write()
    assert (programme.state, programme.sound_state, programme.author_id) == ("draft", "waiting", desk.author.account_id)
    with desk.database.reading() as session:
        (work,) = session.query(Work)
        assert work.key == speech_key(TEXT, "vi", 1.0, -16.0)
        assert [row.act for row in acts_on(session, "programme", programme.id)] == ["programme.write"]


def test_the_same_text_voice_and_rate_are_spoken_once(desk: Desk) -> None:
    desk.write()
    desk.write(title="Một tên khác")
    desk.write(voice="vi-vn-x-south")
    desk.write(rate=1.2)
    with desk.database.reading() as session:
        assert session.query(Work).count() == 3


@pytest.mark.parametrize("text", ["", "   \n ", "<p></p>", "\u200b\0", "?!...", "x" * 20_001, "chữ " * 12_500])
def test_a_text_that_cannot_be_spoken_is_refused_in_a_sentence(desk: Desk, text: str) -> None:
    with pytest.raises(ProgrammeRefused, match=r"(Chưa có chữ nào|20\.000 ký tự)"):
        desk.write(text)
    with desk.database.reading() as session:
        assert session.query(Programme).count() == session.query(Work).count() == 0


@pytest.mark.parametrize("title", ["", " \n", "x" * 201, "<b></b>"])
def test_a_programme_needs_a_title_of_sensible_length(desk: Desk, title: str) -> None:
    with pytest.raises(ProgrammeRefused, match=r"(cần có tên|200 ký tự)"):
        desk.write(title=title)


@pytest.mark.parametrize("rate", [0.49, 2.01, -1.0, float("nan"), float("inf")])
def test_a_pace_that_nobody_understands_is_refused(desk: Desk, rate: float) -> None:
    with pytest.raises(ProgrammeRefused, match="Tốc độ đọc"):
        desk.write(rate=rate)


def test_hostile_text_is_kept_clean(desk: Desk) -> None:
    decomposed = unicodedata.normalize("NFD", "Phường Hải Châu")
    programme = desk.write(
        f"<script>alert(1)</script>{decomposed}\0\x1b[31m <b>cắt nước</b>", title=f"{decomposed}\r\n"
    )
    assert programme.title == "Phường Hải Châu"
    assert programme.text.startswith("Phường Hải Châu")
    assert not {"\0", "\x1b", "<"} & set(programme.text)


def test_the_way_to_the_air(desk: Desk, acts_on: Any) -> None:
    programme = desk.approved()
    assert is_approved(programme)
    assert programme.approver_id == desk.approver.account_id
    with desk.database.reading() as session:
        assert [row.act.removeprefix("programme.") for row in acts_on(session, "programme", programme.id)] == [
            "write",
            "submit",
            "approve",
        ]


def test_every_act_on_a_programme_is_written_down(desk: Desk, acts_on: Any) -> None:
    programme = desk.approved()
    desk.act(programme, send_back, "Sai giờ", desk.approver, desk.now)
    desk.act(programme, change, title="Khác", person=desk.author, now=desk.now)
    desk.act(programme, lambda _, one: take_sound(one, "failed", "Bộ đọc dừng giữa chừng."))
    desk.act(programme, ask_again, person=desk.author, now=desk.now)
    desk.act(programme, withdraw, desk.boss, desk.now)
    with desk.database.reading() as session:
        rows = acts_on(session, "programme", programme.id)
    acts = {row.act.removeprefix("programme."): row.account_id for row in rows}
    author, approver, boss = (person.account_id for person in (desk.author, desk.approver, desk.boss))
    assert acts == {
        "write": author, "submit": author, "approve": approver, "send_back": approver, "change": author,
        "ask_again": author, "withdraw": boss,
    }  # fmt: skip


def test_another_recording_takes_the_approval_away(desk: Desk) -> None:
    def asset(session: Any, sha256: str) -> MediaAsset:
        one = MediaAsset(
            unit_id=desk.city.hai_chau.id, name="nhạc.mp3", kind="music", source_sha256=sha256, size_bytes=1,
            state="ready", rendition_sha256=desk.rendition(session, sha256).sha256, created_at=desk.now,
        )  # fmt: skip
        session.add(one)
        session.flush()
        return one

    with desk.database.transaction() as session:
        first, second = asset(session, "a" * 64), asset(session, "b" * 64)
        programme = record_from(session, desk.city.hai_chau, "Nhạc", first, person=desk.author, now=desk.now)
    desk.act(programme, submit, desk.author, desk.now)
    approved = desk.act(programme, approve, programme.heard_sha256, desk.approver, desk.now)
    assert is_approved(approved)
    same = desk.act(programme, change, asset=first, person=desk.author, now=desk.now)
    assert is_approved(same)
    changed = desk.act(programme, change, asset=second, person=desk.author, now=desk.now)
    assert (changed.state, changed.version, changed.rendition_sha256) == ("draft", 2, "b" * 64)
    assert not is_approved(changed)


def test_what_cannot_be_heard_yet_cannot_be_submitted(desk: Desk) -> None:
    programme = desk.write()
    with pytest.raises(ProgrammeRefused, match="đang được chuẩn bị"):
        desk.act(programme, submit, desk.author, desk.now)


def test_a_failed_sound_says_why_and_can_be_asked_for_again(desk: Desk) -> None:
    programme = desk.write()
    desk.act(programme, lambda _, one: take_sound(one, "failed", "Bộ đọc dừng giữa chừng."))
    with pytest.raises(ProgrammeRefused, match="Bộ đọc dừng giữa chừng"):
        desk.act(programme, submit, desk.author, desk.now)
    again = desk.act(programme, ask_again, person=desk.author, now=desk.now)
    assert (again.sound_state, again.sound_reason) == ("waiting", "")
    with pytest.raises(ProgrammeRefused, match="không bị lỗi"):
        desk.act(programme, ask_again, person=desk.author, now=desk.now)


def test_nobody_approves_what_they_wrote_even_with_every_right(desk: Desk) -> None:
    programme = desk.write(person=desk.boss)
    heard = desk.sounds(programme)
    desk.act(programme, submit, desk.boss, desk.now)
    with pytest.raises(ProgrammeRefused, match="Người soạn không tự duyệt"):
        desk.act(programme, approve, heard, desk.boss, desk.now)


def test_nobody_approves_what_they_changed(desk: Desk) -> None:
    programme = desk.write()
    desk.act(programme, change, title="Cắt nước sáng mai", person=desk.boss, now=desk.now)
    desk.act(programme, change, title="Cắt nước", person=desk.author, now=desk.now)
    heard = desk.sounds(programme)
    desk.act(programme, submit, desk.author, desk.now)
    with pytest.raises(ProgrammeRefused, match="Người soạn không tự duyệt"):
        desk.act(programme, approve, heard, desk.boss, desk.now)
    assert is_approved(desk.act(programme, approve, heard, desk.approver, desk.now))


def test_what_was_heard_is_what_is_approved(desk: Desk) -> None:
    programme = desk.write()
    heard_before = desk.sounds(programme)
    desk.act(programme, change, title="Cắt điện", person=desk.author, now=desk.now)
    heard_now = desk.sounds(programme)
    assert heard_now != heard_before
    desk.act(programme, submit, desk.author, desk.now)
    with pytest.raises(ProgrammeRefused, match="đã thay đổi sau khi bạn nghe"):
        desk.act(programme, approve, heard_before, desk.approver, desk.now)


@pytest.mark.parametrize("given", [{"title": "Khác"}, {"text": "Khác hẳn."}, {"voice": "vi-vn-x-south"}, {"rate": 1.1}])
def test_any_change_takes_the_approval_away(desk: Desk, given: dict[str, Any]) -> None:
    programme = desk.approved()
    changed = desk.act(programme, change, **given, person=desk.author, now=desk.now)
    assert (changed.state, changed.version, changed.approved_sha256) == ("draft", 2, "")
    assert not is_approved(changed)
    desk.sounds(programme)
    with desk.database.reading() as session:
        assert not is_approved(programme_of(session, programme.id))


def test_saving_without_a_change_leaves_the_approval(desk: Desk) -> None:
    programme = desk.approved()
    same = desk.act(programme, change, title=programme.title, text=TEXT, person=desk.author, now=desk.now)
    assert is_approved(same)
    assert same.version == 1


def test_another_sound_under_an_approval_is_not_approved(desk: Desk) -> None:
    programme = desk.approved()
    desk.sounds(programme, "b" * 64)
    with desk.database.reading() as session:
        assert not is_approved(programme_of(session, programme.id))


def test_sending_back_needs_a_reason_and_takes_the_approval_away(desk: Desk) -> None:
    programme = desk.approved()
    with pytest.raises(ProgrammeRefused, match="ghi lý do"):
        desk.act(programme, send_back, " \n", desk.approver, desk.now)
    back = desk.act(programme, send_back, " Sai  giờ\0 ", desk.approver, desk.now)
    assert (back.state, back.returned_reason) == ("draft", "Sai giờ")
    assert not is_approved(back)


def test_what_is_withdrawn_stays_withdrawn(desk: Desk) -> None:
    programme = desk.approved()
    for _ in range(2):
        assert not is_approved(desk.act(programme, withdraw, desk.author, desk.now))
    with pytest.raises(ProgrammeRefused, match="đã được thu hồi"):
        desk.act(programme, change, title="Khác", person=desk.author, now=desk.now)
    with pytest.raises(ProgrammeRefused):
        desk.act(programme, submit, desk.author, desk.now)
    with pytest.raises(ProgrammeRefused):
        desk.act(programme, send_back, "vì sao", desk.approver, desk.now)


def test_what_is_approved_is_told_to_the_poles_of_its_unit_so_that_they_fetch_it(desk: Desk) -> None:
    desk.approved()
    with desk.database.reading() as session:
        assert {row.path: row.stale for row in session.query(RundownRow)} == {desk.city.hai_chau.path: True}


def test_withdrawing_has_the_rundowns_that_hold_it_built_anew(desk: Desk) -> None:
    programme = desk.approved()
    hai_chau, lien_chieu = desk.city.hai_chau, desk.city.lien_chieu
    with desk.database.transaction() as session:
        schedule = Schedule(
            programme_id=programme.id,
            unit_id=hai_chau.id,
            targets=[[hai_chau.id, None]],
            wall_start="2026-11-24T17:00:00",
            timezone="Asia/Ho_Chi_Minh",
            created_at=desk.now,
        )
        session.add(schedule)
        session.flush()
        session.add(ScheduleTarget(schedule_id=schedule.id, unit_id=hai_chau.id))
        for one in (hai_chau, lien_chieu):
            session.merge(RundownRow(unit_id=one.id, path=one.path, stale=False))
    desk.act(programme, withdraw, desk.approver, desk.now)
    with desk.database.reading() as session:
        assert {row.path: row.stale for row in session.query(RundownRow)} == {
            hai_chau.path: True,
            lien_chieu.path: False,
        }


def test_the_neighbours_administrator_touches_nothing_here(desk: Desk, acts_on: Any) -> None:
    programme = desk.write()
    heard = desk.sounds(programme)
    acts: list[tuple[Callable[..., None], tuple[Any, ...], dict[str, Any]]] = [
        (submit, (desk.neighbour, desk.now), {}),
        (approve, (heard, desk.neighbour, desk.now), {}),
        (send_back, ("vì sao", desk.neighbour, desk.now), {}),
        (withdraw, (desk.neighbour, desk.now), {}),
        (change, (), {"title": "Khác", "person": desk.neighbour, "now": desk.now}),
        (ask_again, (), {"person": desk.neighbour, "now": desk.now}),
    ]
    for verb, words, given in acts:
        with pytest.raises(NotAllowed):
            desk.act(programme, verb, *words, **given)
    with pytest.raises(NotAllowed):
        desk.write(person=desk.neighbour)
    with pytest.raises(NotAllowed), acting(desk.database, desk.neighbour, now=desk.now) as session:
        programme_for(session, programme.id, desk.neighbour)
    with desk.database.reading() as session:
        assert acts_on(session, "programme", programme.id)[-1].act == "refused.not_allowed"
        assert programmes(session, desk.neighbour) == []


def test_each_role_does_only_its_part(desk: Desk) -> None:
    programme = desk.write()
    heard = desk.sounds(programme)
    with pytest.raises(NotAllowed):
        desk.act(programme, submit, desk.approver, desk.now)
    desk.act(programme, submit, desk.author, desk.now)
    with pytest.raises(NotAllowed):
        desk.act(programme, approve, heard, desk.author, desk.now)


def test_lists_show_what_a_person_may_see(desk: Desk, person: Callable[..., Person]) -> None:
    programme, other = desk.approved(), desk.write("Bản tin thứ hai.")
    everywhere = person("em", "viewer", desk.city.city)
    with desk.database.reading() as session:
        assert {one.id for one in programmes(session, everywhere)} == {programme.id, other.id}
        assert [one.id for one in programmes(session, desk.author, state="approved")] == [programme.id]
        assert programmes(session, everywhere, of=desk.city.lien_chieu) == []
        assert programmes(session, everywhere, act="approve") == []


def test_a_recording_of_another_unit_is_not_taken(desk: Desk) -> None:
    with desk.database.transaction() as session:
        asset = MediaAsset(
            unit_id=desk.city.lien_chieu.id,
            name="nhạc.mp3",
            kind="music",
            source_sha256="c" * 64,
            size_bytes=1,
            created_at=desk.now,
        )
        session.add(asset)
        session.flush()
        with pytest.raises(ProgrammeRefused, match="thuộc đơn vị khác"):
            record_from(session, desk.city.hai_chau, "Nhạc", asset, person=desk.author, now=desk.now)


@pytest.mark.parametrize("state", ["waiting", "ready", "failed"])
def test_a_programme_of_a_recording_is_as_ready_as_the_recording(desk: Desk, state: str) -> None:
    with desk.database.transaction() as session:
        asset = MediaAsset(
            unit_id=desk.city.hai_chau.id,
            name="nhạc.mp3",
            kind="music",
            source_sha256="c" * 64,
            size_bytes=1,
            state=state,
            reason="Tệp bị hỏng." if state == "failed" else "",
            rendition_sha256=desk.rendition(session, "a" * 64).sha256 if state == "ready" else None,
            created_at=desk.now,
        )
        session.add(asset)
        session.flush()
        programme = record_from(session, desk.city.hai_chau, "", asset, person=desk.author, now=desk.now)
        assert (programme.title, programme.sound_state, programme.sound_reason) == ("nhạc.mp3", state, asset.reason)
