"""A station's database with its city, people with rights, and short sounds: what most tests of this room stand on."""

import hashlib
import math
import struct
import wave
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import select
from sqlalchemy.orm import Session

from broadcast.account import Account, add_account, person_from
from broadcast.administrative_unit import AdministrativeUnit, seed_da_nang, unit_of_slug
from broadcast.archive import Episode
from broadcast.asrun import AsRun
from broadcast.audit import Audit
from broadcast.database import Database, new_id
from broadcast.media import Rendition
from broadcast.permission import Person
from broadcast.plan import RundownRow, mark_stale
from broadcast.playout import Playout
from broadcast.programme import Programme
from broadcast.rendering import Workshop
from broadcast.rundown import Rundown, topic_of
from broadcast.rundown_body import from_body
from broadcast.schedule import add, play_now, schedule, withdraw
from broadcast.signing import generate_key, public_bytes, trusted_key, verify
from broadcast.storage import Storage
from streams.media import Limits

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class City:
    """Đà Nẵng and two of its communes."""

    city: AdministrativeUnit
    hai_chau: AdministrativeUnit
    lien_chieu: AdministrativeUnit


@pytest.fixture
def now() -> datetime:
    """An ordinary Sunday afternoon in Đà Nẵng."""
    return NOW


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A database of this version, on SQLite and on PostgreSQL."""
    database = Database(database_url)
    database.upgrade()
    yield database
    database.close()


@pytest.fixture
def city(database: Database) -> City:
    """The seeded city."""
    with database.transaction() as session:
        root = seed_da_nang(session, NOW.date())
        return City(root, unit_of_slug(session, "hai-chau"), unit_of_slug(session, "lien-chieu"))


@pytest.fixture
def person(database: Database, city: City) -> Callable[..., Person]:
    """A function that adds a person: `person("lan", "editor", city.hai_chau)`."""

    def add(name: str, role: str, unit: AdministrativeUnit | None = None) -> Person:
        with database.transaction() as session:
            of = unit or city.hai_chau
            account, _ = add_account(session, name, name.title(), role, of, password="đủ dài để dùng", now=NOW)
            return person_from(session, account)

    return add


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    """An empty place for sound files."""
    return Storage(tmp_path / "media")


@pytest.fixture
def workshop(database: Database, storage: Storage, tmp_path: Path) -> Workshop:
    """A workshop whose clock stands still."""
    return Workshop(database, storage, tmp_path / "voices", Limits(), lambda: NOW)


@pytest.fixture
def tone(tmp_path: Path) -> Callable[..., bytes]:
    """A function that gives the bytes of a WAV file with a tone."""

    def make(frequency_hz: float = 440.0, seconds: float = 1.0) -> bytes:
        path = tmp_path / "tone.wav"
        with wave.open(str(path), "wb") as sound:
            sound.setnchannels(1)
            sound.setsampwidth(2)
            sound.setframerate(16_000)
            count = round(16_000 * seconds)
            samples = (round(9_000 * math.sin(2 * math.pi * frequency_hz * n / 16_000)) for n in range(count))
            sound.writeframes(struct.pack(f"<{count}h", *samples))
        return path.read_bytes()

    return make


@pytest.fixture
def acts_on() -> Callable[[Session, str, str], list[Audit]]:
    """A function that gives all that was done to one thing, oldest first."""

    def read(session: Session, object_type: str, object_id: str) -> list[Audit]:
        chosen = select(Audit).where(Audit.object_type == object_type, Audit.object_id == object_id)
        return list(session.scalars(chosen.order_by(Audit.at, Audit.id)))

    return read


@dataclass(frozen=True, slots=True)
class Desk:
    """The desk of a station: people who may act, and programmes that are ready to go out."""

    database: Database
    storage: Storage
    city: City
    editor: Person

    def approved(self, title: str = "Bản tin", seconds: float = 60.0, text: str = "Kính thưa bà con.") -> Programme:
        """A programme of Hải Châu, approved at NOW, whose sound lies in the storage."""
        content = f"OggS {title} {seconds} {new_id()}".encode()
        sha256 = hashlib.sha256(content).hexdigest()
        path = self.storage.rendition(sha256)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        duration_ms = round(seconds * 1000)
        with self.database.transaction() as session:
            session.add(_rendition(sha256, len(content), duration_ms))
            session.flush()
            chau, heard = self.city.hai_chau, f"heard {sha256}"
            approver = Account(sign_in_name=f"duyet-{new_id()}", full_name="Duyệt", password_hash="", created_at=NOW)
            session.add(approver)
            session.flush()
            one = Programme(
                unit_id=chau.id, title=title, kind="text", text=text, sentences=[[text, 0, duration_ms]], writers=[],
                sound_state="ready", rendition_sha256=sha256, duration_ms=duration_ms, heard_sha256=heard,
                state="approved", approved_sha256=heard, author_id=self.editor.account_id, approver_id=approver.id,
                created_at=NOW, changed_at=NOW, approved_at=NOW,
            )  # fmt: skip
            session.add(one)
        return one

    def unapprove(self, programme: Programme) -> None:
        """Change what is heard, as an edit does, so that the approval counts no more."""
        with self.database.transaction() as session:
            one = session.get_one(Programme, programme.id)
            one.heard_sha256, one.state = "another", "draft"
            mark_stale(session, session.scalars(select(RundownRow.unit_id)).all())


def _rendition(sha256: str, size_bytes: int, duration_ms: int) -> Rendition:
    return Rendition(
        sha256=sha256, source_sha256=sha256, profile="speech", size_bytes=size_bytes, duration_ms=duration_ms,
        integrated_lufs=-16.0, true_peak_dbtp=-3.0, leading_silence_ms=0, trailing_silence_ms=0,
        created_at=NOW,
    )  # fmt: skip


@pytest.fixture
def desk(database: Database, storage: Storage, city: City, person: Callable[..., Person]) -> Desk:
    """A desk with an editor of the whole city."""
    return Desk(database, storage, city, person("bien-tap", "editor", city.city))


@pytest.fixture
def put(desk: Any, now: datetime) -> Callable[..., str]:
    """A function that schedules an approved programme for Hải Châu, or other targets, and gives the schedule's id."""

    def schedule_it(wall: str, *, targets: Any = None, seconds: float = 60.0, **more: Any) -> str:
        programme = more.pop("programme", None) or desk.approved(more.pop("title", "Bản tin"), seconds)
        wanted = targets or [(desk.city.hai_chau.id, None)]
        with desk.database.transaction() as session:
            return add(session, programme, wanted, wall, person=desk.editor, now=now, **more).id

    return schedule_it


