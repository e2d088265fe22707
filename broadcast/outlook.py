"""What is planned in a whole tree of units, for those who look at many at once: a city and its communes.

`broadcast.schedule.upcoming` is what one unit hears; this is what happens anywhere in it.
"""

from datetime import datetime, timedelta

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from broadcast.administrative_unit import AdministrativeUnit
from broadcast.agenda import Planned, planned_of
from broadcast.plan import Schedule, ScheduleTarget, facts

MOST_UNITS = 500
"""A page shows no more; the highest units come first."""

_LONGEST = timedelta(hours=3)


def outlook(session: Session, unit: AdministrativeUnit, from_: datetime, to: datetime) -> list[Planned]:
    """What is planned in [from_, to) for a unit, those above it and all below it, in order of start.

    What began before and still lasts is included, and so is what is not ready (`why_not` says why).
    """
    lineage = [unit.path.rsplit("/", cut)[0] for cut in range(unit.path.count("/") + 1)]
    rows = session.execute(
        select(AdministrativeUnit.id, AdministrativeUnit.path)
        .join(ScheduleTarget, ScheduleTarget.unit_id == AdministrativeUnit.id)
        .join(Schedule, Schedule.id == ScheduleTarget.schedule_id)
        .where(Schedule.withdrawn_at.is_(None), or_(Schedule.until.is_(None), Schedule.until >= from_ - _LONGEST))
        .where(
            or_(
                AdministrativeUnit.path.in_(lineage),
                AdministrativeUnit.path.startswith(f"{unit.path}/", autoescape=True),
            )
        )
        .distinct()
    ).all()
    paths = dict(sorted(((row.id, row.path) for row in rows), key=lambda one: one[1].count("/"))[:MOST_UNITS])
    found: list[Planned] = []
    for unit_id, rules in facts(session, list(paths), from_ - _LONGEST).items():
        for fact in rules:
            found += planned_of(fact, [(unit_id, paths[unit_id])], from_ - _LONGEST, to)
    inside = (one for one in found if one.end > from_ or one.start >= from_)
    return sorted(inside, key=lambda one: (one.start, one.unit_path, one.item_id))
