"""What is planned: the tables of schedules and of rundowns, and the mark that a rundown has to be built anew.

Schedules keep wall time, zone and rule and are expanded late. This file stands below `broadcast.programme` and
`broadcast.schedule`, so that whoever changes what is heard can mark the rundowns that say it.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, cast

import structlog
from sqlalchemy import BigInteger, ColumnElement, ForeignKey, Index, Row, func, or_, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from broadcast.administrative_unit import AdministrativeUnit
from broadcast.agenda import LONGEST_TEXT, Fact, Said
from broadcast.database import Base, new_id
from broadcast.event import Change
from broadcast.priority import Rank
from broadcast.programme import Programme, is_approved

log = structlog.get_logger(__name__)


class Schedule(Base):
    """One rule. `wall_start` is local wall time `2026-11-24T17:00:00` in `timezone`; `rule` is the value of an
    RFC 5545 RRULE or empty for once. `targets` is a list of [unit_id, cluster_id or null].

    `until` is the last instant at which an occurrence may start (empty: for ever), for finding rules that ended.
    """

    __tablename__ = "schedule"

    id: Mapped[str] = mapped_column(primary_key=True, default=new_id)
    programme_id: Mapped[str] = mapped_column(ForeignKey("programme.id"), index=True)
    unit_id: Mapped[str] = mapped_column(ForeignKey("administrative_unit.id"), index=True)  # whose schedule it is
    targets: Mapped[list[Any]]
    wall_start: Mapped[str]
    timezone: Mapped[str]
    rule: Mapped[str] = mapped_column(default="")
    until: Mapped[datetime | None] = mapped_column(index=True)
    rank: Mapped[str] = mapped_column(default="normal")
    late_s: Mapped[int] = mapped_column(default=300)  # how late an occurrence may still begin
    resume: Mapped[str] = mapped_column(default="resume")
    created_by: Mapped[str | None] = mapped_column(ForeignKey("account.id"))
    created_at: Mapped[datetime]
    withdrawn_at: Mapped[datetime | None]


class ScheduleTarget(Base):
    """Which units a schedule puts items into: the index by which a unit's rundown is built."""

    __tablename__ = "schedule_target"

    schedule_id: Mapped[str] = mapped_column(ForeignKey("schedule.id"), primary_key=True)
    unit_id: Mapped[str] = mapped_column(ForeignKey("administrative_unit.id"), primary_key=True)

    __table_args__ = (Index("ix_schedule_target_unit_id", "unit_id"),)


class OccurrenceChange(Base):
    """One occurrence that differs from its rule: moved to `wall_start`, or cancelled when that is empty."""

    __tablename__ = "occurrence_change"

    schedule_id: Mapped[str] = mapped_column(ForeignKey("schedule.id"), primary_key=True)
    occurrence: Mapped[str] = mapped_column(primary_key=True)  # its wall time by the rule
    wall_start: Mapped[str] = mapped_column(default="")
    programme_id: Mapped[str | None] = mapped_column(ForeignKey("programme.id"))  # another programme this once


class RundownRow(Base):
    """The rundown of one unit as last built and signed (`message`), and what is still to be done about it.

    `stale` is set in the transaction that changes anything it depends on, and `marks` is counted up with it, so that
    the playout clears `stale` only when no other change came in while it was building. `published_revision` is set by
    the gateway; `look_at` is the next instant at which the playout has to look (an item to prepare, arm or write down).
    """

    __tablename__ = "rundown"

    unit_id: Mapped[str] = mapped_column(ForeignKey("administrative_unit.id"), primary_key=True)
    path: Mapped[str] = mapped_column(index=True)
    revision: Mapped[int] = mapped_column(BigInteger, default=0)
    published_revision: Mapped[int] = mapped_column(BigInteger, default=0)
    stale: Mapped[bool] = mapped_column(default=True, index=True)
    marks: Mapped[int] = mapped_column(BigInteger, default=0)
    message: Mapped[bytes] = mapped_column(default=b"")
    issued_at: Mapped[datetime | None]
    covers_to: Mapped[datetime | None]
    looked_at: Mapped[datetime | None]
    look_at: Mapped[datetime | None] = mapped_column(index=True)


_AT_ONCE = 500


def mark_stale(session: Session, unit_ids: Iterable[str], *, urgent_at: datetime | None = None) -> None:
    """The rundowns of these units are to be built anew; call it in the transaction that changes what they say.

    With `urgent_at` they are built before others that wait. A unit without a rundown gets one.
    """
    ids = sorted(set(unit_ids))
    for begin in range(0, len(ids), _AT_ONCE):
        part = ids[begin : begin + _AT_ONCE]
        known = set(session.scalars(select(RundownRow.unit_id).where(RundownRow.unit_id.in_(part))))
        values: dict[str, Any] = {"stale": True, "marks": RundownRow.marks + 1}
        if urgent_at is not None:
            values["look_at"] = urgent_at
        session.execute(update(RundownRow).where(RundownRow.unit_id.in_(part)).values(values))
        missing = [unit_id for unit_id in part if unit_id not in known]
        paths = session.execute(
            select(AdministrativeUnit.id, AdministrativeUnit.path).where(AdministrativeUnit.id.in_(missing))
        )
        session.add_all(RundownRow(unit_id=unit_id, path=path, look_at=urgent_at) for unit_id, path in paths)
    session.flush()


# The facts that are expanded, in bulk and without objects of the mapper: a full rebuild reads a hundred thousand.

