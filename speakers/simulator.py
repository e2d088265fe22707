"""A pretended fleet on real MQTT: N agents in one process, for measuring and for trying out.

Each is the agent of the pole itself, with its acceptance, decision, journal and heartbeat; only its output does not
decode but reckons when each cue is heard, and all share one cache, so that a rendition is fetched once.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from broadcast.onair import Span
from speakers.agent.agent import Agent
from speakers.agent.cache import Cache
from speakers.agent.identity import Identity
from speakers.agent.memory import open_memory
from speakers.agent.output import Played
from streams.clock import Clock
from streams.cue import Cue
from streams.frame import FRAME_SAMPLES, instant
from streams.player import Play, PlayKind

CONNECTS_PER_S = 50


@dataclass(frozen=True, slots=True)
class FirstSample:
    """When a device's sink would have got the first sample of an item."""

    device_id: str
    unit: str
    item_id: str
    planned: datetime
    heard: datetime

    @property
    def late_ms(self) -> float:
        """How much later than planned, in ms."""
        return (self.heard - self.planned).total_seconds() * 1000


@dataclass(slots=True)
class _Pretence:
    """A cue, from which position on its sound could be heard (None: not yet), and where it began if it did."""

    cue: Cue
    ready: int | None = None
    begun: int | None = None


class ReckonedOutput:
    """An output that plays nothing: a cue is heard from its start, or once it is known and its sound is there."""

    def __init__(self, clock: Clock, has: Callable[[str], bool]) -> None:
        self.counts: Counter[str] = Counter()
        self._clock = clock
        self._has = has
        self._pretences: dict[str, _Pretence] = {}
        self._played: list[Played] = []

    def give(self, cues: Sequence[Cue]) -> None:
        """All that is wanted from now on."""
        now = self._reckon()
        before, self._pretences = self._pretences, {}
        for cue in cues:
            known = before.pop(cue.id, None)
            if known is None or known.cue.start - known.cue.offset != cue.start - cue.offset:
                self._cut(known, now)
                known = _Pretence(cue)
            known.cue = cue
            if cue.end > now:
                self._pretences[cue.id] = known
        for left in before.values():
            self._cut(left, now)
        self._reckon()

    def take(self) -> list[Played]:
        """What has happened since the last call."""
        self._reckon()
        played, self._played = self._played, []
        return played

    def troubles(self) -> tuple[str, ...]:
        """It decodes nothing, so nothing fails to decode."""
        return ()

    def _reckon(self) -> int:
        """Brings all pretences to the next frame, whose position is returned."""
        position = self._clock.position()
        now = position + (-position) % FRAME_SAMPLES
        for name, one in list(self._pretences.items()):
            if one.ready is None and self._has(one.cue.sound):
                one.ready = now
            if one.begun is None and one.ready is not None and one.cue.start <= now:
                one.begun = max(one.cue.start, one.ready)
                self._tell(one, "started", one.begun)
            if one.cue.end <= now:
                if one.begun is not None:
                    self._tell(one, "ended", one.cue.end)
                del self._pretences[name]
        return now

    def _cut(self, one: _Pretence | None, now: int) -> None:
        if one is not None and one.begun is not None:
            self._tell(one, "cut", now)

    def _tell(self, one: _Pretence, kind: PlayKind, position: int) -> None:
        heard = max(0, position - (one.begun or position))
        self._played.append(Played(Play(one.cue.id, one.cue.sound, kind, position, heard), None))


async def simulate(
    identities: Sequence[Identity],
    renditions: Path,
    heard: Callable[[FirstSample], None],
    *,
    cache_bytes: int = 10_000_000_000,
) -> None:
    """Runs a pretended device for each identity until cancelled; `heard` is told of each item's first sample.

    All must belong to one station. Raises ValueError when there is no identity.
    """
    if not identities:
        raise ValueError("There is no identity to simulate: enrol at least one device.")
    clock = Clock()
    cache = Cache(renditions, identities[0].media_url, cache_bytes)

    def tell(identity: Identity, span: Span, played: Played) -> None:
        planned, at = instant(span.start), instant(played.play.position)
        heard(FirstSample(identity.device_id, identity.unit_path, span.item.id, planned, at))

    async with asyncio.TaskGroup() as group:
        group.create_task(cache.run(), name="cache")
        for identity in identities:
            # A pretended journal does not outlive the process: what was due before is nobody's.
            fresh = replace(identity, enrolled_at=datetime.now(UTC).isoformat())
            agent = Agent(fresh, open_memory(None), cache, ReckonedOutput(clock, cache.has), clock, started=tell)
            agent.recall()
            group.create_task(agent.run(), name=f"device {identity.device_id}")
            await asyncio.sleep(1 / CONNECTS_PER_S)
