"""The embedded broker lets devices in by their credentials and holds them to their topics."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import aiomqtt
import pytest

from speakers.broker import Rights, RunningBroker, embedded_broker
from speakers.errors import BrokerRefused

RUNDOWN, OTHER = "loa/1/unit/48/20197/rundown", "loa/1/unit/48/20198/rundown"


async def let_in(name: str, password: str) -> Rights | None:
    """Devices d1, d2, ... with the password `right` read one rundown and write their own report."""
    if password != "right":
        return None
    return Rights(frozenset({RUNDOWN}), frozenset({f"loa/1/device/{name}/report"}))


@pytest.fixture
async def broker() -> AsyncIterator[RunningBroker]:
    async with embedded_broker("127.0.0.1", 0, let_in) as running:
        yield running


def station(broker: RunningBroker) -> aiomqtt.Client:
    return aiomqtt.Client(
        broker.host, broker.port, username="station", password=broker.station_password, identifier="station"
    )


def device(broker: RunningBroker, name: str, password: str = "right", identifier: str = "") -> aiomqtt.Client:
    return aiomqtt.Client(
        broker.host,
        broker.port,
        username=name,
        password=password,
        identifier=identifier or name,
        clean_session=False,
    )


async def heard(client: aiomqtt.Client, seconds: float = 0.5) -> list[tuple[str, bytes]]:
    """All messages that come within a while."""
    messages: list[tuple[str, bytes]] = []
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            async for message in client.messages:
                messages.append((message.topic.value, message.payload))  # noqa: PERF401 - kept when time is up
    return messages


@pytest.mark.parametrize(
    ("name", "password", "identifier"), [("d1", "wrong", "d1"), ("d1", "right", "d2"), ("", "", "x")]
)
async def test_who_does_not_belong_is_not_let_in(
    broker: RunningBroker, name: str, password: str, identifier: str
) -> None:
    with pytest.raises(aiomqtt.MqttError):
        async with device(broker, name, password, identifier):
            pass


async def test_a_device_may_not_subscribe_to_what_is_not_its_own(broker: RunningBroker) -> None:
    async with device(broker, "d1") as client:
        for topic in (OTHER, "#", "loa/1/unit/+/rundown", "loa/1/device/d2/report", "$SYS/#"):
            answer = await client.subscribe(topic, qos=1)
            assert [code.is_failure for code in answer] == [True], topic
        assert [code.is_failure for code in await client.subscribe(RUNDOWN, qos=1)] == [False]


async def test_what_a_device_writes_elsewhere_reaches_nobody(broker: RunningBroker) -> None:
    async with station(broker) as listening, device(broker, "d1") as client:
        await listening.subscribe("#", qos=1)
        with contextlib.suppress(aiomqtt.MqttError, TimeoutError):
            async with asyncio.timeout(0.5):
                await client.publish("loa/1/device/d2/report", b"forged", qos=0)
        await client.publish("loa/1/device/d1/report", b"mine", qos=1)
        assert ("loa/1/device/d1/report", b"mine") in (messages := await heard(listening))
        assert all(payload != b"forged" for _, payload in messages)


async def test_a_device_that_connects_gets_only_what_is_retained_for_it(broker: RunningBroker) -> None:
    async with station(broker) as publishing, device(broker, "d2") as other:
        await other.subscribe(RUNDOWN, qos=1)
        await publishing.subscribe("loa/#", qos=1)
        await publishing.publish(RUNDOWN, b"rundown", qos=1, retain=True)
        await publishing.publish("loa/1/device/d2/wanted", b"for another", qos=1, retain=True)
        async with device(broker, "d1") as client:
            assert await heard(client) == []
            await client.subscribe(RUNDOWN, qos=1)
            assert await heard(client) == [(RUNDOWN, b"rundown")]


async def test_what_is_published_while_many_come_and_go_reaches_who_stays(broker: RunningBroker) -> None:
    stop = asyncio.Event()

    async def come_and_go(name: str) -> None:
        while not stop.is_set():
            async with device(broker, name) as client:
                await client.subscribe(RUNDOWN, qos=1)

    async with station(broker) as publishing, device(broker, "d0") as staying:
        await staying.subscribe(RUNDOWN, qos=1)
        visitors = [asyncio.create_task(come_and_go(f"d{number}")) for number in range(1, 9)]
        sent = [f"{number}".encode() for number in range(40)]
        for payload in sent:
            await publishing.publish(RUNDOWN, payload, qos=1)
            await asyncio.sleep(0.01)
        stop.set()
        await asyncio.gather(*visitors)
        got = [payload for _, payload in await heard(staying, 1.0)]
        assert got == sent


async def test_who_comes_back_gets_what_was_sent_meanwhile(broker: RunningBroker) -> None:
    async with station(broker) as publishing:
        async with device(broker, "d1") as client:
            await client.subscribe(RUNDOWN, qos=1)
        await publishing.publish(RUNDOWN, b"while away", qos=1)
        async with device(broker, "d1") as client:
            assert (RUNDOWN, b"while away") in await heard(client)


async def test_a_port_that_is_taken_is_said_with_what_to_do(broker: RunningBroker) -> None:
    with pytest.raises(BrokerRefused, match="LOA_MQTT_PORT"):
        async with embedded_broker("127.0.0.1", broker.port, let_in):
            pass
