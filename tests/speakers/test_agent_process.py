"""The agent as a process of its own, killed without warning, alone without a station, on a real broker."""

import asyncio
import signal
import subprocess
import sys
import wave
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from streams.frame import sample_position
from streams.sinks.file import recorded_position

Start = Callable[..., Any]


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """Starts agents as `loa agent` does; whoever is still running at the end is told to stop, and does."""
    running: list[asyncio.subprocess.Process] = []

    async def starting(folder: Path, *words: str) -> asyncio.subprocess.Process:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "log").open("ab") as lines:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "speakers.agent", "--data", str(folder)),
                *("--sink", f"file:{folder / 'out.wav'}", *words),
                stderr=lines,
            )
        running.append(process)
        return process

    yield starting
    for process in running:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(process.wait(), 10) in (0, -signal.SIGTERM)  # the latter: still starting


def heard(path: Path, since: datetime, until: datetime) -> np.ndarray:
    """What the WAV sink holds between two instants, full scale at 1."""
    first = recorded_position(path)
    assert first is not None
    with wave.open(str(path)) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2") / 32768
    return samples[max(0, sample_position(since) - first) : sample_position(until) - first]


def is_loud(samples: np.ndarray) -> bool:
    """Whether there is sound all the time; a machine that is busy elsewhere may skip a tenth of a second in ten."""
    tenths = samples[: samples.size // 4800 * 4800].reshape(-1, 4800)
    return bool(tenths.size) and float((np.abs(tenths).max(axis=1) > 0.02).mean()) >= 0.9


async def test_a_golden_tone_starts_at_the_planned_sample(
    station: Any, start: Start, golden: Any, tmp_path: Path
) -> None:
    sound = station.keep(golden(2.0, 1000.0))
    station.media.codes["CODE"] = station.enrolment("tone", "48/1")
    words = ("--station", station.media.url, "--code", "CODE", "--name", "Cột 1")
    await start(tmp_path / "tone", *words)
    await station.put_on_air("48", prefetch=(sound,))
    await station.until(lambda: any(beat.cache_files for _, beat in station.heartbeats))
    begin = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=3, milliseconds=7)  # inside a frame
    await station.put_on_air("48", station.item("golden", begin, sound, 2.0, fade_in_ms=0))
    await station.until(lambda: station.entries_of("golden"))
    await asyncio.sleep(1.2)  # the file's header is brought up to date every second
    (entry,) = station.entries_of("golden")
    assert (entry.state, entry.reason) == ("played", "")
    assert 1_500 <= entry.heard_ms <= 2_000
    assert entry.error_ms is not None
    out = tmp_path / "tone" / "out.wav"
    before = heard(out, begin - timedelta(seconds=1), begin)
    assert np.abs(before).max() < 0.001
    assert is_loud(heard(out, begin, begin + timedelta(seconds=2)))
    onset = np.abs(heard(out, begin - timedelta(milliseconds=20), begin + timedelta(milliseconds=20)))
    assert abs(int(np.argmax(onset > 0.05)) - 960) < 24  # the codec smears the edge by half a millisecond
    identity = tmp_path / "tone" / "identity.json"
    assert identity.stat().st_mode & 0o777 == 0o600


