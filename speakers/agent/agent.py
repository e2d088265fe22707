"""A pole, put together: what comes from the station is accepted, decided, fetched, played, journalled, reported.

Loops compare what is wanted with what is; a message from the wire only makes them look sooner. The output plays on
whatever happens here. `speakers.agent.__main__` is the process; the simulator runs many of these in one.
"""

import asyncio
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime

import structlog

from broadcast.onair import Place, Span
from broadcast.signing import trusted_key
from speakers.agent.air import Air, sounds_of
from speakers.agent.cache import Cache
from speakers.agent.connection import Connection
from speakers.agent.identity import Identity
from speakers.agent.journal import Journal
from speakers.agent.memory import Sparing, fact, keep_fact
from speakers.agent.output import Output, Played
from speakers.agent.report import Reporter
from speakers.agent.rundowns import Rundowns
from speakers.errors import RundownRefused, WireMalformed
from speakers.topic import topic
from speakers.wire import Wanted, parse_acknowledged, parse_command
from streams.clock import Clock
from streams.cue import Cue
from streams.frame import SAMPLE_RATE_HZ, instant, samples_of_ms
from streams.sources.tone import open_tone

LOOK_EVERY_S = 0.5
DECIDE_EVERY_SAMPLES = 20 * SAMPLE_RATE_HZ
MARK_PLAYING_SAMPLES, MARK_QUIET_SAMPLES = 5 * SAMPLE_RATE_HZ, 60 * SAMPLE_RATE_HZ
CHECK_AHEAD_SAMPLES = 60 * SAMPLE_RATE_HZ
CHECK_AGAIN_SAMPLES = 10 * SAMPLE_RATE_HZ
TEST_TONE = "tone:chime"

log = structlog.get_logger()


