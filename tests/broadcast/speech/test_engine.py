"""Whatever a speech engine does, the station gets sound or a clear error, and no process and no file is left."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from broadcast.speech.engine import ENGINES, speak
from broadcast.speech.errors import (
    SpeechEngineDied,
    SpeechEngineMissing,
    SpeechError,
    SpeechNonsense,
    SpeechTooSlow,
    UnknownVoice,
)
from broadcast.speech.pipe import Request
from broadcast.speech.synthesis import Speech, synthesise
from broadcast.speech.voice import voice_named

TEXT = "Câu thứ nhất. Câu thứ hai. Câu thứ ba."
FAKE = Path(__file__).with_name("fake_engine.py")


def spoken_by(way: str, folder: Path, time_limit_s: float = 30.0, stall_limit_s: float = 30.0) -> Speech:
    return synthesise(
        TEXT,
        voice_named("vi"),
        voices_folder=folder,
        out_path=folder / "notice.wav",
        time_limit_s=time_limit_s,
        stall_limit_s=stall_limit_s,
        engines={"espeak": (sys.executable, str(FAKE), way, str(folder / "pid"))},
    )


def expect_nothing_left(folder: Path) -> None:
    assert [path.name for path in folder.iterdir() if path.name != "pid"] == []
    pid_file = folder / "pid"
    if pid_file.exists():  # on a busy machine it may be killed before it wrote its number
        with pytest.raises(ProcessLookupError):
            os.kill(int(pid_file.read_text()), 0)


def test_an_engine_that_behaves_gives_its_sound(tmp_path):
    speech = spoken_by("behaves", tmp_path)
    assert [(sentence.start_ms, sentence.end_ms) for sentence in speech.sentences] == [
        (0, 500), (850, 1350), (1700, 2200),
    ]  # fmt: skip
    assert speech.duration_ms == 2200


@pytest.mark.parametrize(
    ("way", "error"),
    [
        ("talks garbage", SpeechNonsense),
        ("names an impossible length", SpeechNonsense),
        ("names an impossible rate", SpeechNonsense),
        ("forgets the last sentence", SpeechNonsense),
        ("is silent", SpeechNonsense),
        ("sends nothing", SpeechNonsense),
        ("sends half a sample", SpeechNonsense),
        ("does not know the voice", UnknownVoice),
        ("dies at once", SpeechEngineDied),
        ("dies in the second sentence", SpeechEngineDied),
        ("crashes", SpeechEngineDied),
    ],
)
def test_an_engine_that_misbehaves_is_a_clear_error_and_leaves_nothing(way, error, tmp_path):
    with pytest.raises(error):
        spoken_by(way, tmp_path)
    expect_nothing_left(tmp_path)


@pytest.mark.parametrize("way", ["hangs", "hangs in the second sentence", "leaves a child that holds the pipe"])
def test_an_engine_that_hangs_is_killed_after_its_time(way, tmp_path):
    with pytest.raises(SpeechTooSlow):
        spoken_by(way, tmp_path, stall_limit_s=1.5)
    expect_nothing_left(tmp_path)


def test_an_engine_that_trickles_is_killed_when_all_its_time_is_over(tmp_path):
    with pytest.raises(SpeechTooSlow):
        spoken_by("trickles", tmp_path, time_limit_s=1.0)
    expect_nothing_left(tmp_path)


def test_the_last_words_of_a_dead_engine_are_in_the_error(tmp_path):
    with pytest.raises(SpeechEngineDied, match="mã thoát 3: MemoryError: no room"):
        spoken_by("dies at once", tmp_path)


def test_an_engine_program_that_does_not_exist_is_missing(tmp_path):
    with pytest.raises(SpeechEngineMissing):
        list(speak((str(tmp_path / "nothing"),), Request("vi", 1.0, ("a",)), time_limit_s=5, stall_limit_s=5))


def test_the_real_espeak_says_that_it_does_not_know_a_voice():
    with pytest.raises(UnknownVoice):
        list(speak(ENGINES["espeak"], Request("xx-none", 1.0, ("a",)), time_limit_s=30, stall_limit_s=30))


def test_the_real_piper_dies_with_a_reason_on_a_file_that_is_no_model(tmp_path):
    (tmp_path / "voice.onnx").write_bytes(b"no model")
    (tmp_path / "voice.onnx.json").write_text("{}")
    with pytest.raises(SpeechEngineDied, match="KeyError"):
        list(
            speak(
                ENGINES["piper"], Request(str(tmp_path / "voice.onnx"), 1.0, ("a",)), time_limit_s=60, stall_limit_s=60
            )
        )


def test_every_error_says_a_vietnamese_sentence():
    for error in (SpeechEngineDied, SpeechEngineMissing, SpeechNonsense, SpeechTooSlow, UnknownVoice):
        assert issubclass(error, SpeechError)
        assert str(error()).endswith(".")


def until(true: Callable[[], bool]) -> None:
    """Wait for something to become true; the test fails when it does not."""
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


@pytest.mark.parametrize("engine", sorted(ENGINES))
def test_an_engine_that_hangs_ends_with_the_worker_that_started_it(tmp_path, engine):
    asked = tmp_path / "asked"
    os.mkfifo(asked)
    held = os.open(asked, os.O_RDWR)  # the engine waits for ever for the end of its request
    starts = "import subprocess, sys; e = subprocess.Popen(sys.argv[1:], stdin=open('asked')); print(e.pid, flush=True)"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    with subprocess.Popen(
        [sys.executable, "-c", f"{starts}; e.wait()", *ENGINES[engine]],
        cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True,
    ) as worker:  # fmt: skip
        assert worker.stdout is not None
        pid = int(worker.stdout.readline())
        ours = os.getpriority(os.PRIO_PROCESS, 0)
        until(lambda: os.getpriority(os.PRIO_PROCESS, pid) > ours)  # what it does after it has bound its life
        worker.kill()
    stat = Path(f"/proc/{pid}/stat")
    until(lambda: not stat.exists() or stat.read_text().split()[2] == "Z")
    os.close(held)
