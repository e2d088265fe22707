"""Who has the air: the one decision that the station and every pole share.

`decide` lays the rundowns of a place and of every unit above it over one another. Items are taken from the
strongest to the weakest; each takes the time that is still free from its start on:

    emergency   ......EEEE......        cut, resumed at the right offset,
    normal      ..AAAA....AAAA..        or missed, by the item's own rule

The result depends on the rundowns alone, not on when it was asked: `now` only chooses how much of it is told.
"""

from bisect import bisect_left, insort
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from broadcast.errors import NaiveInstant
from broadcast.priority import Rank
from broadcast.rundown import Item, Rundown
from broadcast.unit_path import covers
from streams.cue import JOIN_SAMPLES, Cue, Duck
from streams.frame import sample_position, samples_of_ms

SHORTEST_SPAN_SAMPLES = samples_of_ms(2_000)
"""A gap shorter than this is not worth two joins: what was cut waits for a longer one."""

Reason = Literal["too_late", "cut", "expired", "stale"]


@dataclass(frozen=True, slots=True)
class Place:
    """Where the decision is for: a unit and the clusters a device belongs to.

    With `below`, items aimed at anything below the unit count too: so a web listener of a commune hears what
    any of its villages hears.
    """

    unit: str
    clusters: frozenset[str] = frozenset()
    below: bool = False


@dataclass(frozen=True, slots=True)
class Span:
    """`length` samples of an item from sample `offset`, the first at position `start`; `part` counts from 0."""

    item: Item
    unit: str
    part: int
    start: int
    offset: int
    length: int
    ducks: tuple[Duck, ...] = ()

    @property
    def end(self) -> int:
        """The position just after the last sample."""
        return self.start + self.length


@dataclass(frozen=True, slots=True)
class Missed:
    """An item, or the rest of one, that does not go out; `heard` is how many samples did."""

    item: Item
    unit: str
    reason: Reason
    at: int
    heard: int


@dataclass(frozen=True, slots=True)
class OnAir:
    """Spans in order of start, and what was missed."""

    spans: tuple[Span, ...]
    missed: tuple[Missed, ...]


def _aims_at(target: str, place: Place) -> bool:
    kind, _, name = target.partition(":")
    if kind == "unit":
        return covers(name, place.unit) or (place.below and covers(place.unit, name))
    return kind == "cluster" and (place.below or name in place.clusters)


def is_for(item: Item, place: Place) -> bool:
    """Whether the item is to be heard at the place."""
    wanted = any(_aims_at(target, place) for target in item.targets)
    exact = Place(place.unit, place.clusters)
    return wanted and not any(_aims_at(target, exact) for target in item.excludes)


@dataclass(frozen=True, slots=True)
class _Bid:
    item: Item
    unit: str

    @property
    def strength(self) -> tuple[int, int, datetime, int, str, str]:
        """Smaller is stronger: rank, for emergencies the higher unit, earlier start, the higher unit, its path, id.

        Revisions do not count here: units sign anew every few hours, and nothing may change places on air for that.
        """
        depth = self.unit.count("/")
        before_start = depth if self.item.rank is Rank.EMERGENCY else 0
        return (-self.item.rank, before_start, self.item.start, depth, self.unit, self.item.id)


def bids(rundowns: Iterable[Rundown], place: Place) -> list[_Bid]:
    """All items for a place, the strongest first. Of two rundowns of one unit the newer counts."""
    newest: dict[str, Rundown] = {}
    for rundown in rundowns:
        known = newest.get(rundown.unit)
        if known is None or rundown.revision > known.revision:
            newest[rundown.unit] = rundown
    found = [
        _Bid(item, rundown.unit)
        for rundown in newest.values()
        if covers(rundown.unit, place.unit) or (place.below and covers(place.unit, rundown.unit))
        for item in rundown.items
        if is_for(item, place)
    ]
    return sorted(found, key=lambda bid: bid.strength)


class _Taken:
    """Disjoint intervals that are no longer free, in order."""

    def __init__(self) -> None:
        self._busy: list[tuple[int, int]] = []

    def take(self, start: int, end: int) -> None:
        insort(self._busy, (start, end))

    def busy_end(self, at: int) -> int | None:
        """The end of the interval that holds `at`, if any."""
        index = bisect_left(self._busy, (at + 1,)) - 1
        if index >= 0 and self._busy[index][1] > at:
            return self._busy[index][1]
        return None

    def next_start(self, at: int) -> int | None:
        """Where the first interval that begins at or after `at` begins."""
        index = bisect_left(self._busy, (at,))
        return self._busy[index][0] if index < len(self._busy) else None


@dataclass(frozen=True, slots=True)
class _Limit:
    at: int
    reason: Reason


def _limit(item: Item, last_contact: datetime | None) -> _Limit | None:
    """After which position the item may not sound any more."""
    limits = []
    if item.expires is not None:
        limits.append(_Limit(sample_position(item.expires), "expired"))
    if item.max_stale_s is not None and last_contact is not None:
        stale_at = last_contact + timedelta(seconds=item.max_stale_s)
        limits.append(_Limit(sample_position(stale_at), "stale"))
    return min(limits, key=lambda limit: limit.at, default=None)


