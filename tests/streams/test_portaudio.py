"""The sound card, with PulseAudio's null sink in its place: what is written is heard by a recorder at the other end."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from streams.errors import PortAudioMissing
from streams.frame import SAMPLE_RATE_HZ
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


@pytest.fixture
def pulse(tmp_path: Path) -> Iterator[dict[str, str]]:
    """A PulseAudio of our own with one null sink; gives the environment in which it is found."""
    missing = [program for program in NEEDED if shutil.which(program) is None]
    if missing or portaudio.pyaudio is None:
        pytest.skip(f"PulseAudio and PyAudio are needed; missing: {', '.join(missing) or 'PyAudio'}.")
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
            for _ in range(100):
                if subprocess.run(["pactl", "info"], env=environment, capture_output=True, check=False).returncode == 0:
                    break
                time.sleep(0.1)
            else:
                pytest.skip("PulseAudio does not start on this machine.")
            yield environment
        finally:
            server.terminate()


def test_a_tone_that_is_played_is_heard_at_the_other_end(pulse: dict[str, str], ears: Any) -> None:
    record = [
        "parec",
        "--device=loa.monitor",
        "--format=float32le",
        "--rate=48000",
        "--channels=1",
        "--latency-msec=20",
    ]
    with subprocess.Popen(record, env=pulse, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as recorder:
        time.sleep(0.5)
        played = subprocess.run(
            [sys.executable, "-c", PLAYING], env=pulse, capture_output=True, text=True, check=False, timeout=60
        )
        time.sleep(0.5)
        recorder.terminate()
        assert recorder.stdout is not None
        content = recorder.stdout.read()
    assert played.returncode == 0, played.stderr
    heard = np.frombuffer(content[: len(content) // 4 * 4], dtype=np.float32)
    sounding = np.flatnonzero(np.abs(heard) > 0.02)
    tone = heard[sounding[0] : sounding[-1]]
    assert tone.size == pytest.approx(SAMPLE_RATE_HZ, rel=0.2)
    assert ears.pitch_hz(tone[4_800:28_800]) == pytest.approx(1000, abs=5)
    assert np.abs(tone).max() == pytest.approx(0.125, rel=0.05)


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
