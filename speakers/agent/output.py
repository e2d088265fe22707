"""The beat of a pole: clock -> player -> sink, in a thread of its own that touches no network and no database.

It wakes ten times a second and gives the sink five frames, the first of which is due just then; a wake-up is laid on
the frame in which a cue starts, so that starts are on time and quiet minutes cost nearly nothing. A second thread
opens and decodes ahead. Others give cues and take what was played; the lists between them are the only meeting.
"""

import threading
from collections import Counter, deque
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

import numpy as np
import structlog

from streams.clock import Clock
from streams.cue import JOIN_SAMPLES, Cue
from streams.errors import SoundError
from streams.frame import FRAME_SAMPLES, SAMPLE_RATE_HZ, Frame, frame_floor, ms_of_samples, samples_of_ms
from streams.gain import rise
from streams.player import Play, Player
from streams.sink import Card, Sink
from streams.source import SILENT_FRAME
from streams.voice import OpenSound

BATCH_FRAMES = 5
LATE_SAMPLES = samples_of_ms(20)
SKIP_SAMPLES = samples_of_ms(200)
"""Sound that is later than this is left out: it would be out of step with the other poles."""

APART_SAMPLES = FRAME_SAMPLES * 3 // 4
"""How far a sound card may be from where it should be, before a frame is left out or put in."""

BACK_S = 2.0
PREPARE_EVERY_S = 0.25
SINK_RETRY_S = 5.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Played:
    """A `Play`, and how many ms after its due time its frame was given to the sink (None: nobody looked)."""

    play: Play
    error_ms: float | None


class Output(Protocol):
    """Where cues go and facts come from; the real one plays, the simulator's only reckons."""

    counts: Counter[str]

    def give(self, cues: Sequence[Cue]) -> None:
        """All that is wanted from now on."""
        ...

    def take(self) -> list[Played]:
        """What has happened since the last call."""
        ...

    def troubles(self) -> tuple[str, ...]:
        """Cues whose sound cannot be opened or decoded at this moment."""
        ...


