"""An hour of MP3 becomes a rendition: decoded, measured, levelled, encoded, listened to. How many times real time?

The recording is speech in three voices over a little noise (`tests.bench.spoken`), 128 kb/s, stereo. It is made
for speech, and what came out is measured, as the worker does it, in a process of its own on one core. CPU time counts,
user and system, of all threads, so that others on the machine do not; the wall clock is given beside it. The peer is
the ffmpeg program on the same core doing what people do with it: two passes of `loudnorm`, then libopus at the same bit
rate. It is given the first minutes of the same file, because an hour takes too long, and is counted the same way.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from streams.frame import SAMPLE_RATE_HZ
from streams.rendition import analyse, render
from tests.bench.row import Row
from tests.bench.spoken import ffmpeg, mp3_of, plain_rendition

HOUR_S = 3_600
PEER_S = 180
REACH_TIMES = 40.0


def render_once(source: Path, folder: Path) -> dict[str, float]:
    """Wall clock, CPU time and what came out."""
    began, spent = time.perf_counter(), time.process_time()
    made = render(source, folder, kind="speech")
    analyse(made.path)
    return {
        "wall_s": time.perf_counter() - began,
        "cpu_s": time.process_time() - spent,
        "length_s": made.duration_samples / SAMPLE_RATE_HZ,
        "size_mb": made.size_bytes / 1e6,
        "true_peak_dbtp": made.true_peak_dbtp,
    }


def render_on(core: int, source: Path, folder: Path) -> dict[str, float]:
    """The same in a process of its own."""
    command = [sys.executable, "-m", "tests.bench.rendition", str(source), str(folder), str(core)]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=900, cwd=root)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def peer_on(core: int, source: Path, folder: Path) -> float:
    """How many times real time the ffmpeg program is."""
    part, all_cores = folder / "part.mp3", os.sched_getaffinity(0)
    ffmpeg("-i", str(source), "-t", str(PEER_S), "-c", "copy", str(part))
    os.sched_setaffinity(0, {core})
    try:
        before = cpu_of_children()
        plain_rendition(part, folder / "part.opus")
        return PEER_S / (cpu_of_children() - before)
    finally:
        os.sched_setaffinity(0, all_cores)


def cpu_of_children() -> float:
    """Seconds of CPU time, user and system, of the programs that have been run and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measure(length_s: int = HOUR_S) -> list[Row]:
    """The row. Takes about two minutes."""
    core = max(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory(prefix="loa-bench-") as name:
        folder = Path(name)
        source = folder / "recording.mp3"
        mp3_of(length_s, source)
        found = render_on(core, source, folder)
        peer = peer_on(core, source, folder)
    times = found["length_s"] / found["cpu_s"]
    measured = (
        f"{times:.1f} times: {found['length_s']:.0f} s of sound in {found['cpu_s']:.1f} s of CPU "
        f"({found['wall_s']:.1f} s by the clock), {found['size_mb']:.1f} MB, {found['true_peak_dbtp']:.1f} dBTP"
    )
    return [
        Row(
            "rendition",
            measured,
            f"ffmpeg {version()}, `loudnorm` in two passes and libopus: {peer:.1f} times (on {PEER_S} s of the same)",
            times >= REACH_TIMES,
        )
    ]


def version() -> str:
    """The version of the peer on this machine."""
    done = subprocess.run(["ffmpeg", "-version"], check=True, capture_output=True, text=True, timeout=60)
    return done.stdout.split()[2].partition("-")[0]


if __name__ == "__main__":
    os.sched_setaffinity(0, {int(sys.argv[3])})
    print(json.dumps(render_once(Path(sys.argv[1]), Path(sys.argv[2]))))
