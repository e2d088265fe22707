"""Schedules: a person says when a programme goes on air, changes it, takes it back.

The tables stand in `broadcast.plan`, what is planned is read in `broadcast.outlook`; every act here marks the rundowns
it concerns, and `broadcast.playout` builds them anew within its next look.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from broadcast.administrative_unit import AdministrativeUnit
from broadcast.audit import record
from broadcast.database import new_id
from broadcast.errors import NotFound, ScheduleRefused
from broadcast.event import (
    Change,
    canonical,
    describe,
    first_start,
    last_start,
    occurrences,
    start_of,
    wall_text,
    wall_time,
    zone,
)
from broadcast.permission import Person, require
from broadcast.plan import OccurrenceChange, Schedule, ScheduleTarget, mark_stale, why_not
from broadcast.priority import Rank
from broadcast.programme import Programme
from broadcast.rundown import Resume

Target = tuple[str, str | None]
"""(unit id, cluster id); without a cluster the whole unit is meant."""

MOST_TARGETS = 1_000
NOW_LATE_S = 60
LONGEST_LATE_S = 3_600
_MARGIN = timedelta(hours=3)


def schedule(session: Session, schedule_id: str) -> Schedule:
    """The schedule of an id. Raises NotFound."""
    found = session.get(Schedule, schedule_id)
    if found is None:
        raise NotFound("Không tìm thấy lịch phát này.", object_type="schedule", object_id=schedule_id)
    return found


def _units(session: Session, targets: Sequence[Target], person: Person, now: datetime) -> dict[str, AdministrativeUnit]:
    """The units aimed at, all of them valid and all of them this person's to schedule for."""
    if not targets:
        raise ScheduleRefused("Xin chọn ít nhất một nơi phát.")
    if len(targets) > MOST_TARGETS:
        raise ScheduleRefused(f"Một lịch phát không quá {MOST_TARGETS} nơi. Xin chọn đơn vị cấp trên.")
    ids = {unit_id for unit_id, _ in targets}
    found = {
        unit.id: unit for unit in session.scalars(select(AdministrativeUnit).where(AdministrativeUnit.id.in_(ids)))
    }
    for unit_id in sorted(ids):
        unit = found.get(unit_id)
        if unit is None:
            raise NotFound(object_type="unit", object_id=unit_id)
        require(person, "schedule", unit.path, object_type="unit", object_id=unit_id)
        if unit.has_ended(now):
            raise ScheduleRefused(f"{unit.name} không còn là đơn vị hành chính từ ngày {unit.valid_to:%d/%m/%Y}.")
    return found


def _require_ready(programme: Programme) -> None:
    reason = why_not(programme)
    if reason:
        raise ScheduleRefused(f"{reason} Chỉ chương trình đã duyệt mới lên lịch được.")


def _keep(session: Session, one: Schedule, unit_ids: Iterable[str], *, person: Person, act: str, now: datetime) -> None:
    session.add(one)
    session.flush()
    session.add_all(ScheduleTarget(schedule_id=one.id, unit_id=unit_id) for unit_id in sorted(unit_ids))
    _record(session, act, one, person, now)


def _record(session: Session, act: str, one: Schedule, person: Person, now: datetime, **detail: str) -> None:
    title = session.get_one(Programme, one.programme_id).title
    detail |= {
        "title": title,
        "programme": one.programme_id,
        "wall_start": one.wall_start,
        "rule": one.rule,
        "rank": one.rank,
    }
    record(
        session, act, "schedule", one.id, person_id=person.account_id, unit_id=one.unit_id, now=now, detail={**detail}
    )


