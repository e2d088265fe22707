"""A golden tone through the whole chain: media file, rendition, file source, player, WAV sink. Then we listen."""

import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from streams.cue import JOIN_SAMPLES, Cue
from streams.frame import FRAME_SAMPLES, SAMPLE_RATE_HZ, Samples
from streams.player import Player
from streams.rendition import Rendition, render
from streams.sinks.file import WavSink
from streams.sources.shelf import Shelf

START = 48_000 * 1_000_000
SECONDS = 4


@pytest.fixture(scope="module")
def tone(ears: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Rendition]:
    """A folder of renditions and the one in it: four seconds of 1 kHz from a 16-bit WAV file at 44.1 kHz."""
    folder = tmp_path_factory.mktemp("renditions")
    source = tmp_path_factory.mktemp("originals") / "tone.wav"
    times = np.arange(SECONDS * 44_100) / 44_100
    with wave.open(str(source), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(44_100)
        file.writeframes(np.rint(8_000 * np.sin(2 * np.pi * 1000 * times)).astype("<i2").tobytes())
    return folder, render(source, folder, kind="music")


def play(folder: Path, cues: list[Cue], seconds: float, path: Path) -> Samples:
    """What a WAV sink has recorded after so many seconds of these cues."""
    player = Player(Shelf(folder).open, START)
    player.give(cues)
    sink = WavSink(path)
    for _ in range(round(seconds * 50)):
        sink.write(player.read())
    sink.close()
    player.close()
    with wave.open(str(path)) as file:
        return np.frombuffer(file.readframes(file.getnframes()), "<i2") / np.float32(32767)


def test_the_tone_is_heard_at_its_pitch_level_and_sample(
    tone: tuple[Path, Rendition], ears: Any, tmp_path: Path
) -> None:
    folder, made = tone
    start = START + 12_345
    cue = Cue("a", f"rendition:{made.sha256}", start, 0, SECONDS * SAMPLE_RATE_HZ)
    heard = play(folder, [cue], SECONDS + 1, tmp_path / "pole.wav")
    body = heard[12_345 + 4_800 : 12_345 + (SECONDS - 1) * SAMPLE_RATE_HZ]
    assert ears.pitch_hz(body) == pytest.approx(1000, abs=0.5)
    # At 1 kHz loudness is the RMS: the weighting's +0.69 dB and the -0.691 of the formula meet.
    assert 20 * np.log10(ears.loudness(body)) == pytest.approx(-16.0, abs=0.2)
    assert not heard[:12_345].any()
    assert not heard[12_345 + SECONDS * SAMPLE_RATE_HZ :].any()
    # Where the phase of the tone says that its first sample was.
    times = np.arange(body.size) + 4_800
    vector = np.dot(body, np.exp(-2j * np.pi * 1000 * times / SAMPLE_RATE_HZ))
    late_samples = -(np.angle(vector) + np.pi / 2) / (2 * np.pi * 1000) * SAMPLE_RATE_HZ
    assert abs(late_samples) < 1.5


def test_a_start_and_an_end_in_the_middle_of_the_tone_do_not_click(
    tone: tuple[Path, Rendition], tmp_path: Path
) -> None:
    folder, made = tone
    cue = Cue("a", f"rendition:{made.sha256}", START + 1_000, 50_013, 30_000)
    heard = play(folder, [cue], 1, tmp_path / "pole.wav")
    level = np.abs(heard[10_000:20_000]).max()
    steepest = level * 2 * np.pi * 1000 / SAMPLE_RATE_HZ
    assert np.abs(np.diff(heard)).max() < 1.15 * steepest
    rising = np.abs(heard[1_000 : 1_000 + JOIN_SAMPLES]).reshape(-1, 48).max(axis=1)
    falling = np.abs(heard[31_000 - JOIN_SAMPLES : 31_000]).reshape(-1, 48).max(axis=1)
    assert np.all(np.diff(rising) > 0)
    assert np.all(np.diff(falling) < 0)
    assert not heard[:1_000].any()
    assert not heard[31_000:].any()


def test_what_was_cut_resumes_with_the_very_samples_it_would_have_had(
    tone: tuple[Path, Rendition], tmp_path: Path
) -> None:
    folder, made = tone
    sound = f"rendition:{made.sha256}"
    uncut = play(folder, [Cue("a", sound, START, 0, 150_000)], 3, tmp_path / "uncut.wav")
    before = Cue("a", sound, START, 0, 60_000)
    after = Cue("b", sound, START + 60_000 + 30_001, 60_000, 60_000)
    cut = play(folder, [before, after], 3.2, tmp_path / "cut.wav")
    assert np.array_equal(cut[: 60_000 - JOIN_SAMPLES], uncut[: 60_000 - JOIN_SAMPLES])
    resumed = cut[90_001 + JOIN_SAMPLES : 140_000]
    expected = uncut[60_000 + JOIN_SAMPLES : 60_000 + JOIN_SAMPLES + resumed.size]
    assert np.abs(resumed - expected).max() <= 1 / 32767


def test_two_players_given_the_same_cues_agree_to_the_sample(tone: tuple[Path, Rendition], tmp_path: Path) -> None:
    folder, made = tone
    cues = [
        Cue("a", f"rendition:{made.sha256}", START + 77, 0, 100_000),
        Cue("b", "tone:chime", START + 30_000, 0, 60_000, gain_db=-3.0),
    ]
    early = play(folder, cues, 2, tmp_path / "one.wav")
    late = Player(Shelf(folder).open, START + 48_000)
    late.give(cues)
    frames = np.concatenate([late.read().samples for _ in range(50)])
    assert np.abs(frames[FRAME_SAMPLES:] - early[48_000 + FRAME_SAMPLES :]).max() < 1 / 32767
