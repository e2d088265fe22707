"""A pole that is told to end does so, also when its line breaks at the same moment."""

import asyncio
import base64

import aiomqtt

from broadcast.signing import generate_key, public_bytes
from speakers.agent.connection import Connection
from speakers.agent.identity import Identity
from speakers.broker import Rights, embedded_broker
from speakers.wire import topic

DEVICE = "pole1"


async def let_in(name: str, _password: str) -> Rights:
    return Rights(frozenset({topic("wanted", name)}), frozenset({topic("report", name), topic("alive", name)}))


async def breaking() -> None:
    """Runs as long as the connection; told to end, it finds the line broken."""
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        raise aiomqtt.MqttError("The line broke.") from None


async def test_a_connection_that_breaks_while_it_is_told_to_end_ends() -> None:
    async with embedded_broker("127.0.0.1", 0, let_in) as broker:
        identity = Identity(
            device_id=DEVICE, mqtt_url=f"mqtt://127.0.0.1:{broker.port}", username=DEVICE, password="any",
            station_key=base64.b64encode(public_bytes(generate_key())).decode(), unit_path="48", units=("48",),
            clusters=(), media_url="http://127.0.0.1/media", heartbeat_s=60, enrolled_at="2026-11-24T10:00:00+00:00",
        )  # fmt: skip
        connection = Connection(identity, lambda _topic, _payload: None, breaking)
        running = asyncio.create_task(connection.run(lambda: [topic("wanted", DEVICE)]))
        async with asyncio.timeout(10):
            while not connection.is_up:  # noqa: ASYNC110 - it tells by being so
                await asyncio.sleep(0.02)
        running.cancel()
        done, _ = await asyncio.wait({running}, timeout=5)
        assert done, "it goes on for ever"
        assert running.cancelled()
