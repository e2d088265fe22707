"""The sound card, with PulseAudio's null sink in its place: what is written is heard by a recorder at the other end."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest

from streams.errors import PortAudioMissing
from streams.frame import SAMPLE_RATE_HZ, Samples
from streams.sinks import portaudio

NEEDED = ("pulseaudio", "parec", "pactl")

PLAYING = """
import sys
from streams.player import Player
from streams.cue import Cue
from streams.sinks.portaudio import PortAudioSink
from streams.sources.tone import open_tone
sink = PortAudioSink("pulse")
player = Player(lambda name: open_tone(name.removeprefix("tone:")), 0)
player.give([Cue("a", "tone:1000", 24_000, 0, 48_000)])
for _ in range(100):
    sink.write(player.read())
sink.close()
"""


def soon(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "It did not happen in time."
        time.sleep(0.05)


@pytest.fixture
def pulse(
    tmp_path: Path, program_of: Callable[[str], str], part_lacks: Callable[[str], NoReturn]
) -> Iterator[dict[str, str]]:
    """A PulseAudio of our own with one null sink; gives the environment in which it is found."""
    for program in NEEDED:
        program_of(program)
    if portaudio.pyaudio is None:
        part_lacks("PyAudio is not installed.")
    socket = tmp_path / "pulse.sock"
    alsa = tmp_path / "asound.conf"
    alsa.write_text("pcm.pulse { type pulse }\nctl.pulse { type pulse }\npcm.!default { type pulse }\n")
    environment = os.environ | {
        "HOME": str(tmp_path),
        "XDG_RUNTIME_DIR": str(tmp_path),
        "PULSE_SERVER": f"unix:{socket}",
        "ALSA_CONFIG_PATH": f"/usr/share/alsa/alsa.conf:{alsa}",
    }
    command = ["pulseaudio", "--daemonize=no", "--exit-idle-time=-1", "-n", "--use-pid-file=no"]
    command += [f"--load=module-native-protocol-unix auth-anonymous=1 socket={socket}"]
    command += ["--load=module-null-sink sink_name=loa rate=48000 channels=1"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            ask = ["pactl", "info"]
            soon(lambda: subprocess.run(ask, env=environment, capture_output=True, check=False).returncode == 0)
            yield environment
        finally:
            server.terminate()


class Recorder:
    """Hears what the null sink plays, on and on, from the moment it is heard at all."""

    def __init__(self, environment: dict[str, str]) -> None:
        command = ["parec", "--device=loa.monitor", "--format=float32le", "--rate=48000", "--channels=1"]
        command += ["--latency-msec=20"]
        self._process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self._pieces: list[bytes] = []
        self._listening = threading.Thread(target=self._listen)
        self._listening.start()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        while piece := os.read(self._process.stdout.fileno(), 1 << 16):
            self._pieces.append(piece)

    def heard(self) -> Samples:
        content = b"".join(self._pieces)
        return np.frombuffer(content[: len(content) // 4 * 4], dtype=np.float32)

    def close(self) -> None:
        self._process.terminate()
        self._listening.join()
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._process.wait()


def is_over(heard: Samples) -> bool:
    """Whether something was heard, and half a second of silence after it."""
    sounding = np.flatnonzero(np.abs(heard) > 0.02)
    return bool(sounding.size) and heard.size - sounding[-1] > SAMPLE_RATE_HZ // 2


def test_a_tone_that_is_played_is_heard_at_the_other_end(pulse: dict[str, str], ears: Any) -> None:
    with closing(Recorder(pulse)) as recorder:
        soon(lambda: recorder.heard().size)
        played = subprocess.run(
            [sys.executable, "-c", PLAYING], env=pulse, capture_output=True, text=True, check=False, timeout=60
        )
        assert played.returncode == 0, played.stderr
        soon(lambda: is_over(recorder.heard()))
        heard = recorder.heard()
    sounding = np.flatnonzero(np.abs(heard) > 0.02)
    # A machine that stalls puts silence in between, which is no fault of the sink: what sounds is counted.
    windows = np.abs(heard[: heard.size // 48 * 48].reshape(-1, 48)).max(axis=1) > 0.02
    assert windows.sum() == pytest.approx(1_000, rel=0.05)
    assert ears.pitch_hz(heard[sounding[0] + 4_800 : sounding[0] + 28_800]) == pytest.approx(1000, abs=5)
    assert np.abs(heard).max() == pytest.approx(0.125, rel=0.05)


def test_a_card_that_is_not_there_is_said_with_those_that_are(pulse: dict[str, str]) -> None:
    program = """
from streams.errors import PortAudioFailed
from streams.sinks.portaudio import PortAudioSink
try:
    PortAudioSink("gramophone")
except PortAudioFailed as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", program], env=pulse, capture_output=True, text=True, check=True)
    assert "There is no sound card called «gramophone»" in done.stdout
    assert "pulse" in done.stdout


def test_without_pyaudio_the_remedy_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(portaudio, "pyaudio", None)
    with pytest.raises(PortAudioMissing, match=r"pip install loa\[portaudio\]"):
        portaudio.PortAudioSink()
