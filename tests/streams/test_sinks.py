"""Sinks that need no card: the WAV file whose index is time, and the null sink."""

import os
import signal
import subprocess
import sys
import wave
from pathlib import Path

import numpy as np
import pytest

from streams.frame import FRAME_SAMPLES, SAMPLE_RATE_HZ, Frame, Samples
from streams.sinks.file import WavSink, recorded_position
from streams.sinks.null import NullSink
from streams.source import SILENT_FRAME

START = 48_000 * 1_000_000


def frame(number: int, value: float) -> Frame:
    return Frame(START + number * FRAME_SAMPLES, np.full(FRAME_SAMPLES, value, dtype=np.float32))


def recorded(path: Path) -> Samples:
    with wave.open(str(path)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (SAMPLE_RATE_HZ, 1, 2)
        return np.frombuffer(file.readframes(file.getnframes()), dtype="<i2") / np.float32(32767)


def test_the_index_in_the_file_is_the_position_and_holes_are_silence(tmp_path: Path) -> None:
    path = tmp_path / "pole.wav"
    sink = WavSink(path)
    for number, value in [(0, 0.5), (1, -0.25), (4, 1.5)]:
        sink.write(frame(number, value))
    sink.close()
    heard = recorded(path)
    assert heard.size == 5 * FRAME_SAMPLES
    assert heard[::FRAME_SAMPLES] == pytest.approx([0.5, -0.25, 0, 0, 1.0], abs=1e-4)
    assert sink.first_position == recorded_position(path) == START


def test_a_file_of_floats_keeps_every_bit(tmp_path: Path) -> None:
    path = tmp_path / "exact.wav"
    sink = WavSink(path, "float32")
    samples = np.random.default_rng(1).standard_normal(FRAME_SAMPLES).astype(np.float32)
    sink.write(Frame(START, samples))
    sink.close()
    assert path.read_bytes().endswith(samples.tobytes())
    assert recorded_position(path, "float32") == START
    assert recorded_position(path) is None


def test_a_sink_that_comes_back_goes_on_where_it_should_be(tmp_path: Path) -> None:
    path = tmp_path / "pole.wav"
    for numbers in ([0, 1, 2], [2, 3], [6]):
        sink = WavSink(path)
        for number in numbers:
            sink.write(frame(number, 0.1 * (number + 1)))
        sink.close()
    assert recorded(path)[::FRAME_SAMPLES] == pytest.approx([0.1, 0.2, 0.3, 0.4, 0, 0, 0.7], abs=1e-4)


def test_a_foreign_file_is_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "pole.wav"
    path.write_text("not a recording" * 100)
    sink = WavSink(path)
    sink.write(frame(0, 0.5))
    sink.close()
    assert recorded(path).size == FRAME_SAMPLES


def test_a_clock_that_went_back_begins_a_new_file_and_keeps_the_old(tmp_path: Path) -> None:
    path = tmp_path / "pole.wav"
    sink = WavSink(path)
    sink.write(frame(100, 0.5))
    sink.write(frame(3, 0.25))
    sink.close()
    assert recorded(path)[0] == pytest.approx(0.25, abs=1e-4)
    assert recorded(tmp_path / f"pole-{START + 100 * FRAME_SAMPLES}.wav")[0] == pytest.approx(0.5, abs=1e-4)


def test_a_file_whose_writer_was_killed_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "killed.wav"
    program = f"""
import sys
from pathlib import Path
from streams.sinks.file import WavSink
from streams.frame import FRAME_SAMPLES, Frame
from streams.source import SILENT_FRAME
sink = WavSink(Path({str(path)!r}))
for number in range(175):
    sink.write(Frame({START} + number * FRAME_SAMPLES, SILENT_FRAME))
print("written", flush=True)
sys.stdin.read()
"""
    writer = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        os.kill(writer.pid, signal.SIGKILL)
    assert recorded(path).size >= 150 * FRAME_SAMPLES
    assert path.stat().st_size >= 174 * FRAME_SAMPLES * 2


def test_the_null_sink_counts_and_hashes() -> None:
    one, other = NullSink(), NullSink()
    for sink in (one, other):
        sink.write(frame(0, 0.5))
        sink.write(Frame(START + FRAME_SAMPLES, SILENT_FRAME))
    assert one.sha256() == other.sha256()
    other.write(frame(5, 0.1))
    assert one.sha256() != other.sha256()
    assert (other.frames, other.silent_frames, other.holes, other.first_position) == (3, 1, 1, START)
    one.close()