class Agent:
    """One device. `started` is told of every play as it is known, for those who measure."""

    def __init__(
        self,
        identity: Identity,
        memory: sqlite3.Connection,
        cache: Cache,
        output: Output,
        clock: Clock,
        *,
        started: Callable[[Identity, Span, Played], None] | None = None,
    ) -> None:
        first = Wanted(
            0, identity.unit_path, identity.units, clusters=identity.clusters, heartbeat_s=identity.heartbeat_s
        )
        now = instant(clock.position())
        self.identity = identity
        self._memory = memory
        self._sparing, self._looking, self._checking, self._deciding = Sparing(), Sparing(), Sparing(), Sparing()
        self._contact_s, self._command_counter = fact(memory, "contact_s"), fact(memory, "command")
        self._cache = cache
        self._output = output
        self._clock = clock
        self._told_of = started
        self.rundowns = Rundowns(memory, trusted_key(identity.key), identity.device_id, first)
        self.journal = Journal(memory, now)
        self.connection = Connection(identity, self.receive, self._while_connected)
        self._air = Air(self.journal, identity.enrolled, now)
        self._reporter = Reporter(self.connection, self.journal, self.rundowns, clock=clock, cache=cache, output=output)
        self._hint = asyncio.Event()
        self._decided_at = self._marked_at = 0
        self._spans: tuple[Span, ...] = ()
        self._played: list[Played] = []
        self._checked: dict[str, int] = {}
        self._test_cue: Cue | None = None
        cache.on_arrival(lambda _name: self._look_soon())

    def recall(self) -> None:
        """Takes up what was left at the last stop and gives the first cues: sound comes before the line stands."""
        self.rundowns.recall(self._now())
        if count := self.journal.recover():
            log.warning("power_was_lost", plays_cut_short=count)
        self._decide()
        self._look()

    async def run(self) -> None:
        """Runs for ever; whoever started it cancels it."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.connection.run(self._topics), name="connection: for ever, whatever the network does")
            group.create_task(self._look_for_ever(), name="look: wanted against played, twice a second")
            group.create_task(self._check_for_ever(), name="check: files of what begins within a minute")

    def receive(self, name: str, payload: bytes) -> None:
        """A message came on a topic. Whatever it is, nothing is raised."""
        device = self.identity.device_id
        if name == topic("wanted", device):
            if self.rundowns.receive_wanted(payload):
                log.info("wanted_accepted", revision=self.rundowns.wanted.revision)
                self._reporter.report_soon()
                self._look_soon()
        elif name == topic("acknowledged", device):
            self._acknowledged(name, payload)
        elif name == topic("command", device):
            self._command(name, payload)
        elif self.rundowns.receive(payload, name, self._now()) is not None:
            self._decide()

    def _topics(self) -> list[str]:
        device = self.identity.device_id
        own = [topic(kind, device) for kind in ("wanted", "acknowledged", "command")]
        return own + [topic("rundown", unit) for unit in self.rundowns.wanted.units]

    def _now(self) -> datetime:
        return instant(self._clock.position())

    def _look_soon(self) -> None:
        self._decided_at = 0
        self._hint.set()

    def _acknowledged(self, name: str, payload: bytes) -> None:
        try:
            sequence = parse_acknowledged(self.rundowns.body_of(payload, name))
        except RundownRefused as refused:
            self.rundowns.refuse(refused.reason, name, str(refused))
        except WireMalformed as error:
            self.rundowns.refuse("malformed", name, str(error))
        else:
            with self._sparing.spared():
                self.journal.acknowledge(sequence, self._clock.position())
            self._reporter.acknowledged.set()

    def _command(self, name: str, payload: bytes) -> None:
        try:
            command = parse_command(self.rundowns.body_of(payload, name))
        except RundownRefused as refused:
            self.rundowns.refuse(refused.reason, name, str(refused))
            return
        except WireMalformed as error:
            self.rundowns.refuse("malformed", name, str(error))
            return
        if command.counter <= self._command_counter or command.expires <= self._now():
            self.rundowns.refuse("older", name, "The command came before, or too late.")
            return
        self._command_counter = command.counter
        with self._sparing.spared():
            keep_fact(self._memory, "command", command.counter)
        log.info("command_obeyed", act=command.act, counter=command.counter)
        start = self._clock.position() + samples_of_ms(300)
        self._test_cue = Cue(f"command#{command.counter}", TEST_TONE, start, 0, open_tone("chime").length)
        self._decide()

    def _decide(self) -> None:
        """Who has the air from now on, told to the output and to the cache."""
        wanted, position = self.rundowns.wanted, self._clock.position()
        now = instant(position)
        last_contact = now if self.connection.is_up else datetime.fromtimestamp(self._contact_s, UTC)
        place = Place(wanted.unit, frozenset(wanted.clusters))
        rundowns = self.rundowns.by_unit.values()
        with self._deciding.spared():  # if it fails what plays goes on, and the next rundown may heal it
            self._spans = self._air.decide(rundowns, place, now, last_contact if self._contact_s else now)
            cues = self._air.cues(self._spans, wanted.volume_db, self._may_wait)
            if self._test_cue is not None and self._test_cue.end > position:
                cues.append(self._test_cue)
            self._decided_at = position
            self._output.give(cues)
            self._cache.want(self.identity.device_id, sounds_of(rundowns, place, self._spans, now))

    def _may_wait(self, sound: str) -> bool:
        return not self._cache.has(sound) and not self._cache.is_hopeless(sound)

    async def _look_for_ever(self) -> None:
        while True:
            with self._looking.spared():
                self._look()
            self._hint.clear()
            try:
                async with asyncio.timeout(LOOK_EVERY_S):
                    await self._hint.wait()
            except TimeoutError:
                pass
            await self.connection.follow(self._topics())

    def _look(self) -> None:
        position = self._clock.position()
        with self._sparing.spared():
            self._write_down(position)
        if self.rundowns.take_up(instant(position)) or abs(position - self._decided_at) > DECIDE_EVERY_SAMPLES:
            self._decide()

    def _write_down(self, position: int) -> None:
        """Journals what was played and missed. What cannot be written now is tried again at the next look."""
        self._played += self._output.take()
        while self._played:
            self._air.tell(self._played[:1])
            self._tell_those_who_measure(self._played.pop(0))
        self._air.settle(instant(position))
        pause = MARK_PLAYING_SAMPLES if self.journal.playing else MARK_QUIET_SAMPLES
        if abs(position - self._marked_at) > pause:
            self._marked_at = position
            self.journal.mark_alive(position)
            if self.connection.is_up:
                self._contact_s = position // SAMPLE_RATE_HZ
                keep_fact(self._memory, "contact_s", self._contact_s)

    def _tell_those_who_measure(self, played: Played) -> None:
        span = next((span for span in self._spans if f"{span.item.id}#{span.part}" == played.play.cue_id), None)
        if self._told_of is not None and span is not None and played.play.kind == "started":
            self._told_of(self.identity, span, played)

    async def _check_for_ever(self) -> None:
        """Looks at the bytes of what begins within a minute, and of what cannot be decoded."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S * 2)
            with self._checking.spared():
                await self._check()

    async def _check(self) -> None:
        position = self._clock.position()
        troubles = set(self._output.troubles())
        for span in self._spans:
            name, cue_id = span.item.sound, f"{span.item.id}#{span.part}"
            checked_at = self._checked.get(name, 0)
            due = span.start - CHECK_AHEAD_SAMPLES <= position and checked_at < span.start - CHECK_AHEAD_SAMPLES
            again = cue_id in troubles and position - checked_at > CHECK_AGAIN_SAMPLES
            if name.startswith("rendition:") and (due or again) and self._cache.has(name):
                self._checked[name] = position
                await self._cache.check(name)
        recent = {span.item.sound for span in self._spans}
        self._checked = {name: at for name, at in self._checked.items() if name in recent}

    async def _while_connected(self) -> None:
        self._look_soon()
        await self._reporter.run()
