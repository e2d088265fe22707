"""Stopping what is on air: this occurrence ends now, and a schedule that repeats goes on with the next one.

A schedule is withdrawn as a whole, so what it still had to say is said by a successor with the same rule.
"""

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from broadcast.errors import ScheduleRefused
from broadcast.event import Change, last_start, occurrences, rule_parts, start_of, wall_time
from broadcast.permission import Person
from broadcast.plan import OccurrenceChange, Schedule
from broadcast.priority import Rank
from broadcast.programme import is_approved, programme_of
from broadcast.schedule import add, changes_of, withdraw

_AHEAD = timedelta(days=800)


def stop(session: Session, one: Schedule, person: Person, now: datetime) -> Schedule | None:
    """End the occurrence that is on air; gives the successor of a schedule that repeats. Raises NotAllowed."""
    withdraw(session, one, person, now)
    programme = programme_of(session, one.programme_id)
    changes = {change.occurrence: change for change in changes_of(session, one)}
    left = _next_by_rule(one, now)
    if left is None or not is_approved(programme):
        return None
    targets = [(unit_id, cluster_id) for unit_id, cluster_id in one.targets]
    successor = add(
        session, programme, targets, left, one.timezone, rule=_lasting(one), rank=Rank.of_word(one.rank),
        late_s=one.late_s, resume="missed" if one.resume == "missed" else "resume", person=person, now=now,
    )  # fmt: skip
    for change in changes.values():
        if change.occurrence >= left:
            session.add(_copied(change, successor))
    return successor


def _next_by_rule(one: Schedule, now: datetime) -> str | None:
    """The wall time of the next occurrence by the rule, cancelled and moved ones too; None for a rule that is over."""
    if not one.rule:
        return None
    following = occurrences(one.wall_start, one.timezone, one.rule, (), from_=now, to=now + _AHEAD)
    return next((event.occurrence for event in following), None)


def _lasting(one: Schedule) -> str:
    """The rule without a count: what was counted from the old beginning ends on the same day."""
    parts = dict(rule_parts(one.rule))
    if parts.pop("COUNT", None) is not None:
        last = last_start(one.wall_start, one.timezone, one.rule)
        if last is None:
            raise ScheduleRefused
        parts["UNTIL"] = f"{last:%Y%m%dT%H%M%SZ}"
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
