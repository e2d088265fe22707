"""The line of a pole to its station: whatever happens to it, the pole goes on, and ends when it is told to."""

import asyncio
import base64
from collections.abc import Callable
from pathlib import Path

import aiomqtt
import pytest

from broadcast.signing import generate_key, public_bytes
from speakers.agent import connection as connection_module
from speakers.agent.agent import Agent
from speakers.agent.cache import Cache
from speakers.agent.connection import Connection
from speakers.agent.identity import Identity
from speakers.agent.memory import open_memory
from speakers.broker import embedded_broker
from speakers.rights import AccountChange, Rights
from speakers.simulator import ReckonedOutput
from speakers.topic import topic
from streams.clock import Clock

DEVICE = "pole1"


async def let_in(name: str, _password: str) -> Rights:
    return Rights(frozenset({topic("wanted", name)}), frozenset({topic("report", name), topic("alive", name)}))


async def breaking() -> None:
    """Runs as long as the connection; told to end, it finds the line broken."""
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        raise aiomqtt.MqttError("The line broke.") from None


def identity(port: int) -> Identity:
    return Identity(
        device_id=DEVICE, mqtt_url=f"mqtt://127.0.0.1:{port}", username=DEVICE, password="any",
        station_key=base64.b64encode(public_bytes(generate_key())).decode(), unit_path="48", units=("48",),
        clusters=(), media_url="http://127.0.0.1/media", heartbeat_s=60, enrolled_at="2026-11-24T10:00:00+00:00",
    )  # fmt: skip


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - it tells by being so
            await asyncio.sleep(0.02)


async def test_a_connection_that_breaks_while_it_is_told_to_end_ends() -> None:
    async with embedded_broker("127.0.0.1", 0, let_in) as broker:
        connection = Connection(identity(broker.port), lambda _topic, _payload: None, breaking)
        running = asyncio.create_task(connection.run(lambda: [topic("wanted", DEVICE)]))
        await until(lambda: connection.is_up)
        running.cancel()
        done, _ = await asyncio.wait({running}, timeout=5)
        assert done, "it goes on for ever"
        assert running.cancelled()


async def test_a_pole_outlives_a_broker_that_falls_between_its_two_answers(tmp_path: Path) -> None:
    greeted = 0

    async def half_a_broker(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal greeted
        await reader.read(500)
        writer.write(b"\x20\x02\x00\x00")  # CONNACK
        await asyncio.sleep(1.2)  # the pole looks meanwhile, and asks for its topics on its own
        greeted += 1
        writer.close()

    async with await asyncio.start_server(half_a_broker, "127.0.0.1", 0) as server:
        clock, sink = Clock(), Cache(tmp_path, "http://127.0.0.1:1/media", 1_000)
        whose = identity(server.sockets[0].getsockname()[1])
        agent = Agent(whose, open_memory(None), sink, ReckonedOutput(clock, sink.has), clock)
        running = asyncio.create_task(agent.run())
        await until(lambda: greeted >= 2 or running.done())
        assert not running.done()
        running.cancel()
        await asyncio.wait({running})


async def test_a_pole_whose_memory_cannot_be_read_goes_on(tmp_path: Path) -> None:
    clock, cache, memory = Clock(), Cache(tmp_path, "http://127.0.0.1:1/media", 1_000), open_memory(None)
    async with embedded_broker("127.0.0.1", 0, let_in) as broker:
        agent = Agent(identity(broker.port), memory, cache, ReckonedOutput(clock, cache.has), clock)
        agent.recall()
        memory.close()  # every read and write raises from now on
        running = asyncio.create_task(agent.run())
        await until(lambda: agent.connection.is_up or running.done())
        await asyncio.sleep(2.5)  # two looks, a heartbeat, a batch
        assert not running.done()
        running.cancel()
        await asyncio.wait({running})


async def test_a_topic_that_the_broker_refuses_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_module, "ASK_AGAIN_S", 0.1)
    name, heard = topic("rundown", "48"), list[str]()
    async with (
        embedded_broker("127.0.0.1", 0, let_in) as broker,
        aiomqtt.Client(broker.host, broker.port, username="station", password=broker.station_password) as station,
    ):
        await station.publish(name, b"rundown", qos=1, retain=True)
        connection = Connection(
            identity(broker.port), lambda topic, _payload: heard.append(topic), asyncio.Event().wait
        )
        running = asyncio.create_task(connection.run(lambda: [name]))
        await until(lambda: connection.is_up)
        await connection.follow([name])
        more = await let_in(DEVICE, "")
        await broker.change(AccountChange(DEVICE, "", Rights(more.read | {name}, more.write)))
        async with asyncio.timeout(20):
            while not heard:
                await asyncio.sleep(0.2)
                await connection.follow([name])
        running.cancel()
        await asyncio.wait({running})