class PlayingOutput(AbstractContextManager["PlayingOutput"]):
    """The real output; inside its context both threads run. `open_sink` is called again when the sink breaks.

    A card sets the pace itself, and gets each frame as much before it is to be heard as sound waits in it.
    """

    def __init__(self, clock: Clock, open_sound: OpenSound, open_sink: Callable[[], Sink]) -> None:
        self.counts: Counter[str] = Counter()
        self._clock = clock
        self._open_sound = open_sound
        self._open_sink = open_sink
        self._player = Player(open_sound, clock.position())
        self._cues: tuple[Cue, ...] = ()
        self._starts: tuple[int, ...] = ()
        self._played: deque[Played] = deque(maxlen=10_000)
        self._troubles: tuple[str, ...] = ()
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._beat, name="beat"),
            threading.Thread(target=self._prepare, name="prepare"),
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()
        self._player.close()

    def give(self, cues: Sequence[Cue]) -> None:
        """All that is wanted from now on; obeyed from the next frame on."""
        self._cues = tuple(cues)
        self._starts = tuple(sorted(frame_floor(cue.start) for cue in cues))
        self._player.give(cues)

    def take(self) -> list[Played]:
        """What has happened since the last call, oldest first."""
        played = []
        while self._played:
            played.append(self._played.popleft())
        return played

    def troubles(self) -> tuple[str, ...]:
        """As the preparing thread last saw it."""
        return self._troubles

    def _prepare(self) -> None:
        while not self._stopping.wait(PREPARE_EVERY_S):
            self._troubles = self._player.prepare()

    def _beat(self) -> None:
        while not self._stopping.is_set():
            try:
                sink = self._open_sink()
            except (OSError, SoundError) as error:
                self._sink_failed(error)
                continue
            try:
                while not self._stopping.is_set():
                    if isinstance(sink, Card):
                        self._step_with_card(sink)
                    else:
                        self._step(sink)
            except (OSError, SoundError) as error:
                self._sink_failed(error)
            finally:
                self._close(sink)

    def _step(self, sink: Sink) -> None:
        """Waits until the next frame is due, then gives the sink a batch."""
        player = self._player
        late = self._late_at(player.position)
        if late is None:
            return
        if late > SKIP_SAMPLES:
            self._leave_out(player, sink, self._clock.position())
            late = 0
        elif late > LATE_SAMPLES:
            self.counts["batches_late"] += 1
        for _ in range(self._batch(player.position)):
            sink.write(player.read())
        self._note(player, late)

    def _step_with_card(self, card: Card) -> None:
        """Gives one frame to a sink that blocks while its queue is full, so that the card sets the pace.

        What is written now is heard after what is queued. Where that is not when it should be heard, because the
        card stalled or its crystal is another, frames are left out or one is put in, with fades on both sides.
        """
        player = self._player
        heard_at = self._clock.position() + card.queued_samples
        early = player.position - heard_at
        if early > BACK_S * SAMPLE_RATE_HZ:
            self._follow_back()
            return
        underflows = card.underflows
        if early > APART_SAMPLES:
            self.counts["frames_inserted"] += 1
            frame, heard_at = player.read(), heard_at + FRAME_SAMPLES
            card.write(_leaving(frame))
            frame = _entering(frame)
        else:
            if early < -APART_SAMPLES:
                heard_at += FRAME_SAMPLES
                self._leave_out(player, card, heard_at + FRAME_SAMPLES // 2)
            frame = player.read()
        card.write(frame)
        self.counts["underflows"] += card.underflows - underflows
        self._note(player, heard_at - frame.position)

    def _leave_out(self, player: Player, sink: Sink, until: int) -> None:
        """Fades what plays away, and goes on with what is due at `until`; the player fades that in."""
        sink.write(_leaving(player.read()))
        behind = player.position
        player.skip_to(frame_floor(until))
        self.counts["frames_skipped"] += (player.position - behind) // FRAME_SAMPLES

    def _note(self, player: Player, late: int) -> None:
        self.counts["frames_not_decoded"] += player.take_late()
        for play in player.take_plays():
            self._played.append(Played(play, round(ms_of_samples(late), 2)))

    def _late_at(self, position: int) -> int | None:
        """Waits for a position; returns how late it woke, in samples, or None when there is nothing to do then."""
        while (wait_s := self._clock.seconds_until(position)) > 0:
            if wait_s > BACK_S:
                self._follow_back()
                return None
            if self._stopping.wait(wait_s):
                return None
        return round(-wait_s * SAMPLE_RATE_HZ)

    def _batch(self, position: int) -> int:
        """How many frames from `position` on go out together: up to the next one in which a cue starts."""
        limit = position + BATCH_FRAMES * FRAME_SAMPLES
        for start in self._starts:
            if position < start < limit:
                return (start - position) // FRAME_SAMPLES
        return BATCH_FRAMES

    def _follow_back(self) -> None:
        """The wall clock was set back: a player never goes back, so a new one takes its place."""
        self.counts["clock_set_back"] += 1
        left, self._player = self._player, Player(self._open_sound, self._clock.position())
        self._player.give(self._cues)
        for play in left.take_plays():
            self._played.append(Played(play, None))
        left.close()

    def _sink_failed(self, error: Exception) -> None:
        self.counts["sink_failures"] += 1
        log.error("sink_failed", error=str(error) or type(error).__name__, next_try_s=SINK_RETRY_S)
        self._stopping.wait(SINK_RETRY_S)

    def _close(self, sink: Sink) -> None:
        try:
            sink.close()
        except (OSError, SoundError) as error:
            log.error("sink_failed", error=str(error) or type(error).__name__)


def _leaving(frame: Frame) -> Frame:
    """The frame as the last one before a gap: faded out in 5 ms, then silent."""
    if frame.samples is SILENT_FRAME:
        return frame
    samples = np.zeros_like(frame.samples)
    samples[:JOIN_SAMPLES] = frame.samples[:JOIN_SAMPLES] * (1.0 - rise(0, JOIN_SAMPLES, JOIN_SAMPLES))
    return Frame(frame.position, samples)


def _entering(frame: Frame) -> Frame:
    """The frame as the first one after a gap: faded in, in 5 ms."""
    if frame.samples is SILENT_FRAME:
        return frame
    return Frame(frame.position, frame.samples * rise(0, FRAME_SAMPLES, JOIN_SAMPLES))