def play_now(
    session: Session,
    programme: Programme,
    targets: Sequence[Target],
    person: Person,
    now: datetime,
    *,
    lead_ms: int,
    rank: Rank = Rank.NORMAL,
    once_id: str = "",
) -> Schedule:
    """Start a programme `lead_ms` from now at all targets together. Raises NotAllowed, NotFound, ScheduleRefused.

    It is kept as an instant in UTC, which no clock change moves, and may begin up to a minute late. `once_id` becomes
    its id: asked for twice with the same one, it is started once.
    """
    units = _units(session, targets, person, now)
    done = _done_before(session, programme, once_id, person)
    if done is not None:
        return done
    _require_ready(programme)
    start = now + timedelta(milliseconds=lead_ms)
    start = start.replace(microsecond=start.microsecond // 1000 * 1000)
    one = Schedule(
        id=once_id or new_id(),
        programme_id=programme.id,
        unit_id=programme.unit_id,
        targets=[list(target) for target in targets],
        wall_start=wall_text(start.astimezone(UTC).replace(tzinfo=None)),
        timezone="UTC",
        rule="",
        until=start,
        rank=rank.word,
        late_s=NOW_LATE_S,
        resume="resume",
        created_by=person.account_id,
        created_at=min(now, start),
        withdrawn_at=None,
    )
    _keep(session, one, units, person=person, act="schedule.play_now", now=now)
    mark_stale(session, units, urgent_at=now)
    return one


def add(
    session: Session,
    programme: Programme,
    targets: Sequence[Target],
    wall_start: str,
    timezone: str = "Asia/Ho_Chi_Minh",
    *,
    rule: str = "",
    rank: Rank = Rank.NORMAL,
    late_s: int = 300,
    resume: Resume = "resume",
    person: Person,
    now: datetime,
    once_id: str = "",
) -> Schedule:
    """Schedule an approved programme: `wall_start` is `2026-11-24T17:00:00` in `timezone`, `rule` an RFC 5545 RRULE.
    `once_id` as in `play_now`.

    Raises NotAllowed, NotFound, and ScheduleRefused with the sentence: past, 31 February, unknown zone, a rule that
    never occurs or cannot be read, an unapproved programme.
    """
    units = _units(session, targets, person, now)
    done = _done_before(session, programme, once_id, person)
    if done is not None:
        return done
    _require_ready(programme)
    wall_start, rule = wall_text(wall_time(wall_start)), canonical(rule)
    _require_future(wall_start, timezone, rule, now)
    if not 0 <= late_s <= LONGEST_LATE_S:
        raise ScheduleRefused("Thời gian cho phép phát trễ phải từ 0 đến 60 phút.")
    one = Schedule(
        id=once_id or new_id(),
        programme_id=programme.id,
        unit_id=programme.unit_id,
        targets=[list(target) for target in targets],
        wall_start=wall_start,
        timezone=timezone,
        rule=rule,
        until=last_start(wall_start, timezone, rule),
        rank=rank.word,
        late_s=late_s,
        resume=resume,
        created_by=person.account_id,
        created_at=now,
        withdrawn_at=None,
    )
    _keep(session, one, units, person=person, act="schedule.add", now=now)
    mark_stale(session, units)
    return one


def _done_before(session: Session, programme: Programme, once_id: str, person: Person) -> Schedule | None:
    """The schedule that this person made under this id before, of two at once the second waits for the first."""
    if not once_id:
        return None
    session.refresh(programme, with_for_update=True)
    done = session.get(Schedule, once_id)
    if done is not None and (done.created_by != person.account_id or done.programme_id != programme.id):
        raise NotFound("Không tìm thấy lịch phát này.", object_type="schedule", object_id=once_id)
    if done is not None and done.withdrawn_at is not None:
        raise ScheduleRefused("Lần gửi này đã được thực hiện rồi bị rút. Xin mở lại trang và chọn lại giờ phát.")
    return done


def _require_future(wall_start: str, timezone: str, rule: str, now: datetime) -> datetime:
    """The first start from now on."""
    start = first_start(wall_start, timezone, rule, now)
    if start is not None:
        return start
    if not rule:
        wall = wall_time(wall_start)
        zone(timezone)
        raise ScheduleRefused(f"Giờ phát {wall:%H:%M ngày %d/%m/%Y} đã qua. Xin chọn giờ sau thời điểm này.")
    raise ScheduleRefused(
        f"Lịch «{describe(rule)}» không có lần phát nào từ nay về sau. Xin chọn lại ngày hoặc cách lặp."
    )


def _for_person(session: Session, one: Schedule, person: Person) -> list[str]:
    """The units of a schedule, all of them this person's to schedule for, also when it ended long ago."""
    ids = {unit_id for unit_id, _ in one.targets}
    rows = session.execute(
        select(AdministrativeUnit.id, AdministrativeUnit.path).where(AdministrativeUnit.id.in_(ids))
    ).all()
    for _, path in rows:
        require(person, "schedule", path, object_type="schedule", object_id=one.id)
    return [unit_id for unit_id, _ in rows]


def changeable(session: Session, schedule_ids: Iterable[str], person: Person) -> set[str]:
    """Those of the schedules that this person may change, stop or withdraw: all their units are theirs."""
    rows = session.execute(
        select(ScheduleTarget.schedule_id, AdministrativeUnit.path)
        .join(AdministrativeUnit, ScheduleTarget.unit_id == AdministrativeUnit.id)
        .where(ScheduleTarget.schedule_id.in_(set(schedule_ids)))
    ).all()
    return {one for one, _ in rows} - {one for one, path in rows if not person.may("schedule", path)}


def withdraw(session: Session, one: Schedule, person: Person, now: datetime) -> None:
    """Take a schedule back; what of it is on air fades out within the playout's next look. Raises NotAllowed."""
    unit_ids = _for_person(session, one, person)
    if one.withdrawn_at is not None:
        return
    one.withdrawn_at = now
    _record(session, "schedule.withdraw", one, person, now)
    mark_stale(session, unit_ids, urgent_at=now)


def change_occurrence(
    session: Session,
    one: Schedule,
    occurrence: str,
    wall_start: str,
    *,
    programme: Programme | None = None,
    person: Person,
    now: datetime,
) -> None:
    """Move one occurrence to `wall_start`, or cancel it when that is empty; maybe with another programme this once.

    `occurrence` is its wall time by the rule. Raises NotAllowed, and ScheduleRefused when it is no occurrence of the
    rule, is over, or would be moved into the past.
    """
    unit_ids = _for_person(session, one, person)
    wall = wall_time(occurrence)
    at = start_of(wall, one.timezone)
    known = {
        event.occurrence for event in occurrences(one.wall_start, one.timezone, one.rule, (), from_=at, to=at + _MARGIN)
    }
    if wall_text(wall) not in known or one.withdrawn_at is not None:
        raise ScheduleRefused("Lịch này không có lần phát vào giờ đó.")
    change = session.get(OccurrenceChange, (one.id, wall_text(wall)))
    before = start_of(wall_time(change.wall_start), one.timezone) if change is not None and change.wall_start else at
    if before <= now:
        raise ScheduleRefused("Lần phát này đã bắt đầu hoặc đã qua, nên không đổi được nữa.")
    if programme is not None:
        _require_ready(programme)
    if wall_start:
        wall_start = wall_text(wall_time(wall_start))
        start = _require_future(wall_start, one.timezone, "", now)
        one.until = max(one.until, start) if one.until is not None else None
    if change is None:
        change = OccurrenceChange(schedule_id=one.id, occurrence=wall_text(wall))
        session.add(change)
    change.wall_start, change.programme_id = wall_start, programme.id if programme else None
    _record(session, "schedule.change", one, person, now, occurrence=occurrence, to=wall_start)
    mark_stale(session, unit_ids)


def schedules_of(session: Session, unit: AdministrativeUnit, now: datetime) -> list[tuple[Schedule, Programme]]:
    """The schedules aimed at a unit itself that are not over, the newest first, each with its programme."""
    rows = session.execute(
        select(Schedule, Programme)
        .join(Programme, Programme.id == Schedule.programme_id)
        .join(ScheduleTarget, ScheduleTarget.schedule_id == Schedule.id)
        .where(ScheduleTarget.unit_id == unit.id, Schedule.withdrawn_at.is_(None))
        .where(or_(Schedule.until.is_(None), Schedule.until >= now))
        .order_by(Schedule.id.desc())
    )
    return [(one, programme) for one, programme in rows]


def changes_of(session: Session, one: Schedule) -> list[Change]:
    """The occurrences of a schedule that differ from its rule."""
    rows = session.scalars(select(OccurrenceChange).where(OccurrenceChange.schedule_id == one.id))
    return [Change(row.occurrence, row.wall_start, row.programme_id) for row in rows]
