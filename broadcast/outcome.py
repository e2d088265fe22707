"""What becomes of the items of one unit's rundown: the station's own as-run, from the same decision as on the poles.

Pure. An item is judged where it is aimed: at the whole unit, or at its clusters. `broadcast.settlement` writes the
outcomes down.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from broadcast.onair import Missed, Place, Span, decide
from broadcast.rundown import Item, Rundown
from streams.frame import instant, ms_of_samples

_BEFORE = timedelta(days=2)
_HORIZON = timedelta(days=12)


@dataclass(frozen=True, slots=True)
class Outcome:
    """`state`: played, partial, missed. `done_at` is when nothing more of the item can be heard."""

    item: Item
    unit: str
    state: str
    reason: str
    started_at: datetime | None
    ended_at: datetime | None
    heard_ms: int
    done_at: datetime


def place_of(item: Item, unit: str) -> Place:
    """Where an item of a unit's rundown is judged."""
    clusters = frozenset(target.partition(":")[2] for target in item.targets if target.startswith("cluster:"))
    whole = any(target.startswith("unit:") for target in item.targets)
    return Place(unit, frozenset() if whole else clusters)


def outcomes(own: Rundown, above: Sequence[Rundown]) -> list[Outcome]:
    """What becomes of each item of `own` under the rundowns `above` it, as they stand; in order of their end."""
    if not own.items:
        return []
    since = min(item.start for item in own.items) - _BEFORE
    found: list[Outcome] = []
    for place in {place_of(item, own.unit) for item in own.items}:
        on_air = decide([own, *above], since, place, horizon=_HORIZON)
        spans: dict[str, list[Span]] = {}
        for span in on_air.spans:
            if span.unit == own.unit:
                spans.setdefault(span.item.id, []).append(span)
        missed = {one.item.id: one for one in on_air.missed if one.unit == own.unit}
        found += [
            _outcome(item, own.unit, spans.get(item.id, []), missed.get(item.id))
            for item in own.items
            if place_of(item, own.unit) == place
        ]
    return sorted(found, key=lambda outcome: (outcome.done_at, outcome.item.id))


def _outcome(item: Item, unit: str, spans: Sequence[Span], missed: Missed | None) -> Outcome:
    heard_ms = round(ms_of_samples(sum(span.length for span in spans)))
    ends = [span.end for span in spans] + ([missed.at] if missed is not None else [])
    return Outcome(
        item=item,
        unit=unit,
        state="missed" if not spans else "partial" if missed is not None else "played",
        reason=missed.reason if missed is not None else "" if spans else "too_late",
        started_at=instant(spans[0].start) if spans else None,
        ended_at=instant(spans[-1].end) if spans else None,
        heard_ms=heard_ms,
        done_at=instant(max(ends)) if ends else item.latest_start,
    )