def _free_from(taken: _Taken, at: int, need: int) -> int:
    """The first free position from `at` on with room for `need` samples."""
    while True:
        busy = taken.busy_end(at)
        if busy is not None:
            at = busy
            continue
        wall = taken.next_start(at)
        if wall is None or wall - at >= need:
            return at
        at = wall


def _place_item(bid: _Bid, taken: _Taken, limit: _Limit | None) -> tuple[list[Span], Missed | None]:
    """The spans of one item in the time that stronger ones left."""
    item = bid.item
    at, total = sample_position(item.start), samples_of_ms(item.duration_ms)
    latest, heard = sample_position(item.latest_start), 0
    first_offset = samples_of_ms(item.offset_ms)
    spans: list[Span] = []
    while heard < total:
        at = _free_from(taken, at, min(total - heard, SHORTEST_SPAN_SAMPLES))
        if not spans and at > latest:
            return spans, Missed(item, bid.unit, "too_late", latest, 0)
        if limit is not None and at >= limit.at:
            return spans, Missed(item, bid.unit, limit.reason, limit.at, heard)
        if spans and item.resume == "missed":
            return spans, Missed(item, bid.unit, "cut", spans[-1].end, heard)
        wall = taken.next_start(at)
        end = at + total - heard if wall is None else min(at + total - heard, wall)
        if limit is not None:
            end = min(end, limit.at)
        spans.append(Span(item, bid.unit, len(spans), at, first_offset + heard, end - at))
        heard, at = heard + end - at, end
    return spans, None


def _ducked(span: Span, lowering: Sequence[Span]) -> Span:
    ducks = tuple(
        Duck(max(over.start, span.start), min(over.end, span.end), over.item.duck_db)
        for over in lowering
        if over.item.duck_db is not None and over.start < span.end and span.start < over.end
    )
    return Span(span.item, span.unit, span.part, span.start, span.offset, span.length, ducks) if ducks else span


def decide(
    rundowns: Iterable[Rundown],
    now: datetime,
    place: Place,
    *,
    horizon: timedelta = timedelta(days=8),
    last_contact: datetime | None = None,
) -> OnAir:
    """What is heard at `place` from `now` until `now + horizon`, and what is missed.

    Spans that ended before `now` and misses before it are left out. `last_contact` is when the device last heard
    from the station; it matters for items with `max_stale_s`. Total and deterministic: the same rundowns
    give the same spans on every machine. Raises NaiveInstant for a naive `now`, nothing else.
    """
    if now.tzinfo is None:
        raise NaiveInstant
    from_position, to_position = sample_position(now), sample_position(now + horizon)
    cutting = _Taken()
    lanes: dict[Rank, _Taken] = {}
    lowering: list[Span] = []
    spans: list[Span] = []
    missed: list[Missed] = []
    rank: Rank | None = None
    for bid in bids(rundowns, place):
        if bid.item.rank is not rank:  # a weaker rank begins: only what cuts stands in its way, not what ducks
            rank = bid.item.rank
            under = [span for span in lowering if span.item.rank > rank]
            lanes[rank] = _copy(cutting)
        lane = lanes[bid.item.rank]
        placed, lost = _place_item(bid, lane, _limit(bid.item, last_contact))
        for span in placed:
            lane.take(span.start, span.end)
            if span.item.duck_db is None:
                cutting.take(span.start, span.end)
            else:
                lowering.append(span)
            spans.append(_ducked(span, under))
        if lost is not None:
            missed.append(lost)
    return OnAir(
        spans=tuple(
            sorted(
                (s for s in spans if s.end > from_position and s.start < to_position),
                key=lambda s: (s.start, -s.item.rank, s.item.id),
            )
        ),
        missed=tuple(sorted((m for m in missed if m.at >= from_position), key=lambda m: (m.at, m.item.id))),
    )


def _copy(taken: _Taken) -> _Taken:
    copy = _Taken()
    copy._busy = list(taken._busy)  # noqa: SLF001 - its own kind
    return copy


def cues_of(on_air: OnAir) -> list[Cue]:
    """The instructions to a player. An item fades out at its end or where it expires; joins where it is cut or resumed
    fade over 5 ms."""
    return [_cue(span) for span in on_air.spans]


def _cue(span: Span) -> Cue:
    item = span.item
    last = span.offset + span.length == samples_of_ms(item.offset_ms) + samples_of_ms(item.duration_ms)
    last = last or (item.expires is not None and span.end == sample_position(item.expires))
    return Cue(
        id=f"{item.id}#{span.part}",
        sound=item.sound,
        start=span.start,
        offset=span.offset,
        length=span.length,
        gain_db=item.gain_db,
        fade_in=samples_of_ms(item.fade_in_ms) if span.part == 0 else JOIN_SAMPLES,
        fade_out=min(samples_of_ms(item.fade_out_ms), span.length) if last else JOIN_SAMPLES,
        ducks=span.ducks,
        fallback=item.fallback,
    )


def item_id_of(cue_id: str) -> str:
    """The item a cue belongs to."""
    return cue_id.rpartition("#")[0]
