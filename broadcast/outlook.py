"""What is planned: for one unit, in a whole tree of units, and what a new schedule would meet there.

The facts are read in `broadcast.plan` and expanded in `broadcast.agenda`; schedules are made in `broadcast.schedule`.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from broadcast.administrative_unit import AdministrativeUnit
from broadcast.agenda import Fact, Overlap, Planned, Said, collisions, planned_of
from broadcast.event import canonical, first_start, wall_text, wall_time
from broadcast.plan import Schedule, ScheduleTarget, facts
from broadcast.priority import Rank
from broadcast.programme import Programme
from broadcast.unit_path import lineage

_AT_ONCE = 500

_LONGEST = timedelta(hours=3)


def outlook(session: Session, unit: AdministrativeUnit, from_: datetime, to: datetime) -> list[Planned]:
    """What is planned in [from_, to) for a unit, those above it and all below it, in order of start.

    What began before and still lasts is included, and so is what is not ready (`why_not` says why).
    """
    return _planned(session, _scheduled(session, [unit.path], from_, below=True), from_, to)


def upcoming(
    session: Session,
    unit: AdministrativeUnit,
    from_: datetime,
    to: datetime,
    *,
    unready: bool = False,
    below: bool = True,
) -> list[Planned]:
    """What is planned for a unit in [from_, to), what began before and still lasts included, in order of start.

    What the units above it send to it belongs to it, and with `below` what its villages have for themselves (not so for
    a city). Without `unready` only what can go on air is given: it may be shown to everybody.
    """
    units = _scheduled(session, [unit.path], from_, below=below and "/" in unit.path)
    return [one for one in _planned(session, units, from_, to) if one.ready or unready]


def overlaps(
    session: Session,
    programme: Programme,
    targets: Sequence[tuple[str, str | None]],
    wall_start: str,
    timezone: str = "Asia/Ho_Chi_Minh",
    *,
    rule: str = "",
    now: datetime,
    rank: Rank = Rank.NORMAL,
    days: int = 14,
    besides: str = "",
) -> list[Overlap]:
    """What a schedule would meet on its loudspeakers in the `days` days from its first start on; to be shown before it
    is saved.

    `besides` is the id of a schedule to leave out, when that one is being changed. Raises ScheduleRefused.
    """
    first = first_start(wall_start, timezone, rule, now)
    if first is None:
        return []
    to = first + timedelta(days=days)
    unit_ids = {unit_id for unit_id, _ in targets}
    rows = session.execute(
        select(AdministrativeUnit.id, AdministrativeUnit.path).where(AdministrativeUnit.id.in_(unit_ids))
    ).all()
    text = wall_text(wall_time(wall_start))
    said = Said(programme.id, programme.title, "", programme.language, "", max(1, programme.duration_ms), None)
    wanted = Fact("", said, tuple(targets), text, timezone, canonical(rule), rank, 0, "resume", first)
    candidate = list(planned_of(wanted, [(unit_id, path) for unit_id, path in rows], first, to))
    units = _scheduled(session, [path for _, path in rows], first, below=True)
    there = _planned(session, units, first, to + said.duration)
    return collisions(candidate, [one for one in there if one.schedule_id != besides])


def _scheduled(session: Session, paths: Iterable[str], from_: datetime, *, below: bool) -> dict[str, str]:
    """By id, the paths of the units that have schedules of their own: of those at `paths`, of all above them and, if
    wanted, of all below them."""
    given = list(paths)
    above = {one for path in given for one in lineage(path)}
    under = [AdministrativeUnit.path.startswith(f"{path}/", autoescape=True) for path in given if below]
    rows = session.execute(
        select(AdministrativeUnit.id, AdministrativeUnit.path)
        .join(ScheduleTarget, ScheduleTarget.unit_id == AdministrativeUnit.id)
        .join(Schedule, Schedule.id == ScheduleTarget.schedule_id)
        .where(Schedule.withdrawn_at.is_(None), or_(Schedule.until.is_(None), Schedule.until >= from_ - _LONGEST))
        .where(or_(AdministrativeUnit.path.in_(above), *under))
        .distinct()
    )
    return {row.id: row.path for row in rows}


def _planned(session: Session, units: Mapping[str, str], from_: datetime, to: datetime) -> list[Planned]:
    """What is planned in [from_, to) for units (id to path), in order of start."""
    found: list[Planned] = []
    ids = list(units)
    for begin in range(0, len(ids), _AT_ONCE):
        for unit_id, rules in facts(session, ids[begin : begin + _AT_ONCE], from_ - _LONGEST).items():
            for fact in rules:
                found += planned_of(fact, [(unit_id, units[unit_id])], from_ - _LONGEST, to)
    inside = (one for one in found if one.end > from_ or one.start >= from_)
    return sorted(inside, key=lambda one: (one.start, one.unit_path, one.item_id))
