"""Rundowns built from schedules, in bulk: some hundreds of units with a handful of queries.

Only what is approved, and has its sound, becomes an item. What began or was withdrawn in the last hours stays in,
because what it cut, and the as-run log, depend on it. `broadcast.playout` signs the result and keeps it.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from broadcast.administrative_unit import AdministrativeUnit
from broadcast.agenda import Fact, airings, item_id, item_of, planned_at, targets_of
from broadcast.errors import LoaError
from broadcast.plan import facts
from broadcast.programme import Programme
from broadcast.rundown import Item, Rundown
from broadcast.rundown_body import (
    MAX_BODY_BYTES,
    MAX_ITEMS,
    Contents,
    Timed,
    What,
    body_of_contents,
    from_body,
    from_ms,
    to_ms,
    what_of,
)

KEPT = timedelta(hours=3)
"""How long an item stays in the rundown after its end."""

LOOK_BACK = timedelta(hours=7)
"""Starts from so long ago are looked at: the longest programme, delayed, and kept after its end."""

MOST_PREFETCHED = 20
_PREFETCH_SINCE = timedelta(hours=24)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Draft:
    """A rundown that is built and not yet signed. The items of `head` are left empty, because a full rebuild has half a
    million."""

    head: Rundown
    contents: Contents

    @property
    def ids(self) -> set[str]:
        """The ids of its items."""
        return {item["id"] for item in self.contents.items}

    def with_items(self, more: Sequence[Item]) -> "Draft":
        """The same and some more items."""
        return _draft(self.head, self.contents.with_items(more)) if more else self

    def body(self, revision: int) -> tuple[bytes, datetime]:
        """The body, small enough for every receiver, and the end of what it covers.

        If it is too long, first the texts of later days are left out, then later days.
        """
        head, contents = replace(self.head, revision=revision), self.contents
        body = body_of_contents(head, contents)
        if len(body) > MAX_BODY_BYTES:
            contents = contents.without_texts_from(to_ms(head.issued_at + timedelta(hours=24)))
            body = body_of_contents(head, contents)
        while len(body) > MAX_BODY_BYTES:
            half = len(contents.items) // 2
            log.warning("rundown too long, later items left out", unit=head.unit, items=half)
            head = replace(head, covers_to=from_ms(contents.items[half]["at"]))
            contents = contents.first(half)
            body = body_of_contents(head, contents)
        return body, head.covers_to


@dataclass(frozen=True, slots=True)
class Gathered:
    """All that the rundowns of some units are made of: their schedules, and sounds that may be wanted soon; by unit."""

    rules: Mapping[str, Sequence[Fact]]
    soon: Mapping[str, Sequence[str]]


def build(session: Session, unit: AdministrativeUnit, now: datetime, horizon_days: int = 7) -> Rundown:
    """The rundown of one unit as schedules and approvals stand, with revision 0."""
    gathered = gather(session, [unit.id], now)
    return from_body(draft((unit.id, unit.path), gathered, now, horizon_days).body(0)[0])


def gather(session: Session, unit_ids: Sequence[str], now: datetime) -> Gathered:
    """Read what is needed for the rundowns of these units."""
    rules = facts(session, unit_ids, now - LOOK_BACK, withdrawn_after=now - LOOK_BACK)
    return Gathered(rules, _soon(session, unit_ids, now))


def draft(unit: tuple[str, str], gathered: Gathered, now: datetime, horizon_days: int = 7) -> Draft:
    """The rundown of one unit (id, path)."""
    covers_to = now + timedelta(days=horizon_days)
    timed: list[Timed] = []
    for fact in gathered.rules.get(unit[0], ()):
        try:
            timed += _timed(fact, unit, now, covers_to)
        except LoaError as error:
            log.error("schedule left out of the rundown", unit=unit[1], schedule=fact.schedule_id, reason=str(error))
    contents = Contents.of(timed)
    there = {what["snd"] for what in contents.what}
    prefetch = tuple(sound for sound in gathered.soon.get(unit[0], ()) if sound not in there)[:MOST_PREFETCHED]
    return _draft(Rundown(unit[1], 0, now, now, covers_to, (), prefetch), contents)


def _draft(head: Rundown, contents: Contents) -> Draft:
    """With no more items than receivers take."""
    if len(contents.items) <= MAX_ITEMS:
        return Draft(head, contents)
    return Draft(replace(head, covers_to=from_ms(contents.items[MAX_ITEMS]["at"])), contents.first(MAX_ITEMS))


def _timed(fact: Fact, unit: tuple[str, str], now: datetime, covers_to: datetime) -> Iterator[Timed]:
    """The items of one schedule. What is heard is made once: its occurrences differ only in id and time."""
    targets = targets_of(fact, *unit)
    heard: dict[str, tuple[What, int | None]] = {}
    for airing in airings(fact, now - LOOK_BACK, covers_to) if targets else ():
        said = airing.said
        if said.why_not or (airing.start < now and airing.start + said.duration < now - KEPT):
            continue
        known = heard.get(said.programme_id)
        if known is None:
            item = item_of(planned_at(fact, airing, unit, targets))
            known = what_of(item), None if item.expires is None else to_ms(item.expires)
            heard[said.programme_id] = known
        at_ms, (what, expires_ms) = to_ms(airing.start), known
        one = item_id(fact.schedule_id, airing.occurrence, unit[0])
        yield Timed(at_ms, one, at_ms + 1000 * fact.late_s, what, expires_ms)


def _soon(session: Session, ids: Sequence[str], now: datetime) -> dict[str, list[str]]:
    """By unit, the sounds of programmes approved lately, which may be wanted at any moment; the newest first."""
    rows = session.execute(
        select(Programme.unit_id, Programme.rendition_sha256)
        .where(
            Programme.unit_id.in_(ids),
            Programme.state == "approved",
            Programme.sound_state == "ready",
            Programme.approved_sha256 == Programme.heard_sha256,
            Programme.changed_at > now - _PREFETCH_SINCE,
        )
        .order_by(Programme.changed_at.desc(), Programme.id)
    )
    found: dict[str, list[str]] = defaultdict(list)
    for unit_id, sha256 in rows:
        found[unit_id].append(f"rendition:{sha256}")
    return found
