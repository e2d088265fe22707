"""Rundowns as they were last signed, read from their rows: whole ones for pages and listeners, near parts for loops."""

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import bindparam, case, or_, select, update
from sqlalchemy.orm import Session

from broadcast.plan import RundownRow
from broadcast.rundown import Rundown
from broadcast.rundown_body import begun_before, from_body
from broadcast.signing import body_of
from broadcast.unit_path import lineage

_REFRESH = timedelta(hours=6)
_REFRESH_SPREAD_S = 3 * 3600


@lru_cache(maxsize=64)
def parsed(message: bytes) -> Rundown:
    """The rundown of a message that this station has signed."""
    return from_body(body_of(message))


def rundowns_for(session: Session, unit_path: str, *, below: bool = False) -> list[Rundown]:
    """The rundowns that concern a unit as last signed: its own, those above it and, if wanted, all below it."""
    under = [RundownRow.path.startswith(f"{unit_path}/")] if below else []
    concerned = or_(RundownRow.path.in_(lineage(unit_path)), *under)
    messages = session.scalars(select(RundownRow.message).where(concerned).order_by(RundownRow.path))
    return [parsed(message) for message in messages if message]


def revisions(session: Session) -> dict[str, int]:
    """By path, the revisions of all rundowns: what tells a loop, for little, whether there is anything new."""
    rows = session.execute(select(RundownRow.path, RundownRow.revision))
    return {row.path: row.revision for row in rows}


def near_parts(session: Session, paths: Iterable[str], before: datetime) -> dict[str, Rundown]:
    """By path, of these rundowns the items that start before an instant."""
    chosen = select(RundownRow.path, RundownRow.message).where(
        RundownRow.path.in_(list(paths)), RundownRow.message != b""
    )
    return {path: begun_before(body_of(message), before)[0] for path, message in session.execute(chosen)}


@dataclass(frozen=True, slots=True)
class Row:
    """A rundown row as it was read, without an object of the mapper."""

    unit_id: str
    path: str
    revision: int
    marks: int
    message: bytes
    issued_at: datetime | None
    covers_to: datetime | None
    looked_at: datetime | None

    def refresh_at(self) -> datetime | None:
        """When the window has moved far enough to be told anew; spread, so that not all units come at once."""
        if self.issued_at is None:
            return None
        spread_s = zlib.crc32(self.unit_id.encode()) * _REFRESH_SPREAD_S / 2**32
        return self.issued_at + _REFRESH + timedelta(seconds=spread_s)


_COLUMNS = (
    RundownRow.unit_id,
    RundownRow.path,
    RundownRow.revision,
    RundownRow.marks,
    RundownRow.message,
    RundownRow.issued_at,
    RundownRow.covers_to,
    RundownRow.looked_at,
)
_table: Any = RundownRow.__table__
KEEP_LOOK = (
    update(_table)
    .where(_table.c.unit_id == bindparam("of"))
    .values(looked_at=bindparam("looked"), look_at=bindparam("next"))
)
KEEP_BUILT = (
    update(_table)
    .where(_table.c.unit_id == bindparam("of"))
    .values(
        looked_at=bindparam("looked"),
        look_at=bindparam("next"),
        revision=bindparam("rev"),
        message=bindparam("signed"),
        issued_at=bindparam("issued"),
        covers_to=bindparam("to"),
        stale=case((_table.c.marks == bindparam("seen"), False), else_=True),
    )
)


def read_rows(session: Session, condition: Any, without: Sequence[str], most: int) -> list[Row]:
    """Rows that fulfil a condition, those that were marked as urgent or are longest due first."""
    found = session.execute(
        select(*_COLUMNS)
        .where(condition, RundownRow.unit_id.not_in(without))
        .order_by(RundownRow.look_at.is_(None), RundownRow.look_at, RundownRow.unit_id)
        .limit(most)
    )
    return [Row(*row) for row in found]
