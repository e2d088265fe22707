"""Two sound cards that do not exist: a PulseAudio of our own with two null sinks, and somebody who listens to each.

A null sink plays at the pace of the machine's clock into nothing; its monitor gives what it played to a recorder.
"""

import os
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from streams.frame import SAMPLE_RATE_HZ, Samples
from tests.station.conftest import until

SINKS = ("loa1", "loa2")
_RECORD = ["--format=float32le", f"--rate={SAMPLE_RATE_HZ}", "--channels=1", "--latency-msec=10"]
_NEAR_SAMPLES = 5 * SAMPLE_RATE_HZ


@dataclass(slots=True)
class Monitor:
    """What a null sink played, and when each piece of it came: (samples before it, position of that instant)."""

    process: "subprocess.Popen[bytes]"
    pieces: list[bytes] = field(default_factory=list)
    arrivals: list[tuple[int, int]] = field(default_factory=list)

    def listen(self) -> None:
        """Until the recorder ends."""
        assert self.process.stdout is not None
        count = 0
        while piece := os.read(self.process.stdout.fileno(), 1 << 16):
            at = time.time_ns() * SAMPLE_RATE_HZ // 1_000_000_000
            self.arrivals.append((count // 4, at))
            self.pieces.append(piece)
            count += len(piece)

    def samples(self) -> Samples:
        """All of it."""
        content = b"".join(self.pieces)
        return np.frombuffer(content[: len(content) // 4 * 4], dtype=np.float32)

    def position_of(self, index: int) -> int:
        """When a sample was played: a piece comes as it begins to be played or later, so the earliest ones tell."""
        near = [at - before for before, at in self.arrivals if abs(before - index) < _NEAR_SAMPLES]
        return index + min(near)


@contextmanager
def soundcards(folder: Path) -> Iterator[dict[str, str]]:
    """A sound server with the null sinks; gives the environment in which it is found."""
    socket, alsa = folder / "pulse.sock", folder / "asound.conf"
    alsa.write_text("pcm.pulse { type pulse }\nctl.pulse { type pulse }\npcm.!default { type pulse }\n")
    environment = {
        "HOME": str(folder),
        "XDG_RUNTIME_DIR": str(folder),
        "PULSE_SERVER": f"unix:{socket}",
        "ALSA_CONFIG_PATH": f"/usr/share/alsa/alsa.conf:{alsa}",
    }
    command = ["pulseaudio", "--daemonize=no", "--exit-idle-time=-1", "-n", "--use-pid-file=no"]
    command += [f"--load=module-native-protocol-unix auth-anonymous=1 socket={socket}"]
    command += [f"--load=module-null-sink sink_name={name} rate={SAMPLE_RATE_HZ} channels=1" for name in SINKS]
    with (folder / "pulse.log").open("wb") as log:
        server = subprocess.Popen(command, env={**os.environ, **environment}, stdout=log, stderr=log)
    try:
        until(lambda: _answers(environment), f"PulseAudio answers; see {folder / 'pulse.log'}", 20)
        yield environment
    finally:
        server.terminate()
        server.wait(20)


def _answers(environment: dict[str, str]) -> bool:
    done = subprocess.run(["pactl", "info"], env={**os.environ, **environment}, capture_output=True, check=False)
    return done.returncode == 0


@contextmanager
def monitored(environment: dict[str, str], sink: str) -> Iterator[Monitor]:
    """Listens to a null sink in a thread of its own."""
    command = ["parec", f"--device={sink}.monitor", *_RECORD]
    process = subprocess.Popen(
        command, env={**os.environ, **environment}, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    monitor = Monitor(process)
    listening = threading.Thread(target=monitor.listen)
    listening.start()
    try:
        yield monitor
    finally:
        process.terminate()
        process.wait(20)
        listening.join(20)
        assert process.stdout is not None
        process.stdout.close()
