"""How many listenable channels a core carries: our engine against Liquidsoap, Ogg Opus in, Ogg Opus out, 24 kb/s.

Each runs in a process of its own, one after the other on the same core, every channel with its own file. Only CPU
time of a steady stretch is counted, user and system, of all threads: what starting costs is left out for both.
Our channels each have a listener who takes every page and a signed rundown in the database, which the station's own
feed reads and decides; Liquidsoap has its files in its script and writes each channel to /dev/null.
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from broadcast.administrative_unit import AdministrativeUnit
from broadcast.database import Database
from broadcast.feed import Feed
from broadcast.plan import RundownRow
from broadcast.priority import Rank
from broadcast.rundown import Item, Rundown, topic_of
from broadcast.rundown_body import to_body
from broadcast.signing import generate_key, sign
from streams.clock import Clock
from streams.encoder import OpusEncoder
from streams.engine import Engine
from streams.frame import SAMPLE_RATE_HZ, Samples
from streams.mount import Listener
from streams.ogg import PageWriter, block_of
from streams.packet_store import PacketStore
from streams.source import Sound
from streams.sources.file import FileSound
from tests.bench.row import Row

STEADY_S = 15
SETTLE_S = 6
FILE_S = 60
PASSED_CHANNELS = 500
MIXED_CHANNELS = 16
LIQUIDSOAP_CHANNELS = 16
REACH_PASSED = 50.0
REACH_MIXED = 1.5

SCRIPT_HEAD = "settings.init.allow_root.set(true)\nsettings.log.stdout.set(true)\nsettings.log.file.set(false)\n"
OPUS = '%opus(channels=1, samplerate=48000, bitrate=24, application="voip", complexity=9, frame_size=20.)'
COPY = '%ffmpeg(format="ogg", %audio.copy)'


def voice_like(seconds: int, seed: int) -> Samples:
    """Harmonics that glide and pause like speech, with some noise: neither silence nor a tone is cheap for a codec."""
    chance = np.random.default_rng(seed)
    times = np.arange(seconds * SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ
    pitch_hz = 140 + 40 * np.sin(2 * np.pi * 0.7 * times + seed)
    phase = 2 * np.pi * np.cumsum(pitch_hz) / SAMPLE_RATE_HZ
    sound = sum(np.sin(number * phase) / number for number in range(1, 16))
    syllables = np.clip(np.sin(2 * np.pi * 3.1 * times) + 0.4, 0, 1)
    noise = 0.05 * chance.standard_normal(times.size)
    return (0.2 * syllables * (sound + noise)).astype(np.float32)


def write_files(folder: Path, count: int) -> None:
    """`count` files of a minute, in content four different ones: nothing in the engine knows that they are alike."""
    contents = []
    for seed in range(4):
        encoder = OpusEncoder(24_000)
        packets = encoder.encode(voice_like(FILE_S, seed))
        writer = PageWriter(seed)
        headers = writer.headers()
        contents.append(headers + b"".join(writer.page(block_of(packets[at : at + 50])) for at in range(0, 3000, 50)))
    for number in range(count):
        (folder / f"{number}.opus").write_bytes(contents[number % 4])


async def _take_all(listener: Listener) -> int:
    taken = 0
    while (pages := await listener.read()) is not None:
        taken += len(pages)
    return taken


def path(number: int) -> str:
    """The path of the unit of a channel."""
    return f"48/{number:05}"


def station_with_rundowns(folder: Path, channels: int, gain_db: float) -> Database:
    """A database with a unit and a signed rundown for each channel: its file again and again for minutes.

    Programmes end at different moments: about a quarter of the channels change to the next while they are measured.
    """
    database = Database(f"sqlite:///{folder / f'{channels}.db'}")
    database.upgrade()
    now, key = _now(), generate_key()
    with database.transaction() as session:
        for number in range(channels):
            begin = now - timedelta(seconds=FILE_S * number / channels)
            starts = [begin + timedelta(seconds=FILE_S * turn) for turn in range(4)]
            items = tuple(
                Item(
                    f"{number}-{turn}", start, start + timedelta(minutes=5), f"rendition:{number}", FILE_S * 1000,
                    Rank.NORMAL, (f"unit:{path(number)}",), gain_db=gain_db,
                )
                for turn, start in enumerate(starts)
            )  # fmt: skip
            rundown = Rundown(path(number), 1, now, now, now + timedelta(days=7), items)
            message = sign(to_body(rundown), topic_of(path(number)), key)
            session.add(
                AdministrativeUnit(
                    id=str(number), code=f"{number:05}", path=path(number), kind="commune", name=f"Xã {number}",
                    slug=f"xa-{number}", valid_from=now.date(),
                )
            )  # fmt: skip
            session.add(RundownRow(unit_id=str(number), path=path(number), revision=1, stale=False, message=message))
    return database


def _now() -> datetime:
    return datetime.now(UTC)


async def run_engine(folder: Path, channels: int, gain_db: float) -> dict[str, float]:
    """Our engine with its real beat: CPU seconds of the steady stretch, and whether every page was on time."""

    def path_of(sound: str) -> Path:
        return folder / f"{sound.partition(':')[2]}.opus"

    def open_sound(sound: str) -> Sound:
        return FileSound(path_of(sound))

    engine = Engine(open_sound, PacketStore(path_of).load, Clock())
    database = station_with_rundowns(folder, channels, gain_db)
    feed, ending = Feed(database, engine, now=_now), asyncio.Event()
    stop = engine.start(asyncio.get_running_loop())
    feeding = asyncio.create_task(feed.run(ending))
    taking = [asyncio.create_task(_take_all(engine.listen(path(number), "ogg"))) for number in range(channels)]
    await asyncio.sleep(SETTLE_S)
    before, spent = engine.state(), time.process_time()
    await asyncio.sleep(STEADY_S)
    after, spent = engine.state(), time.process_time() - spent
    stop()
    ending.set()
    await feeding
    taken = await asyncio.gather(*taking)
    database.close()
    return {
        "cpu_s": spent,
        "passed": after.packets_passed_through - before.packets_passed_through,
        "encoded": after.packets_encoded - before.packets_encoded,
        "not_ready": after.packets_not_ready - before.packets_not_ready,
        "skipped": after.beats_skipped - before.beats_skipped,
        "late_p99_ms": float(np.percentile(after.beat_late_ms[-STEADY_S * 5 :], 99)),
        "least_bytes": min(taken),
    }


def measure_engine(folder: Path, core: int, channels: int, gain_db: float) -> dict[str, float]:
    """The same, in a process of its own on one core."""
    command = [sys.executable, "-m", "tests.bench.channels", str(folder), str(core), str(channels), str(gain_db)]
    done = subprocess.run(
        command, check=True, capture_output=True, text=True, timeout=120, cwd=Path(__file__).parents[2]
    )
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def cpu_seconds_of(process_id: int) -> float:
    """User and system time of a process so far, of all its threads."""
    fields = Path(f"/proc/{process_id}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure_liquidsoap(folder: Path, core: int, channels: int, encoder: str) -> float:
    """CPU seconds that Liquidsoap takes for the steady stretch."""
    outputs = [
        f'output.file({encoder}, fallible=true, "/dev/null", single("{folder}/{number}.opus"))'
        for number in range(channels)
    ]
    script = folder / "channels.liq"
    script.write_text(SCRIPT_HEAD + "\n".join(outputs) + "\n", encoding="utf-8")
    process = subprocess.Popen(["liquidsoap", str(script)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        os.sched_setaffinity(process.pid, {core})
        time.sleep(SETTLE_S + 6)
        before = cpu_seconds_of(process.pid)
        time.sleep(STEADY_S)
        if process.poll() is not None:
            raise RuntimeError(f"Liquidsoap ended with {process.returncode}. Run `liquidsoap {script}` to see why.")
        return cpu_seconds_of(process.pid) - before
    finally:
        process.terminate()
        process.wait(20)


def percent_of_a_core(cpu_s: float, channels: int) -> float:
    """What one channel costs."""
    return 100 * cpu_s / STEADY_S / channels


def measure() -> list[Row]:
    """Both rows. Takes about two minutes."""
    core = max(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory(prefix="loa-bench-") as name:
        folder = Path(name)
        write_files(folder, PASSED_CHANNELS)
        passed = measure_engine(folder, core, PASSED_CHANNELS, 0.0)
        mixed = measure_engine(folder, core, MIXED_CHANNELS, -3.0)
        encoding = percent_of_a_core(measure_liquidsoap(folder, core, LIQUIDSOAP_CHANNELS, OPUS), LIQUIDSOAP_CHANNELS)
        copying = percent_of_a_core(measure_liquidsoap(folder, core, LIQUIDSOAP_CHANNELS, COPY), LIQUIDSOAP_CHANNELS)
    peer = f"Liquidsoap {liquidsoap_version()}, {LIQUIDSOAP_CHANNELS} channels, `%opus`: {encoding:.2f} % each"
    best, also = compared(passed, PASSED_CHANNELS, encoding), compared(mixed, MIXED_CHANNELS, encoding)
    return [
        Row("channels-passed", best.text, f"{peer}; `%audio.copy`: {copying:.2f} %", best.reaches(REACH_PASSED)),
        Row("channels-mixed", also.text, peer, also.reaches(REACH_MIXED)),
    ]


@dataclass(frozen=True, slots=True)
class Comparison:
    """How many times cheaper than the peer our channels were, and whether all of them were served in time."""

    times: float
    in_time: bool
    text: str

    def reaches(self, times: float) -> bool:
        """Whether the number to reach was reached with everybody served."""
        return self.times >= times and self.in_time


def compared(found: dict[str, float], channels: int, peer_percent: float) -> Comparison:
    """Our measurement beside the peer's percentage of a core for one channel."""
    percent = percent_of_a_core(found["cpu_s"], channels)
    times = peer_percent / percent
    text = (
        f"{times:.1f} times: {channels} channels at {percent:.4f} % of a core each; "
        f"beat late p99 {found['late_p99_ms']:.1f} ms, {found['skipped']:.0f} skipped, "
        f"{found['not_ready']:.0f} packets not ready"
    )
    return Comparison(times, not (found["skipped"] or found["not_ready"]), text)


def liquidsoap_version() -> str:
    """The version of the peer on this machine."""
    done = subprocess.run(["liquidsoap", "--version"], check=True, capture_output=True, text=True, timeout=60)
    return done.stdout.split()[1]


if __name__ == "__main__":
    os.sched_setaffinity(0, {int(sys.argv[2])})
    result = asyncio.run(run_engine(Path(sys.argv[1]), int(sys.argv[3]), float(sys.argv[4])))
    print(json.dumps(result))
