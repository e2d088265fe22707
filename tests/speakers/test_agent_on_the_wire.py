"""An agent in this process on a real broker: what it obeys, what it tells, what it does when the line breaks."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import cbor2
import pytest

from broadcast.rundown import Rundown
from broadcast.rundown_body import to_body
from broadcast.signing import generate_key, sign
from speakers.agent import report as report_module
from speakers.agent.agent import Agent
from speakers.agent.cache import Cache
from speakers.agent.connection import Connection
from speakers.agent.memory import open_memory
from speakers.agent.output import PlayingOutput
from speakers.errors import StationUnreachable
from speakers.topic import topic
from speakers.wire import Command, command_body, parse_alive
from streams.clock import Clock
from streams.sinks.null import NullSink
from streams.sources.shelf import Shelf

Run = Callable[..., AbstractAsyncContextManager[Any]]


@dataclass
class Running:
    """An agent at work, and the parts of it that tests look at."""

    agent: Agent
    cache: Cache
    sink: NullSink


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs an agent of a station inside a context; the same device goes on where it was."""

    @contextlib.asynccontextmanager
    async def running(station: Any, device: str, unit: str) -> AsyncIterator[Running]:
        folder = tmp_path / device
        clock, sink = Clock(), NullSink()
        cache = Cache(folder / "renditions", f"{station.media.url}/media", 10_000_000)
        memory = open_memory(folder)
        with PlayingOutput(clock, Shelf(cache.folder).open, lambda: sink) as output:
            agent = Agent(station.identity(device, unit), memory, cache, output, clock)
            agent.recall()
            tasks = [asyncio.create_task(agent.run()), asyncio.create_task(cache.run())]
            try:
                yield Running(agent, cache, sink)
            finally:
                for task in tasks:
                    task.cancel()
                for task in tasks:
                    with contextlib.suppress(asyncio.CancelledError):
                        await task
        memory.close()

    return running


def in_seconds(count: float) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=count)


async def test_what_is_on_air_now_is_heard_and_told(station: Any, run: Run, golden: Any) -> None:
    sound = station.keep(golden(1.0))
    async with run(station, "w1", "49/1"):
        await station.until(lambda: any(device == "w1" for device, _ in station.heartbeats))
        item = station.item("w1-now", in_seconds(0.5), sound, 1.0, targets=("unit:49/1",))
        await station.put_on_air("49/1", item)
        await station.until(lambda: station.entries_of("w1-now"))
        (entry,) = station.entries_of("w1-now")
        assert entry.state in ("played", "partial")  # a slow machine may fetch it late
        await station.until(lambda: any(beat.revisions.get("49/1") for _, beat in station.heartbeats))
    assert any(parse_alive(payload).online for payload in station.alive)
    await station.until(lambda: not parse_alive(station.alive[-1]).online)


