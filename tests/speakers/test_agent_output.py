"""The beat of a pole, on a clock that is wound by hand: starts on time, skips when late, lives through a dead sink."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from speakers.agent import output as output_module
from speakers.agent.output import BATCH_FRAMES, PlayingOutput
from streams.clock import HandClock
from streams.cue import Cue
from streams.errors import SoundError
from streams.frame import FRAME_SAMPLES, SAMPLE_RATE_HZ, Frame
from streams.sources.tone import TONE_LEVEL, open_tone

SECOND = SAMPLE_RATE_HZ
BEGIN = 1_000 * SECOND


class RememberingSink:
    """Keeps every frame and where the clock stood when it came; breaks when told."""

    def __init__(self, clock: HandClock) -> None:
        self._clock = clock
        self.frames: list[Frame] = []
        self.written_at: list[int] = []
        self.breaks = False
        self.closed = 0

    def write(self, frame: Frame) -> None:
        if self.breaks:
            raise SoundError("The card is gone.")
        self.frames.append(frame)
        self.written_at.append(self._clock.position())

    def close(self) -> None:
        self.closed += 1


def open_sound(name: str):
    return open_tone(name.partition(":")[2])


def soon(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "It did not happen in time."
        time.sleep(0.002)


@pytest.fixture
def clock() -> HandClock:
    return HandClock(BEGIN)


@pytest.fixture
def sink(clock: HandClock) -> RememberingSink:
    return RememberingSink(clock)


def wind(clock: HandClock, sink: RememberingSink, samples: int, step: int = FRAME_SAMPLES) -> None:
    """Winds on frame by frame, waiting each time until the beat has seen it."""
    for _ in range(samples // step):
        clock.wind(step)
        soon(lambda: not sink.frames or sink.frames[-1].position + FRAME_SAMPLES > clock.position())


@contextmanager
def running(clock: HandClock, sink: RememberingSink) -> Iterator[PlayingOutput]:
    """An output at work. The beat waits for a clock that only we wind, so it is wound until the output has ended."""
    over = threading.Event()

    def wind_on() -> None:
        while not over.wait(0.005):
            clock.wind(FRAME_SAMPLES)

    winding = threading.Thread(target=wind_on)
    try:
        with PlayingOutput(clock, open_sound, lambda: sink) as output:
            try:
                yield output
            finally:
                winding.start()
    finally:
        over.set()
        winding.join()


def test_frames_come_without_a_hole_and_not_before_their_batch_is_due(clock: HandClock, sink: RememberingSink) -> None:
    with running(clock, sink):
        wind(clock, sink, 2 * SECOND)
    positions = [frame.position for frame in sink.frames]
    assert positions == list(range(BEGIN, BEGIN + len(positions) * FRAME_SAMPLES, FRAME_SAMPLES))
    early = [frame.position - at for frame, at in zip(sink.frames, sink.written_at, strict=True)]
    assert max(early) <= (BATCH_FRAMES - 1) * FRAME_SAMPLES
    assert sink.closed == 1


def test_the_frame_in_which_a_cue_starts_is_given_when_it_is_due(clock: HandClock, sink: RememberingSink) -> None:
    start = BEGIN + 61 * FRAME_SAMPLES + 123
    with running(clock, sink) as output:
        output.give([Cue("a#0", "tone:1000", start, 0, SECOND // 2, fade_in=0, fade_out=0)])
        wind(clock, sink, 3 * SECOND)
        played = output.take()
    assert [(entry.play.kind, entry.play.position) for entry in played] == [
        ("started", start),
        ("ended", start + SECOND // 2),
    ]
    assert played[0].error_ms is not None
    assert played[0].error_ms < 20
    index = 61
    assert sink.frames[index].position == BEGIN + 61 * FRAME_SAMPLES
    assert sink.written_at[index] - sink.frames[index].position < FRAME_SAMPLES
    sound = np.concatenate([frame.samples for frame in sink.frames[index : index + 2]])
    assert not sound[:123].any()
    assert sound[124:400].any()


def test_what_is_too_late_is_left_out_and_never_hurried(clock: HandClock, sink: RememberingSink) -> None:
    with running(clock, sink) as output:
        wind(clock, sink, SECOND)
        clock.wind(3 * SECOND)  # the machine slept
        soon(lambda: sink.frames[-1].position >= BEGIN + 4 * SECOND)
        assert output.counts["frames_skipped"] >= 100
    steps = np.diff([frame.position for frame in sink.frames])
    assert sum(steps > FRAME_SAMPLES) == 1


def test_a_clock_that_is_set_back_is_followed(clock: HandClock, sink: RememberingSink) -> None:
    with running(clock, sink) as output:
        output.give([Cue("a#0", "tone:1000", BEGIN - 3600 * SECOND, 0, 7200 * SECOND)])
        wind(clock, sink, SECOND)
        clock.wind(-60 * SECOND)
        clock.wind(FRAME_SAMPLES)
        soon(lambda: output.counts["clock_set_back"])
        clock.wind(10 * FRAME_SAMPLES)
        soon(lambda: sink.frames[-1].position < BEGIN)
        assert sink.frames[-1].samples.any()


def test_a_dead_sink_is_opened_again(clock: HandClock, sink: RememberingSink, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output_module, "SINK_RETRY_S", 0.02)
    with running(clock, sink) as output:
        wind(clock, sink, SECOND)
        sink.breaks = True
        clock.wind(SECOND // 4)
        soon(lambda: output.counts["sink_failures"])
        sink.breaks = False
        before = len(sink.frames)
        clock.wind(SECOND)
        soon(lambda: len(sink.frames) > before)
    assert sink.closed >= 2


class Card:
    """A sound card: a queue of three frames that empties as its own crystal beats, and blocks the writer when full."""

    def __init__(self, clock: HandClock, frames_ahead: int = 3) -> None:
        self._clock = clock
        self._most = frames_ahead * FRAME_SAMPLES
        self._heard_until = clock.position()
        self.crystal_samples = 0
        self.underflows = 0
        self.heard: list[tuple[int, Frame]] = []

    @property
    def queued_samples(self) -> int:
        return max(0, self._heard_until - self._clock.position() - self.crystal_samples)

    def write(self, frame: Frame) -> None:
        while self.queued_samples >= self._most:
            self._clock.wind(96)
        begins = self._clock.position() + self.queued_samples
        self.underflows += bool(self.heard) and not self.queued_samples
        self.heard.append((begins, frame))
        self._heard_until = begins + self.crystal_samples + FRAME_SAMPLES

    def close(self) -> None:
        """Nothing to close."""


def beat_with_card(clock: HandClock, card: Card, frames: int, output: PlayingOutput) -> None:
    """Steps the beat itself, without its thread: the card winds the clock."""
    for _ in range(frames):
        output._step_with_card(card)


def test_a_sound_card_gets_each_frame_just_before_it_is_to_be_heard(clock: HandClock) -> None:
    card = Card(clock)
    output = PlayingOutput(clock, open_sound, lambda: card)
    start = BEGIN + 30 * FRAME_SAMPLES
    output.give([Cue("a#0", "tone:1000", start, 0, SECOND // 2)])
    beat_with_card(clock, card, 100, output)
    assert all(abs(begins - frame.position) < FRAME_SAMPLES for begins, frame in card.heard)
    played = output.take()
    assert [entry.play.kind for entry in played] == ["started", "ended"]
    assert abs(played[0].error_ms or 0) <= 15


def test_after_a_stall_of_the_card_sound_is_left_out_until_it_is_in_step(clock: HandClock) -> None:
    card = Card(clock)
    output = PlayingOutput(clock, open_sound, lambda: card)
    beat_with_card(clock, card, 50, output)
    clock.wind(2 * SECOND)
    beat_with_card(clock, card, 50, output)
    assert output.counts["frames_skipped"] in range(95, 105)
    begins, frame = card.heard[-1]
    assert abs(begins - frame.position) <= FRAME_SAMPLES * 3 // 4
    assert output.counts["underflows"] == 1


def test_a_card_with_a_fast_crystal_gets_a_silent_frame_now_and_then(clock: HandClock) -> None:
    card = Card(clock)
    output = PlayingOutput(clock, open_sound, lambda: card)
    for _ in range(100):
        card.crystal_samples += 48  # 5 % too fast: it hears more than was written
        beat_with_card(clock, card, 1, output)
    assert output.counts["frames_inserted"] >= 3
    begins, frame = card.heard[-1]
    assert abs(begins - frame.position) <= FRAME_SAMPLES


@pytest.mark.parametrize("crystal_samples", [48, -48])
def test_a_frame_that_is_put_in_or_left_out_makes_no_click(clock: HandClock, crystal_samples: int) -> None:
    card = Card(clock)
    output = PlayingOutput(clock, open_sound, lambda: card)
    output.give([Cue("a#0", "tone:1000", BEGIN + 123, 0, 60 * SECOND)])
    for _ in range(150):
        card.crystal_samples += crystal_samples
        beat_with_card(clock, card, 1, output)
    assert output.counts["frames_inserted" if crystal_samples > 0 else "frames_skipped"] >= 3
    heard = np.concatenate([frame.samples for _, frame in card.heard])
    steepest = TONE_LEVEL * 2 * np.pi * 1000 / SECOND
    assert np.abs(np.diff(heard)).max() < steepest * 1.1
    begins, frame = card.heard[-1]
    assert abs(begins - frame.position) <= 2 * FRAME_SAMPLES


def test_what_is_left_out_after_a_stall_of_the_machine_is_faded_on_both_sides(
    clock: HandClock, sink: RememberingSink
) -> None:
    with running(clock, sink) as output:
        output.give([Cue("a#0", "tone:1000", BEGIN + 123, 0, 60 * SECOND)])
        wind(clock, sink, SECOND)
        clock.wind(3 * SECOND)
        soon(lambda: sink.frames[-1].position >= BEGIN + 4 * SECOND)
    heard = np.concatenate([frame.samples for frame in sink.frames])
    assert np.abs(np.diff(heard)).max() < TONE_LEVEL * 2 * np.pi * 1000 / SECOND * 1.1