class Air:
    """A playout and its desk; time goes on only by `until`."""

    def __init__(self, desk: Any, key: Ed25519PrivateKey, now: datetime) -> None:
        self.desk, self.key, self.now = desk, key, now
        self.heard_of_news = 0
        self.restart()

    def restart(self) -> None:
        """A new process: nothing is remembered but what lies in the database."""
        self.playout = Playout(
            self.desk.database, self.desk.storage, self.key, now=lambda: self.now, on_new=self._news, horizon_days=7
        )

    def _news(self) -> None:
        self.heard_of_news += 1

    def look(self, after: timedelta = timedelta(0)) -> Any:
        """Let time go on, then look once."""
        self.now += after
        return self.playout.look(self.now)

    def until(self, moment: datetime, step: timedelta = timedelta(seconds=5)) -> None:
        """Look every few seconds up to a moment."""
        while self.now < moment:
            self.look(min(step, moment - self.now))

    def at(self, wall: str, programme: Any = None, unit: Any = None, **more: Any) -> str:
        """Schedule a programme for Hải Châu or another unit; gives the schedule's id."""
        said = programme or self.desk.approved()
        targets = [((unit or self.desk.city.hai_chau).id, None)]
        with self.desk.database.transaction() as session:
            return add(session, said, targets, wall, person=self.desk.editor, now=self.now, **more).id

    def start_now(self, programme: Any, unit: Any = None, **more: Any) -> str:
        """«Phát ngay»."""
        targets = [((unit or self.desk.city.hai_chau).id, None)]
        with self.desk.database.transaction() as session:
            return play_now(session, programme, targets, self.desk.editor, self.now, lead_ms=400, **more).id

    def take_back(self, one: str) -> None:
        """Withdraw a schedule."""
        with self.desk.database.transaction() as session:
            withdraw(session, schedule(session, one), self.desk.editor, self.now)

    def row(self, unit: Any = None) -> RundownRow:
        """The rundown's row of Hải Châu or another unit."""
        with self.desk.database.reading() as session:
            return session.get_one(RundownRow, (unit or self.desk.city.hai_chau).id)

    def rundown(self, unit: Any = None) -> Rundown:
        """The rundown as a device reads it: signed for its topic by the station's key."""
        row = self.row(unit)
        return from_body(verify(row.message, topic_of(row.path), trusted_key(public_bytes(self.key))))

    def as_run(self) -> list[tuple[str, str, str, int]]:
        """(title, state, reason, seconds heard) of the station's rows, in order of planned start."""
        with self.desk.database.reading() as session:
            rows = session.scalars(select(AsRun).where(AsRun.device_id == "").order_by(AsRun.planned_start)).all()
        return [(row.title, row.state, row.reason, round(row.heard_ms / 1000)) for row in rows]

    def episodes(self) -> list[Episode]:
        """All episodes."""
        with self.desk.database.reading() as session:
            return list(session.scalars(select(Episode).order_by(Episode.aired_at)))

    @staticmethod
    def clock(day: int, wall: str) -> datetime:
        """An instant of November 2026 by the clock of Đà Nẵng."""
        return datetime.fromisoformat(f"2026-11-{day:02}T{wall}+07:00").astimezone(UTC)


@pytest.fixture
def air(desk: Any, now: datetime) -> Air:
    """A playout that has looked once at an empty city."""
    air = Air(desk, generate_key(), now)
    air.look()
    return air