async def test_a_killed_agent_is_back_in_the_running_item_and_says_so(
    station: Any, start: Start, golden: Any, tmp_path: Path
) -> None:
    sound = station.keep(golden(20.0, 500.0))
    station.media.codes["CODE"] = station.enrolment("killed", "48/2")
    folder = tmp_path / "killed"
    process = await start(folder, "--station", station.media.url, "--code", "CODE")
    await station.until(lambda: station.heartbeats)
    begin = datetime.now(UTC) + timedelta(seconds=1)
    short = station.item("short", begin + timedelta(seconds=22), sound, 1.0)
    await station.put_on_air("48/2", station.item("long", begin, sound, 20.0, targets=("unit:48/2",)), short)
    await asyncio.sleep(6.5)
    process.send_signal(signal.SIGKILL)
    await process.wait()
    killed_at = datetime.now(UTC)
    await asyncio.sleep(1)
    started_at = datetime.now(UTC)
    await start(folder)
    await station.until(lambda: len(station.entries_of("long")) == 2, 40)
    first, second = station.entries_of("long")
    assert (first.state, first.reason) == ("partial", "power")
    assert 0 < first.heard_ms <= (killed_at - begin).total_seconds() * 1000 + 100
    assert (second.state, second.reason) == ("partial", "power")
    assert second.started - started_at < timedelta(seconds=5)
    assert abs(second.heard_ms - (begin + timedelta(seconds=20) - second.started).total_seconds() * 1000) < 500
    await station.until(lambda: station.entries_of("short"))
    assert station.entries_of("short")[0].state == "played"
    out = folder / "out.wav"
    await asyncio.sleep(1.2)
    assert is_loud(heard(out, second.started, begin + timedelta(seconds=20)))
    assert station.repeats == 0


async def test_an_agent_plays_on_from_its_cache_when_the_station_is_gone(
    mosquitto_that_falls: Any, pretend: Any, start: Start, golden: Any, tmp_path: Path
) -> None:
    folder = tmp_path / "alone"
    with mosquitto_that_falls() as broker:
        async with pretend(broker) as station:
            media = station.media
            sound = station.keep(golden(2.0, 700.0))
            media.codes["CODE"] = station.enrolment("alone", "48/3")
            process = await start(folder, "--station", media.url, "--code", "CODE")
            await station.until(lambda: station.heartbeats)
            begin = datetime.now(UTC) + timedelta(seconds=15)
            await station.put_on_air("48/3", station.item("alone-1", begin, sound, 2.0))
            await station.until(lambda: any(beat.cache_files for _, beat in station.heartbeats))
    media.down = True
    # The broker and the station are gone, and the power goes too.
    process.send_signal(signal.SIGKILL)
    await process.wait()
    await start(folder)
    await asyncio.sleep(max(0.0, (begin - datetime.now(UTC)).total_seconds()) + 4)
    assert is_loud(heard(folder / "out.wav", begin, begin + timedelta(seconds=2)))
    with mosquitto_that_falls() as broker:
        station.broker = broker
        async with pretend.again(station):
            await station.until(lambda: station.entries_of("alone-1"), 40)
            (entry,) = station.entries_of("alone-1")
            assert entry.state == "played"


async def test_two_agents_do_not_share_a_folder(station: Any, start: Start, tmp_path: Path) -> None:
    station.media.codes["CODE"] = station.enrolment("first", "48/4")
    await start(tmp_path / "one", "--station", station.media.url, "--code", "CODE")
    await station.until(lambda: station.heartbeats)
    second = await start(tmp_path / "one")
    assert await second.wait() == 1
    assert "Another agent is using the folder" in (tmp_path / "one" / "log").read_text()


async def test_a_wrong_code_and_a_dead_address_are_said_plainly(
    media: Any, start: Start, tmp_path: Path, free_port: Callable[[], int]
) -> None:
    refused = await start(tmp_path / "a", "--station", media.url, "--code", "WRONG")
    unreachable = await start(tmp_path / "b", "--station", f"http://127.0.0.1:{free_port()}", "--code", "CODE")
    nothing = await start(tmp_path / "c")
    assert [await process.wait() for process in (refused, unreachable, nothing)] == [1, 1, 1]
    assert "Mã đăng ký loa không đúng" in (tmp_path / "a" / "log").read_text()
    assert "does not answer" in (tmp_path / "b" / "log").read_text()
    assert "not enrolled yet" in (tmp_path / "c" / "log").read_text()
    assert not (tmp_path / "a" / "identity.json").exists()


def test_the_process_starts_without_the_station_s_parts() -> None:
    code = (
        "import sys, speakers.agent.__main__;"
        "sys.exit(bool({'sqlalchemy', 'fastapi', 'starlette', 'amqtt', 'piper', 'jinja2'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
