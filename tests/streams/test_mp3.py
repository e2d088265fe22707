"""MP3 frames that stand alone, on one grid for all encoders."""

import numpy as np
import pytest

from streams.frame import Frame
from streams.mp3 import DELAY_MP3_FRAMES, MP3_SAMPLES, SILENT_MP3, Mp3Encoder, mp3_index
from streams.source import SILENT_FRAME


def encoded(samples: np.ndarray, position: int) -> dict[int, bytes]:
    """All MP3 frames of some samples (a multiple of 960), by number."""
    encoder = Mp3Encoder()
    frames: dict[int, bytes] = {}
    for at in range(0, samples.size, 960):
        frames.update(encoder.encode(Frame(position + at, samples[at : at + 960])))
    return frames


def test_silence_is_a_constant_frame_that_decodes_to_nothing(ears) -> None:
    samples = ears.decode(SILENT_MP3 * 20, "mp3")

    assert samples.size == 20 * MP3_SAMPLES
    assert not samples.any()


@pytest.mark.parametrize("position", [0, 960, 1920, 2880, 1_764_000_000 * 48_000 + 960])
def test_frames_lie_on_the_grid_wherever_the_encoder_begins(ears, position: int) -> None:
    frames = encoded(ears.tone(1000, 1), position)

    assert min(frames) == mp3_index(position)
    assert sorted(frames) == list(range(min(frames), max(frames) + 1))
    assert (max(frames) + DELAY_MP3_FRAMES) * MP3_SAMPLES >= position + 48_000 - 960
    assert {len(frame) for frame in frames.values()} == {len(SILENT_MP3)}


def test_two_encoders_can_be_joined_at_any_frame_without_a_gap(ears) -> None:
    tone = ears.tone(500, 2)
    early, late = encoded(tone, 0), encoded(tone[9600:], 9600)
    numbers = range(min(max(early), max(late)))
    joined = [early[number] if number < 40 else late[number] for number in numbers]

    alone = ears.decode(b"".join(early[number] for number in numbers), "mp3")
    samples = ears.decode(b"".join(joined), "mp3")

    assert ears.loudness(samples - alone) < 0.02 * ears.loudness(alone)
    assert max(ears.quiet_stretches_ms(samples[4800:]), default=0) < 2


def test_silence_and_sound_can_be_joined(ears) -> None:
    frames = encoded(ears.tone(500, 1), 0)
    content = SILENT_MP3 * 20 + b"".join(frames[number] for number in range(max(frames))) + SILENT_MP3 * 20

    samples = ears.decode(content, "mp3")

    assert not samples[: 19 * MP3_SAMPLES].any()
    assert ears.pitch_hz(samples[22 * MP3_SAMPLES : 50 * MP3_SAMPLES]) == pytest.approx(500, abs=20)
    assert not samples[-15 * MP3_SAMPLES :].any()


def test_silent_frames_are_encoded_like_any_other() -> None:
    encoder = Mp3Encoder()
    frames = [found for at in range(20) for found in encoder.encode(Frame(at * 960, SILENT_FRAME))]

    assert len(frames) >= 20 * 960 // MP3_SAMPLES - DELAY_MP3_FRAMES
