"""`scripts/demo` on an empty data folder: from its start to the first sound out of a loudspeaker.

The script itself, as a person types it, once everything is installed: it makes the database, seeds it, starts the
station and six agents, has the bulletin spoken, approved and put on air. The first agent writes a WAV file in which
the place of a sample is its time; the clock stops at the first sample there that is not silent.
"""

import os
import signal
import subprocess
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from streams.frame import SAMPLE_RATE_HZ, sample_position
from streams.sinks.file import recorded_position
from tests.bench.row import Row
from tests.conftest import unused_port
from tests.station.conftest import Ears

TURNS = 3
REACH_S = 15.0
GIVES_UP_S = 90.0
_HEARD = 0.001
ROOT = Path(__file__).parents[2]


def first_sound(path: Path) -> int | None:
    """The position of the first sample of a growing file that is not silent."""
    if recorded_position(path) is None:
        return None
    heard = Ears().heard(path)
    sounding = np.flatnonzero(np.abs(heard.samples) > _HEARD)
    return heard.position + int(sounding[0]) if sounding.size else None


def seconds_to_first_sound() -> float:
    """One start of the demo, which is ended when it has been heard."""
    with tempfile.TemporaryDirectory(prefix="loa-bench-") as name:
        folder = Path(name)
        heard = folder / "heard.wav"
        command = ["scripts/demo", "--port", str(unused_port()), "--data", str(folder / "data")]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("LOA_")}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        environment["LOA_CONFIG"] = str(folder / "none.toml")
        began = sample_position(datetime.now(UTC))
        with (folder / "log").open("wb") as log:
            demo = subprocess.Popen(
                [*command, "--sink", f"file:{heard}"], cwd=ROOT, env=environment, stdout=log, stderr=log
            )
        try:
            deadline = time.monotonic() + GIVES_UP_S
            while (position := first_sound(heard)) is None:
                if time.monotonic() > deadline or demo.poll() is not None:
                    raise RuntimeError(f"The demo was not heard:\n{(folder / 'log').read_text()[-3000:]}")
                time.sleep(0.2)
            return (position - began) / SAMPLE_RATE_HZ
        finally:
            demo.send_signal(signal.SIGINT)
            demo.wait(30)


def measure(turns: int = TURNS) -> list[Row]:
    """The row. Takes about half a minute."""
    taken_s = [seconds_to_first_sound() for _ in range(turns)]
    listed = ", ".join(f"{seconds:.1f}" for seconds in taken_s)
    return [
        Row(
            "demo",
            f"{max(taken_s):.1f} s at most ({listed} s), each on an empty folder",
            "none",
            max(taken_s) <= REACH_S,
        )
    ]