_SAID = (
    Programme.id,
    Programme.title,
    func.substr(Programme.text, 1, LONGEST_TEXT).label("text"),
    Programme.language,
    Programme.rendition_sha256,
    Programme.duration_ms,
    Programme.approved_at,
    Programme.state,
    Programme.sound_state,
    Programme.sound_reason,
    Programme.heard_sha256,
    Programme.approved_sha256,
    Programme.author_id,
    Programme.approver_id,
    Programme.writers,
)
_RULE = (
    Schedule.id.label("schedule_id"),
    Schedule.targets,
    Schedule.wall_start,
    Schedule.timezone,
    Schedule.rule,
    Schedule.rank,
    Schedule.late_s,
    Schedule.resume,
    Schedule.created_at.label("made_at"),
    Schedule.withdrawn_at,
)


def why_not(programme: Programme) -> str:
    """Why a programme may not go on air as it is, as a sentence; empty: it may."""
    if programme.state == "withdrawn":
        return "Chương trình đã bị thu hồi."
    if programme.sound_state == "failed":
        return f"Chưa tạo được tiếng của chương trình: {programme.sound_reason}".rstrip(": ")
    if programme.sound_state != "ready" or not programme.rendition_sha256 or programme.duration_ms <= 0:
        return "Tiếng của chương trình chưa sẵn sàng."
    if not is_approved(programme):
        return "Chương trình chưa được duyệt, hoặc đã thay đổi sau khi duyệt."
    return ""


def _said(row: Row[Any]) -> Said:
    programme = cast(Programme, row)  # the same names, without an object of the mapper
    sha256, approved_at = programme.rendition_sha256 or "", programme.approved_at
    why = why_not(programme)
    return Said(
        programme.id,
        programme.title,
        programme.text,
        programme.language,
        sha256,
        programme.duration_ms,
        approved_at,
        why,
    )


def facts(
    session: Session, unit_ids: Sequence[str], from_: datetime, *, withdrawn_after: datetime | None = None
) -> dict[str, list[Fact]]:
    """By unit, the schedules that aim at it and may still start at or after `from_`; those of all units in a few
    queries, so give it some hundreds of units at once. Withdrawn ones only with `withdrawn_after`, if later."""
    if not unit_ids:
        return {}
    alive: ColumnElement[bool] = Schedule.withdrawn_at.is_(None)
    if withdrawn_after is not None:
        alive = or_(alive, Schedule.withdrawn_at > withdrawn_after)
    rows = session.execute(
        select(ScheduleTarget.unit_id.label("aimed_at"), *_RULE, *_SAID)
        .join(Schedule, Schedule.id == ScheduleTarget.schedule_id)
        .join(Programme, Programme.id == Schedule.programme_id)
        .where(ScheduleTarget.unit_id.in_(unit_ids), alive, or_(Schedule.until.is_(None), Schedule.until >= from_))
    ).all()
    return _facts_of(session, rows)


def unready_facts(session: Session, from_: datetime) -> dict[str, list[Fact]]:
    """By unit, the schedules whose programme, or one of whose changed occurrences, could not go on air now."""
    fit = (
        (Programme.state == "approved")
        & (Programme.sound_state == "ready")
        & (Programme.approved_sha256 == Programme.heard_sha256)
        & (Programme.approved_sha256 != "")
    )
    unfit = select(Programme.id).where(~fit)
    changed = select(OccurrenceChange.schedule_id).where(OccurrenceChange.programme_id.in_(unfit))
    rows = session.execute(
        select(ScheduleTarget.unit_id.label("aimed_at"), *_RULE, *_SAID)
        .join(Schedule, Schedule.id == ScheduleTarget.schedule_id)
        .join(Programme, Programme.id == Schedule.programme_id)
        .where(
            or_(Schedule.programme_id.in_(unfit), Schedule.id.in_(changed)),
            Schedule.withdrawn_at.is_(None),
            or_(Schedule.until.is_(None), Schedule.until >= from_),
        )
    ).all()
    return _facts_of(session, rows)


def _facts_of(session: Session, rows: Sequence[Row[Any]]) -> dict[str, list[Fact]]:
    changes, instead = _changes(session, sorted({row.schedule_id for row in rows}))
    found: dict[str, list[Fact]] = defaultdict(list)
    for row in rows:
        try:
            found[row.aimed_at].append(_fact(row, tuple(changes.get(row.schedule_id, ())), instead))
        except (TypeError, ValueError):  # one row that nobody here has written costs only itself
            log.exception("schedule not understood", schedule=row.schedule_id)
    return found


def _fact(row: Row[Any], changes: tuple[Change, ...], instead: dict[str, Said]) -> Fact:
    return Fact(
        schedule_id=row.schedule_id,
        said=_said(row),
        targets=tuple((unit_id, cluster_id) for unit_id, cluster_id in row.targets),
        wall_start=row.wall_start,
        timezone=row.timezone,
        rule=row.rule,
        rank=Rank.of_word(row.rank),
        late_s=row.late_s,
        resume=row.resume,
        created_at=row.made_at,
        withdrawn_at=row.withdrawn_at,
        changes=changes,
        instead=instead,
    )


def _changes(session: Session, schedule_ids: Sequence[str]) -> tuple[dict[str, list[Change]], dict[str, Said]]:
    changes: dict[str, list[Change]] = defaultdict(list)
    programmes = set()
    for begin in range(0, len(schedule_ids), _AT_ONCE):
        part = schedule_ids[begin : begin + _AT_ONCE]
        for change in session.scalars(select(OccurrenceChange).where(OccurrenceChange.schedule_id.in_(part))):
            changes[change.schedule_id].append(Change(change.occurrence, change.wall_start, change.programme_id))
            programmes.add(change.programme_id)
    rows = session.execute(select(*_SAID).where(Programme.id.in_(programmes - {None}))) if programmes else ()
    return changes, {row.id: _said(row) for row in rows}
