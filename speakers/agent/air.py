"""What a pole plays, and what it writes down about it: rundowns + instant -> cues; plays -> journal.

`broadcast.onair` decides who has the air; here the decision is turned into cues for the output, and every span that is
over gets its entry: what the output says was played, and as missed whatever went by without it. Looking again at the
same facts changes nothing, so a missed call heals by itself.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from broadcast.onair import Missed, OnAir, Place, Span, cues_of, decide, is_for
from broadcast.priority import Rank
from broadcast.rundown import Rundown
from speakers.agent.journal import ENOUGH_SAMPLES, Journal
from speakers.agent.output import Played
from streams.cue import Cue
from streams.frame import SAMPLE_RATE_HZ, sample_position
from streams.player import Play

LOOK_BACK = timedelta(hours=24)
AHEAD = timedelta(hours=24)
SETTLE_SAMPLES = 2 * SAMPLE_RATE_HZ
"""How long after its end a span of which nothing was heard is declared missed."""

LOUDEST_DB = 12.0

log = structlog.get_logger()


class Air:
    """The decision for one place, kept until the rundowns change, and its journal."""

    def __init__(self, journal: Journal, enrolled_at: datetime, started_at: datetime) -> None:
        """What was due before `started_at` and is not in the journal was missed because the pole was off."""
        self._journal = journal
        self._enrolled_at = enrolled_at
        self._started = sample_position(started_at)
        self._on_air = OnAir((), ())
        self._spans: dict[str, Span] = {}
        self._known_at: dict[str, int] = {}
        self._unheard: dict[str, str] = {}

    def decide(
        self, rundowns: Iterable[Rundown], place: Place, now: datetime, last_contact: datetime | None
    ) -> tuple[Span, ...]:
        """Decides anew. Returns the spans that are not over, in order of start."""
        since = min(now, max(self._enrolled_at, now - LOOK_BACK))  # whoever's clock is wrong, what is on air is on air
        self._on_air = decide(rundowns, since, place, horizon=now - since + AHEAD, last_contact=last_contact)
        at = sample_position(now)
        fresh = {_cue_id(span): span for span in self._on_air.spans}
        self._spans = {key: span for key, span in self._spans.items() if self._journal.is_open(key)} | fresh
        self._known_at = {key: self._known_at.get(key, at) for key in fresh}
        return tuple(span for span in self._on_air.spans if span.end > at)

    def cues(self, spans: Sequence[Span], volume_db: float, may_wait: Callable[[str], bool]) -> list[Cue]:
        """Cues at the volume of this pole. A sound that is on its way is waited for, not replaced by its fallback."""
        return [
            replace(
                cue,
                gain_db=_gain_db(span, volume_db),
                fallback=None if cue.fallback is not None and may_wait(cue.sound) else cue.fallback,
            )
            for span, cue in zip(spans, cues_of(OnAir(tuple(spans), ())), strict=True)
        ]

    def tell(self, played: Iterable[Played]) -> None:
        """Writes down what the output did."""
        for entry in played:
            span = self._spans.get(entry.play.cue_id)
            if span is not None:
                self._tell(entry.play, span, entry.error_ms)

    def _tell(self, play: Play, span: Span, error_ms: float | None) -> None:
        name = play.cue_id
        if play.kind == "missing":
            self._unheard[name] = "missing"
            log.error("sound_missing", item=span.item.id, unit=span.unit, sound=play.sound)
        elif play.kind in ("started", "fallback"):
            if play.kind == "started":
                self._unheard.pop(name, None)
            elif name not in self._unheard:
                self._unheard[name] = "missing"
                log.error("sound_replaced", item=span.item.id, unit=span.unit, sound=span.item.sound)
            if not self._journal.is_open(name):
                self._journal.start(name, span, play.position, play.sound, error_ms)
        else:
            self._journal.end(name, span, play.position, play.heard_samples, self._reason(play, span))
            self._unheard.pop(name, None)

    def _reason(self, play: Play, span: Span) -> str:
        """Why a span was not heard whole, if it was not."""
        if play.cue_id in self._unheard:
            return "missing"
        if play.kind == "cut":
            return "cut"
        joined_late = play.position - play.heard_samples - span.start > ENOUGH_SAMPLES
        return "too_late" if joined_late else "cut"

    def settle(self, now: datetime) -> int:
        """Declares missed what is over and was not heard. Returns how many entries that made."""
        at = sample_position(now)
        count = 0
        for name, span in self._spans.items():
            if span.end + SETTLE_SAMPLES > at or self._journal.tells(name, span.start) or self._journal.is_open(name):
                continue
            self._miss(name, span, self._unheard.pop(name, "") or self._absence(name, span))
            count += 1
        for missed in self._on_air.missed:
            span = _span_of(missed)
            name = f"{missed.item.id}#{missed.reason}"
            if missed.at + SETTLE_SAMPLES <= at and not self._journal.tells(name, span.start):
                self._miss(name, span, missed.reason)
                count += 1
        return count

    def _miss(self, name: str, span: Span, reason: str) -> None:
        log.warning("item_missed", item=span.item.id, unit=span.unit, reason=reason)
        self._journal.miss(name, span, reason)

    def _absence(self, name: str, span: Span) -> str:
        was_off = span.start < self._started or self._known_at.get(name, 0) >= span.end
        return "offline" if was_off else "too_late"


def sounds_of(rundowns: Collection[Rundown], place: Place, spans: Iterable[Span], now: datetime) -> list[str]:
    """What a pole fetches, the most urgent first: what is due, all that comes later, so that it can go on for days
    without its station, and what may come."""
    items = (item for rundown in rundowns for item in rundown.items if item.start > now and is_for(item, place))
    due = [*(span.item for span in spans), *sorted(items, key=lambda item: item.start)]
    named = [name for item in due for name in (item.sound, item.fallback) if name]
    return [*named, *(name for rundown in rundowns for name in rundown.prefetch)]


def _cue_id(span: Span) -> str:
    return f"{span.item.id}#{span.part}"


def _span_of(missed: Missed) -> Span:
    """The span a miss is told of: what is left of the item, at the item's own start."""
    rest_samples = max(1, missed.item.duration_ms * SAMPLE_RATE_HZ // 1000 - missed.heard)
    return Span(missed.item, missed.unit, 0, sample_position(missed.item.start), missed.heard, rest_samples)


def _gain_db(span: Span, volume_db: float) -> float:
    """The item's own level at the pole's volume, or at the absolute one of an emergency."""
    own = span.item.volume_db if span.item.rank is Rank.EMERGENCY else None
    return min(LOUDEST_DB, span.item.gain_db + (volume_db if own is None else own))
