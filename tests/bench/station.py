"""A whole station for the benchmarks that need one: the house of the station tests, in a folder that is thrown away."""

import os
import subprocess
import sys
import tempfile
import wave
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from speakers.enrolment import issue_code
from streams.frame import SAMPLE_RATE_HZ, Samples
from tests.bench.channels import cpu_seconds_of
from tests.conftest import unused_port
from tests.station.conftest import House, house_on, until

__all__ = ["House", "chirp", "cpu_seconds_of", "percentile", "pole", "ready_programme", "resident_mb", "station"]


@contextmanager
def station() -> Iterator[House]:
    """A running `loa serve` with SQLite and the embedded broker, all settings at their defaults."""
    with tempfile.TemporaryDirectory(prefix="loa-bench-") as name:
        folder = Path(name)
        (folder / "data").mkdir()
        house = house_on(folder, unused_port(), f"sqlite:///{folder / 'data' / 'loa.db'}", "", unused_port())
        del house.environment["LOA_HEARTBEAT_S"]  # the tests are in a hurry
        try:
            house.start()
            yield house
        finally:
            house.end()


def codes(house: House, count: int) -> list[str]:
    """One-time codes for new devices of the one cluster."""
    with house.database.transaction() as session:
        now = datetime.now(UTC)
        return [issue_code(session, house.cluster_id, f"Loa {n}", person_id=None, now=now) for n in range(count)]


def pole(house: House, name: str, sink: str, environment: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
    """A real agent process, which ends with the house; its data is in the folder `name`."""
    (code,) = codes(house, 1)
    words = [sys.executable, "-m", "speakers.agent", "--data", str(house.folder / name), "--sink", sink]
    with (house.folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(
            [*words, "--station", house.base_url, "--code", code],
            env={**os.environ, **(environment or {})},
            stdout=log,
            stderr=log,
        )
    house.poles.append(process)
    return process


def ready_programme(house: House, recording: Path, folders: list[str]) -> str:
    """Uploads and approves a recording; gives its id when all these poles have it in their caches."""
    programme_id = house.upload(recording)
    house.approve(programme_id)
    for folder in folders:
        cache = house.folder / folder / "renditions"
        until(lambda cache=cache: list(cache.glob("*/*.opus")), f"the sound is in the cache of {folder}")
    return programme_id


def chirp(path: Path, seconds: float) -> Samples:
    """A WAV file in which every instant is unlike every other: noise and a tone that rises; gives its samples."""
    times = np.arange(round(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    tone = np.sin(2 * np.pi * (300 * times + 1_500 * times**2 / seconds))
    noise = np.random.default_rng(1).standard_normal(times.size)
    samples = (0.3 * tone + 0.03 * noise).astype(np.float32)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE_HZ)
        file.writeframes((samples * 32767).astype("<i2").tobytes())
    return samples


def resident_mb(process_id: int, line: str = "VmRSS") -> float:
    """Memory of a process in MB; `VmHWM` is the most it ever was."""
    for text in Path(f"/proc/{process_id}/status").read_text(encoding="ascii").splitlines():
        if text.startswith(f"{line}:"):
            return int(text.split()[1]) * 1024 / 1e6
    raise ProcessLookupError(process_id)


def percentile(values: list[float], percent: float) -> float:
    """The smallest of the values that at least `percent` of them do not exceed."""
    return float(np.percentile(values, percent, method="higher"))