async def test_lies_change_nothing_are_counted_and_said_once(
    station: Any, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    async with run(station, "w2", "49/2") as running:
        item = station.item("w2-true", in_seconds(3600), "tone:chime", 1.0)
        message = await station.put_on_air("49/2", item)
        await station.until(lambda: running.agent.rundowns.by_unit)
        name = topic("rundown", "49/2")
        chance = random.Random(1)
        for _ in range(200):
            hostile = bytearray(message)
            hostile[chance.randrange(20, len(hostile))] ^= 1 << chance.randrange(8)
            await station.client.publish(name, bytes(hostile), qos=1)
        await station.client.publish(name, b"", qos=1)
        await station.client.publish(name, sign(cbor2.dumps({"v": 1}), name, generate_key()), qos=1)
        await station.client.publish(topic("wanted", "w2"), message, qos=1)
        await station.client.publish(topic("acknowledged", "w2"), b"\xff", qos=1)
        await station.publish("command", "w2", cbor2.dumps({"v": 1, "act": "explode"}))
        refused = running.agent.rundowns.refused
        await station.until(lambda: refused.total() >= 205)
        assert refused["unknown_key"] >= 1
        assert refused["malformed"] == 1
        assert [item.id for item in running.agent.rundowns.by_unit["49/2"].items] == ["w2-true"]
        await station.until(lambda: any(beat.counters.get("refused_unknown_key") for _, beat in station.heartbeats))
    lines = [line for line in capsys.readouterr().out.splitlines() if "message_refused" in line]
    assert len(lines) == len({line.partition("message_refused")[2] for line in lines}) <= 12


async def test_true_rundowns_at_the_wrong_time_or_place_are_ignored_counted_and_said_once(
    station: Any, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    now, name = datetime.now(UTC), topic("rundown", "49/9")

    def rundown(revision: int, unit: str = "49/9", issued: int = 0, until: int = 7) -> bytes:
        at = now + timedelta(days=issued)
        return to_body(Rundown(unit, revision, at, now - timedelta(days=9), now + timedelta(days=until)))

    async with run(station, "w9", "49/9") as running:
        rundowns = running.agent.rundowns
        first = await station.publish("rundown", "49/9", rundown(5))
        await station.publish("rundown", "49/9", rundown(6))
        await station.until(lambda: rundowns.revisions.get("49/9") == 6)
        for _ in range(3):
            await station.client.publish(name, first, qos=1)  # replayed: signed by the station, and once obeyed
            await station.publish("rundown", "49/9", rundown(4))  # older
            await station.publish("rundown", "49/9", rundown(7, until=-1))  # expired
            await station.publish("rundown", "49/9", rundown(8, issued=2))  # from the future
            await station.publish("rundown", "49/9", rundown(9, unit="49/8"))  # another unit's, on this one's topic
        await station.until(lambda: rundowns.refused.total() >= 15)
        assert rundowns.refused == {"older": 6, "expired": 3, "from_future": 3, "wrong_unit": 3}
        assert rundowns.by_unit["49/9"].revision == 6
    said = [line for line in capsys.readouterr().out.splitlines() if "message_refused" in line]
    assert len(said) == 4


async def test_wanted_state_is_obeyed_in_order_and_moves_the_pole(station: Any, run: Run) -> None:
    async with run(station, "w3", "49/3") as running:
        rundowns = running.agent.rundowns
        await station.want("w3", "49/3", 2, volume_db=-6.0)
        await station.until(lambda: rundowns.wanted.volume_db == -6.0)
        await station.want("w3", "49/3", 1, volume_db=0.0)
        await station.until(lambda: rundowns.refused["older"])
        assert rundowns.wanted.volume_db == -6.0
        await station.put_on_air("49/33", station.item("w3-there", in_seconds(3600), "tone:chime", 1.0))
        await station.want("w3", "49/33", 3)
        await station.until(lambda: "49/33" in rundowns.by_unit)
        assert "49/3" not in rundowns.revisions
        await station.until(lambda: any(beat.wanted_revision == 3 for _, beat in station.heartbeats))
    async with run(station, "w3", "49/3") as running:
        assert running.agent.rundowns.wanted.unit == "49/33"
        assert "49/33" in running.agent.rundowns.by_unit


async def test_the_journal_is_sent_until_acknowledged_and_then_no_more(
    station: Any, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report_module, "SEND_AGAIN_S", 0.3)
    station.acknowledges = False
    async with run(station, "w4", "49/4") as running:
        for_all = {"targets": ("unit:49",)}
        items = [station.item(f"w4-{n}", in_seconds(2 + n * 0.6), "tone:880", 0.5, **for_all) for n in range(3)]
        await station.put_on_air("49/4", *items)
        await station.until(lambda: station.repeats >= 2)
        station.acknowledges = True
        await station.until(lambda: running.agent.journal.waiting_count == 0 and not running.agent.journal.playing)
        await station.until(lambda: all(station.entries_of(f"w4-{n}") for n in range(3)))
        await station.until(lambda: running.agent.journal.waiting_count == 0)
        batches = len(station.batches)
        await asyncio.sleep(1.0)
        assert len(station.batches) == batches
    assert [len(station.entries_of(f"w4-{n}")) for n in range(3)] == [1, 1, 1]


async def test_a_test_tone_is_played_once(station: Any, run: Run) -> None:
    async with run(station, "w5", "49/5") as running:
        await station.until(lambda: station.heartbeats)
        await station.publish("command", "w5", command_body(Command(1, "test_tone", in_seconds(60))))
        await station.until(lambda: running.sink.frames - running.sink.silent_frames > 20)
        await station.publish("command", "w5", command_body(Command(1, "test_tone", in_seconds(60))))
        await station.publish("command", "w5", command_body(Command(2, "test_tone", in_seconds(-1))))
        await station.until(lambda: running.agent.rundowns.refused["older"] == 2)
        assert running.agent.journal.waiting() == []


async def test_a_damaged_file_is_mended_before_it_is_due(station: Any, run: Run, golden: Any) -> None:
    sound = station.keep(golden(1.0, 660.0))
    async with run(station, "w6", "49/6") as running:
        start = in_seconds(70)  # it is looked at a minute before: there are ten seconds to fetch and to damage it
        await station.put_on_air("49/6", station.item("w6-later", start, sound, 1.0, targets=("unit:49",)))
        await station.until(lambda: running.cache.has(sound))
        running.cache.path(sound).write_bytes(b"OggS" + b"\0" * 5000)
        await station.until(lambda: running.cache.counts["renditions_fetched"] == 2, 60)
        assert await running.cache.check(sound)


@pytest.mark.slow
async def test_a_file_that_is_damaged_after_it_was_checked_is_fetched_again_while_it_plays(
    station: Any, run: Run, golden: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("speakers.agent.agent.CHECK_AGAIN_SAMPLES", 0)
    sound = station.keep(golden(12.0, 550.0))
    async with run(station, "w9", "49/9") as running:
        item = station.item("w9-now", in_seconds(1), sound, 12.0, targets=("unit:49",))
        await station.put_on_air("49/9", item)
        await station.until(lambda: running.sink.frames - running.sink.silent_frames > 20)
        with running.cache.path(sound).open("r+b") as file:
            file.seek(42_000)  # farther than what the decoder has read by now
            file.write(b"\xff" * 200)
        await station.until(lambda: running.cache.counts["renditions_fetched"] == 2)
        assert await running.cache.check(sound)


async def test_a_broker_that_falls_is_found_again_and_nothing_is_lost(
    mosquitto_that_falls: Any, pretend: Any, run: Run
) -> None:
    async with contextlib.AsyncExitStack() as life:
        with mosquitto_that_falls() as broker:
            async with pretend(broker) as station:
                running = await life.enter_async_context(run(station, "w7", "49/7"))
                during = station.item("w7-during", in_seconds(6), "tone:880", 1.0, targets=("unit:49",))
                await station.put_on_air("49/7", during)
                await station.until(lambda: running.agent.rundowns.by_unit)
        await station.until(lambda: running.agent.journal.waiting_count)  # played while nobody listens
        with mosquitto_that_falls() as station.broker:
            async with pretend.again(station):
                await station.until(lambda: station.entries_of("w7-during"), 60)
                assert [entry.state for entry in station.entries_of("w7-during")] == ["played"]
                await station.until(lambda: running.agent.connection.connects >= 2)
                await life.aclose()


async def test_an_address_that_is_none_is_said(station: Any) -> None:
    broken = station.identity("w8", "49/8")
    object.__setattr__(broken, "mqtt_url", "http://example.org")

    async def nothing() -> None:
        return None

    with pytest.raises(StationUnreachable):
        await Connection(broken, lambda name, payload: None, nothing).run(list)
