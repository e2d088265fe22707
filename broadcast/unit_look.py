"""One unit at one look of the playout: what is over, what is new, and when to look again. No database here.

`broadcast.playout` reads the rows, asks here, and writes what `Seen.values` says.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from broadcast.agenda import cut
from broadcast.building import KEPT, Draft
from broadcast.outcome import Outcome, outcomes
from broadcast.rundown import Rundown, topic_of
from broadcast.rundown_body import begun_before, contents_begun_before, same_for_devices
from broadcast.settlement import Ended
from broadcast.signed import Row
from broadcast.signing import body_of, sign
from broadcast.unit_path import lineage

PREPARE = timedelta(seconds=60)
ARM = timedelta(seconds=10)
NEAR = timedelta(seconds=120)
"""Items that start later than this cannot matter to what is on air now."""

GRACE = timedelta(seconds=15)
"""So long before the last look something may still have ended unseen: a rundown above was built a moment later."""

Above = Mapping[str, Rundown]
"""By path, the near parts of rundowns."""


@dataclass(frozen=True, slots=True)
class Seen:
    """`row` as it is to be kept, `near` what was looked at, `results` what becomes of it, `over` what has ended,
    `next_at` when to look again."""

    row: Row
    near: Rundown
    results: list[Outcome]
    over: list[Ended]
    next_at: datetime | None
    marks: int
    built: bool = False
    fresh: bool = False  # a new revision was signed

    def values(self, now: datetime) -> dict[str, Any]:
        """The parameters of `signed.KEEP_BUILT`, which are also those of `signed.KEEP_LOOK`."""
        row = self.row
        kept = {"of": row.unit_id, "looked": now, "next": self.next_at}
        if not self.built:
            return kept
        built = {"rev": row.revision, "signed": row.message, "issued": row.issued_at, "to": row.covers_to}
        return kept | built | {"seen": self.marks}


def look_at(row: Row, above: Above, now: datetime) -> Seen:
    """See to the items of a rundown that stays as it is."""
    return _seen(row, *begun_before(body_of(row.message), now + NEAR), above, now)


def _seen(row: Row, near: Rundown, later: datetime | None, above: Above, now: datetime) -> Seen:
    results = _results(row, near, above)
    over = [Ended(row.unit_id, one) for one in results if _is_over(row, one, now)]
    ats = [at for at in (_next_look(near, later, results, now), row.refresh_at()) if at is not None]
    return Seen(row, near, results, over, min(ats, default=None), row.marks)


def take_over(row: Row, built: Draft, above: Above, now: datetime, key: Ed25519PrivateKey) -> Seen:
    """Put a freshly built rundown in the place of the old one; it is signed only if it tells a device something new.

    What is gone from it although it had begun, because its programme may not be heard any more, stays in it and ends in
    a moment.
    """
    # Never below the seconds since 1970: a station that lost its database is still newer than what poles hold.
    revision = max(row.revision + 1, int(now.timestamp()))
    gone = _gone(row, built, above, now) if row.message else []
    begun = {one.item.id: one for one in gone if _has_begun(one, now) and now < one.done_at + KEPT}
    built = built.with_items([one.item if one.done_at <= now else cut(one.item, now) for one in begun.values()])
    refresh_at = row.refresh_at()
    due = refresh_at is None or refresh_at <= now
    old, prefetch = row.message, built.head.prefetch
    fresh = due or not old or not same_for_devices(body_of(old), built.contents, prefetch, now)
    kept = row
    if fresh:
        body, covers_to = built.body(revision)
        message = sign(body, topic_of(row.path), key)
        kept = replace(row, revision=revision, message=message, issued_at=now, covers_to=covers_to)
    seen = _seen(kept, *contents_begun_before(built.head, built.contents, now + NEAR), above, now)
    stopped = {one_id for one_id, one in begun.items() if one.done_at > now}
    over = [one for one in seen.results if _is_over(row, one, now) or one.item.id in stopped]
    over += [one for one in gone if _is_over(row, one, now) and one.item.id not in begun]
    return replace(seen, over=[Ended(row.unit_id, one) for one in over], built=True, fresh=fresh)


def _results(row: Row, near: Rundown, above: Above) -> list[Outcome]:
    return outcomes(near, [above[path] for path in lineage(row.path)[1:] if path in above])


def _gone(row: Row, built: Draft, above: Above, now: datetime) -> list[Outcome]:
    """What became, or would have become, of what the new rundown no longer holds."""
    there = built.ids
    near, _ = begun_before(body_of(row.message), now + NEAR)
    if all(item.id in there for item in near.items):
        return []
    return [one for one in _results(row, near, above) if one.item.id not in there]


def _has_begun(one: Outcome, now: datetime) -> bool:
    return one.started_at is not None and one.started_at < now


def _is_over(row: Row, one: Outcome, now: datetime) -> bool:
    """Whether it ended since the unit was looked at last."""
    return row.looked_at is not None and row.looked_at - GRACE < one.done_at <= now


def _next_look(near: Rundown, later: datetime | None, results: Sequence[Outcome], now: datetime) -> datetime | None:
    """The next instant at which something of the rundown has to be seen to."""
    moments = [item.start - before for item in near.items for before in (PREPARE, ARM)]
    moments += [one.done_at for one in results]
    if later is not None:
        moments.append(later - PREPARE)
    return min((at for at in moments if at > now), default=None)
