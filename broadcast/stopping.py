"""Stopping what is on air: this occurrence ends now, and a schedule that repeats goes on with the next one.

A schedule is withdrawn as a whole, so what it still had to say is said by successors: one with the rest of the rule,
and one for each occurrence that was moved behind it. Whatever is wrong with those, the sound ends.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from broadcast.administrative_unit import AdministrativeUnit
from broadcast.errors import LoaError
from broadcast.event import Change, last_start, occurrences, rule_parts, start_of, wall_time, zone
from broadcast.permission import Person
from broadcast.plan import OccurrenceChange, Schedule
from broadcast.priority import Rank
from broadcast.programme import programme_of
from broadcast.schedule import Target, add, changes_of, withdraw

_AHEAD = timedelta(days=800)

log = structlog.get_logger(__name__)


def stop(session: Session, one: Schedule, person: Person, now: datetime) -> Schedule | None:
    """End the occurrence that is on air; gives the successor with the rest of the rule. Raises NotAllowed.

    Pressed twice at once, the second waits for the first, and finds nothing to stop.
    """
    session.refresh(one, with_for_update=True)
    stopped = one.withdrawn_at is not None
    withdraw(session, one, person, now)
    if stopped:
        return None
    targets = _left(session, one, now)
    changes = changes_of(session, one)
    left = _next_by_rule(one, now)
    successor = None
    if left is not None:
        successor = _again(session, one, targets, one.programme_id, left, rule=_lasting(one), person=person, now=now)
    for change in changes:
        if left is not None and change.occurrence >= left:
            if successor is not None:
                session.add(_copied(change, successor))
        elif change.wall_start and start_of(wall_time(change.wall_start), one.timezone) > now:
            said = change.programme_id or one.programme_id
            _again(session, one, targets, said, change.wall_start, person=person, now=now)
    return successor


def _left(session: Session, one: Schedule, now: datetime) -> list[Target]:
    """The targets in units that have not ended meanwhile."""
    ids = {unit_id for unit_id, _ in one.targets}
    units = session.scalars(select(AdministrativeUnit).where(AdministrativeUnit.id.in_(ids)))
    there = {unit.id for unit in units if not unit.has_ended(now)}
    return [(unit_id, cluster_id) for unit_id, cluster_id in one.targets if unit_id in there]


def _again(
    session: Session,
    one: Schedule,
    targets: Sequence[Target],
    programme_id: str,
    wall_start: str,
    *,
    rule: str = "",
    person: Person,
    now: datetime,
) -> Schedule | None:
    """A schedule like the one that was stopped; None when it may not be made any more, which must not undo the stop."""
    try:
        with session.begin_nested():
            return add(
                session, programme_of(session, programme_id), targets, wall_start, one.timezone, rule=rule,
                rank=Rank.of_word(one.rank), late_s=one.late_s, resume="missed" if one.resume == "missed" else "resume",
                person=person, now=now,
            )  # fmt: skip
    except LoaError as error:
        log.warning("nothing follows what was stopped", schedule=one.id, wall_start=wall_start, reason=str(error))
        return None


def _next_by_rule(one: Schedule, now: datetime) -> str | None:
    """The wall time of the next occurrence by the rule, cancelled and moved ones too; None for a rule that is over."""
    if not one.rule:
        return None
    following = occurrences(one.wall_start, one.timezone, one.rule, (), from_=now, to=now + _AHEAD)
    return next((event.occurrence for event in following), None)


def _lasting(one: Schedule) -> str:
    """The rule without a count: what was counted from the old beginning ends with the same occurrence."""
    parts = dict(rule_parts(one.rule))
    last = last_start(one.wall_start, one.timezone, one.rule)
    if parts.pop("COUNT", None) is not None and last is not None:
        parts["UNTIL"] = f"{last.astimezone(zone(one.timezone)):%Y%m%dT%H%M%S}"
    return ";".join(f"{name}={value}" for name, value in parts.items())


def _copied(change: Change, to: Schedule) -> OccurrenceChange:
    if change.wall_start and to.until is not None:
        to.until = max(to.until, start_of(wall_time(change.wall_start), to.timezone))
    return OccurrenceChange(
        schedule_id=to.id,
        occurrence=change.occurrence,
        wall_start=change.wall_start,
        programme_id=change.programme_id,
    )
