"""LOOP: the beat thread. Every 200 ms it renders one block of every channel that somebody listens to.

The beat does no I/O, decodes nothing and writes no log: it joins bytes that `streams.planner` made ready in a second
thread, and hands all pages to the loop of the listeners in one call. When it is late it skips, and counts; what the
loop does not take in time is dropped, and counted. Faults end neither thread.
`Engine.give` and `Engine.listen` may be called at any time; they leave notes for the preparing thread.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from threading import Event, Lock, Thread

import structlog

from streams.audience import Audience
from streams.channel import BLOCK_SAMPLES, Channel, Counts
from streams.clock import Clock
from streams.cue import Cue
from streams.frame import SAMPLE_RATE_HZ, ms_of_samples
from streams.mount import Handover, Kind, Listener, Mount
from streams.packets import PacketRun
from streams.planner import Planner
from streams.source import Sound

LEAD_SAMPLES = 3 * SAMPLE_RATE_HZ // 10
"""A block is rendered 300 ms before its first sample is due."""

_PREPARE_EVERY_S = 0.1
_PREPARE_AGAIN_S = 1.0
_TELL_EVERY_SAMPLES = SAMPLE_RATE_HZ
_LATENESS_KEPT = 1500
_SMALL_SKIP_BLOCKS = 10
_LONGEST_WAIT_S = 2 * BLOCK_SAMPLES / SAMPLE_RATE_HZ

log = structlog.get_logger()

Delivery = list[tuple[Mount, bytes]]


@dataclass(frozen=True, slots=True)
class EngineState:
    """What there is to read about an engine. Counters only grow; `drops` are pages lost by slow listeners, by channel.

    `beats` and `prepared` grow as long as the two threads do their work: rounds of the beat, and rounds of preparing
    that went well. `beat_faults` and `prepare_faults` are what went wrong in them. `beats_undelivered` were dropped
    because the loop of the listeners stood still. `beat_late_ms` are the last five minutes of beats,
    `beat_latest_ms` the worst since the start.
    """

    channels: int
    listeners: int
    encoders: int
    packets_passed_through: int
    packets_encoded: int
    packets_silent: int
    packets_not_ready: int
    sounds_missing: int
    sounds_damaged: int
    drops: dict[str, int]
    beats: int
    beats_skipped: int
    beats_undelivered: int
    beat_faults: int
    prepared: int
    prepare_faults: int
    beat_late_ms: tuple[float, ...]
    beat_latest_ms: float


class Engine:
    """Turns the cues of channels into streams while somebody listens, and for `linger_s` after the last one left."""

    def __init__(
        self,
        open_sound: Callable[[str], Sound],
        packets_of: Callable[[str], PacketRun],
        clock: Clock,
        *,
        linger_s: float = 20.0,
        bitrate_bps: int = 24_000,
        queue_pages: int = 25,
    ) -> None:
        self._clock = clock
        self._audience = Audience(linger_s=linger_s, queue_pages=queue_pages)
        self._planner = Planner(open_sound, packets_of, bitrate_bps=bitrate_bps)
        self._lock = Lock()
        self._wanted: dict[str, tuple[Cue, ...]] = {}
        self._noted: set[str] = set()
        self._wake = Event()
        self._stopping = Event()
        self._opened: list[Callable[[str], None]] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._next = _block_after(clock.position() + LEAD_SAMPLES)
        self._counts = Counts()
        self._late_ms: deque[float] = deque(maxlen=_LATENESS_KEPT)
        self._latest_ms = 0.0
        self._beats = self._skipped = self._faults = 0
        self._handover = Handover()
        self._prepared = self._prepare_faults = 0
        self._jumped = False
        self._tell_at = 0

    # From any thread

    def give(self, channel: str, cues: Sequence[Cue]) -> None:
        """All cues the channel is to obey from now on; they replace those given before."""
        with self._lock:
            if cues:
                self._wanted[channel] = tuple(cues)
            else:
                self._wanted.pop(channel, None)
        self._note(channel)

    def _note(self, channel: str) -> None:
        with self._lock:
            self._noted.add(channel)
        self._wake.set()

    def listened(self) -> list[str]:
        """The channels that are running: somebody listens, or has just left."""
        return [channel.name for channel in self._audience.on]

    def on_open(self, callback: Callable[[str], None]) -> None:
        """`callback(channel)` is called on the listeners' loop when a channel starts; it may `give` cues at once."""
        self._opened.append(callback)

    def state(self) -> EngineState:
        """The counters, to be read by whoever watches."""
        counts = self._counts
        return EngineState(
            channels=len(self._audience.on),
            listeners=len(self._audience),
            encoders=self._planner.mixes,
            packets_passed_through=counts.packets_passed_through,
            packets_encoded=counts.packets_encoded,
            packets_silent=counts.packets_silent,
            packets_not_ready=counts.packets_not_ready,
            sounds_missing=self._planner.missing,
            sounds_damaged=self._planner.damaged,
            drops=self._audience.drops,
            beats=self._beats,
            beats_skipped=self._skipped,
            beats_undelivered=self._handover.dropped,
            beat_faults=self._faults,
            prepared=self._prepared,
            prepare_faults=self._prepare_faults + self._planner.faults,
            beat_late_ms=tuple(self._late_ms.copy()),
            beat_latest_ms=self._latest_ms,
        )

    # On the loop of the listeners

    def listen(self, channel: str, kind: Kind) -> Listener:
        """A listener on a channel, which starts if it was not running. Call it on the loop given to `start`."""
        listener, new = self._audience.admit(channel, kind, self._clock.position())
        if self._stopping.is_set():
            listener.end()
        if new:
            self._note(channel)
        if new == "channel":
            for callback in self._opened:
                callback(channel)
        return listener

    def listeners(self) -> int:
        """How many listen now."""
        return len(self._audience)

    def start(self, loop: asyncio.AbstractEventLoop) -> Callable[[], None]:
        """Starts both threads; pages are delivered on `loop`. Returns what stops them and ends all streams, there."""
        self._loop = loop
        threads = [
            Thread(target=self._beat_loop, name="beat", daemon=True),
            Thread(target=self._prepare_loop, name="beat-prepare", daemon=True),
        ]
        for thread in threads:
            thread.start()

        def stop() -> None:
            self._stopping.set()
            self._wake.set()
            for thread in threads:
                thread.join()
            self._audience.close()

        return stop

    # The beat

    def _beat_loop(self) -> None:
        while not self._stopping.is_set():
            wait_s = self._clock.seconds_until(self._next - LEAD_SAMPLES)
            if 0 < wait_s <= _LONGEST_WAIT_S and self._stopping.wait(wait_s):
                return
            pages = self.beat()
            if pages and self._loop:
                try:
                    self._handover.hand(self._loop, partial(deliver, pages))
                except RuntimeError:  # the loop has closed: nobody is there to hear
                    return

    def beat(self) -> Delivery:
        """Renders the next block of all channels. Public for tests and benchmarks, which deliver it themselves."""
        late = self._clock.position() - (self._next - LEAD_SAMPLES)
        if late > LEAD_SAMPLES or late < -2 * BLOCK_SAMPLES:
            self._skip()
        late_ms = ms_of_samples(max(0, late))
        self._late_ms.append(late_ms)
        self._latest_ms = max(self._latest_ms, late_ms)
        self._beats += 1
        position = self._next
        pages: Delivery = []
        for channel in self._audience.on:
            try:
                self._render(channel, position, pages)
            except Exception:  # one broken channel must not silence the others
                self._faults += 1
        self._next = position + BLOCK_SAMPLES
        return pages

    def _skip(self) -> None:
        """Too late to be heard, or the wall clock went back: goes on from where time is now, never in a burst."""
        begin = _block_after(self._clock.position() + LEAD_SAMPLES - BLOCK_SAMPLES)
        skipped = (begin - self._next) // BLOCK_SAMPLES
        self._skipped += max(0, skipped)
        self._jumped |= not 0 <= skipped <= _SMALL_SKIP_BLOCKS
        self._next = begin

    def _render(self, channel: Channel, position: int, pages: Delivery) -> None:
        for kind, mount in channel.mounts.items():
            if kind == "ogg":
                pages.append((mount, channel.ogg_page(position, self._counts)))
            else:
                pages.append((mount, channel.mp3_frames(position, self._counts)))

    # The preparing thread

    def _prepare_loop(self) -> None:
        while not self._stopping.is_set():
            self._wake.wait(_PREPARE_EVERY_S)
            self._wake.clear()
            try:
                self.prepare()
            except Exception:  # the beat goes on with what is ready; the next round may heal it
                self._prepare_faults += 1
                log.exception("not_prepared")
                self._stopping.wait(_PREPARE_AGAIN_S)

    def prepare(self) -> None:
        """Plans channels that changed or have something coming, renders mixes ahead, closes channels nobody hears."""
        position, on = self._next, self._audience.on
        if self._jumped:
            self._jumped = False
            self._planner.forget(on)
        with self._lock:
            noted, self._noted = self._noted, set()
        for channel in on:
            if channel.name in noted or channel.plan_again_at <= position:
                self._plan(channel)
                self._planner.render(self._next)
        self._planner.render(self._next)
        if abs(position - self._tell_at) >= _TELL_EVERY_SAMPLES:
            self._tell_at = position
            self._planner.sweep(on, position)
            self._audience.sweep(position)
        self._prepared += 1

    def _plan(self, channel: Channel) -> None:
        try:
            self._planner.plan(channel, self._wanted.get(channel.name, ()), lambda: self._next)
        except Exception:
            self._prepare_faults += 1
            log.exception("channel_not_planned", channel=channel.name)
            channel.plan_again_at = self._next + 2 * SAMPLE_RATE_HZ


def deliver(pages: Delivery) -> None:
    """Puts the pages of one beat into their mounts; runs on the listeners' loop."""
    for mount, page in pages:
        mount.push(page)


def _block_after(position: int) -> int:
    return -(-position // BLOCK_SAMPLES) * BLOCK_SAMPLES
