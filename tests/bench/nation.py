"""Every commune of Việt Nam in a database: 34 provinces, 3,321 communes, each its own day of 20 different programmes.

What a benchmark stands on. Codes and texts are made up, sizes are real: a programme lasts three minutes and is a file
of half a megabyte. Files are written only for what goes on air soon; nobody opens the others.
"""

import hashlib
import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import insert

from broadcast.account import Account
from broadcast.administrative_unit import AdministrativeUnit
from broadcast.database import Base, Database
from broadcast.media import Rendition
from broadcast.plan import Schedule, ScheduleTarget
from broadcast.programme import Programme
from broadcast.storage import Storage

COMMUNES = 3_321
PROVINCES = 34
A_DAY = 20
DURATION_MS = 180_000
FILE_BYTES = 540_000
TEXT = (
    "Kính thưa toàn thể bà con nhân dân. Sau đây là những thông tin cần biết trong ngày hôm nay ở địa phương ta. " * 3
)
_DAY_S = 86_400
_ROWS_AT_ONCE = 5_000


@dataclass(frozen=True, slots=True)
class Slot:
    """The `number`th programme of the day at the `commune`th commune, `second` seconds after midnight UTC."""

    commune: int
    number: int
    second: int

    @property
    def name(self) -> str:
        """The id of its rows."""
        return f"{self.commune:05}-{self.number:02}"


def slots(communes: int) -> Iterator[Slot]:
    """Twenty a commune, 72 minutes apart; communes are shifted against each other, so that the load is even."""
    apart = _DAY_S // A_DAY
    for commune in range(communes):
        shift = commune * apart // communes
        for number in range(A_DAY):
            yield Slot(commune, number, number * apart + shift)


def _soon(slot: Slot, now: datetime, within: timedelta) -> bool:
    """Whether it is on air now, or within that time."""
    midnight = datetime.combine(now.date(), datetime.min.time(), UTC)
    ahead_s = (slot.second + DURATION_MS / 1000 + 60 - (now - midnight).total_seconds()) % _DAY_S
    return ahead_s < within.total_seconds()


def _sound(slot: Slot, storage: Storage, *, there: bool) -> str:
    content = slot.name.encode() + bytes(FILE_BYTES if there else 0)
    sha256 = hashlib.sha256(content).hexdigest()
    if there:
        path = storage.rendition(sha256)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return sha256


def _rows(slot: Slot, sha256: str, now: datetime) -> dict[type[Base], dict[str, Any]]:
    wall = datetime(2026, 1, 1) + timedelta(seconds=slot.second)  # noqa: DTZ001 - a wall time has no zone
    unit, title, heard = (
        f"unit-{slot.commune:05}",
        f"Bản tin số {slot.number} của xã {slot.commune}",
        f"heard {slot.name}",
    )
    return {
        Rendition: {
            "sha256": sha256, "source_sha256": sha256, "profile": "speech", "size_bytes": FILE_BYTES,
            "duration_ms": DURATION_MS, "integrated_lufs": -16.0, "true_peak_dbtp": -2.0, "leading_silence_ms": 0,
            "trailing_silence_ms": 0, "created_at": now,
        },
        Programme: {
            "id": slot.name, "unit_id": unit, "title": title, "kind": "text", "text": TEXT, "state": "approved",
            "sound_state": "ready", "rendition_sha256": sha256, "duration_ms": DURATION_MS, "heard_sha256": heard,
            "approved_sha256": heard, "author_id": "author", "approver_id": "approver", "created_at": now,
            "changed_at": now - timedelta(days=2), "approved_at": now - timedelta(days=2),
            "sentences": [[TEXT, 0, DURATION_MS]],
        },
        Schedule: {
            "id": slot.name, "programme_id": slot.name, "unit_id": unit, "targets": [[unit, None]],
            "wall_start": wall.isoformat(), "timezone": "UTC", "rule": "FREQ=DAILY",
            "created_at": now - timedelta(days=1),
        },
        ScheduleTarget: {"schedule_id": slot.name, "unit_id": unit},
    }  # fmt: skip


def _units(communes: int) -> list[dict[str, Any]]:
    since = date(2025, 7, 1)
    provinces = [
        {"id": f"province-{n:02}", "code": f"{n:02}", "parent_id": None, "path": f"{n:02}", "kind": "city",
         "name": f"Tỉnh {n}", "slug": f"tinh-{n}", "valid_from": since}
        for n in range(1, PROVINCES + 1)
    ]  # fmt: skip
    return provinces + [
        {"id": f"unit-{n:05}", "code": f"{n:05}", "parent_id": f"province-{n % PROVINCES + 1:02}",
         "path": f"{n % PROVINCES + 1:02}/{n:05}", "kind": "commune", "name": f"Xã {n}", "slug": f"xa-{n}",
         "valid_from": since}
        for n in range(communes)
    ]  # fmt: skip


def settle_nation(folder: Path, now: datetime, within: timedelta, communes: int = COMMUNES) -> Database:
    """A database in `folder` with all of it; sounds for what starts `within` of `now` lie in the storage there."""
    database = Database(f"sqlite:///{folder / 'loa.db'}")
    database.upgrade()
    storage = Storage(folder / "media")
    with database.transaction() as session:
        session.execute(insert(AdministrativeUnit), _units(communes))
        people = [{"id": name, "sign_in_name": name, "full_name": name, "password_hash": ""} for name in _PEOPLE]
        session.execute(insert(Account), [person | {"created_at": now} for person in people])
    every = slots(communes)
    while part := list(itertools.islice(every, _ROWS_AT_ONCE)):
        made = [_rows(slot, _sound(slot, storage, there=_soon(slot, now, within)), now) for slot in part]
        with database.transaction() as session:
            for table in (Rendition, Programme, Schedule, ScheduleTarget):
                session.execute(insert(table), [rows[table] for rows in made])
    os.sync()
    return database


_PEOPLE = ("author", "approver")
