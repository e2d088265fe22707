"""The embedded broker lets devices in by their credentials and holds them to their topics."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import aiomqtt
import pytest

from speakers.broker import RunningBroker, embedded_broker
from speakers.errors import BrokerRefused
from speakers.rights import AccountChange, Rights

SOON_S = 20.0
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


async def next_payload(client: aiomqtt.Client) -> bytes:
    """What comes next."""
    async with asyncio.timeout(SOON_S):
        return bytes((await anext(aiter(client.messages))).payload)


async def payloads_until(client: aiomqtt.Client, end: bytes) -> list[bytes]:
    """All that comes, up to the word that a test sent as the last: a broker keeps the order."""
    payloads: list[bytes] = []
    async with asyncio.timeout(SOON_S):
        while end not in payloads:
            payloads.append(await next_payload(client))
    return payloads


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
        await client.publish("loa/1/device/d2/report", b"forged", qos=0)
        await client.publish("loa/1/device/d1/report", b"mine", qos=1)
        assert await payloads_until(listening, b"mine") == [b"mine"]


async def test_a_device_that_connects_gets_only_what_is_retained_for_it(broker: RunningBroker) -> None:
    async with station(broker) as publishing, device(broker, "d2") as other:
        await other.subscribe(RUNDOWN, qos=1)
        await publishing.publish(RUNDOWN, b"retained", qos=1, retain=True)
        await publishing.publish("loa/1/device/d2/wanted", b"for another", qos=1, retain=True)
        assert await next_payload(other) == b"retained"
        async with device(broker, "d1") as client:
            await client.subscribe(RUNDOWN, qos=1)
            await publishing.publish(RUNDOWN, b"end", qos=1)
            assert await payloads_until(client, b"end") == [b"retained", b"end"]


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
        assert await payloads_until(staying, sent[-1]) == sent


async def test_who_comes_back_gets_what_was_sent_meanwhile(broker: RunningBroker) -> None:
    async with station(broker) as publishing:
        async with device(broker, "d1") as client:
            await client.subscribe(RUNDOWN, qos=1)
        await publishing.publish(RUNDOWN, b"while away", qos=1)
        async with device(broker, "d1") as client:
            assert await next_payload(client) == b"while away"


async def test_a_device_that_comes_again_before_its_old_line_broke_is_heard_and_hears(broker: RunningBroker) -> None:
    async with station(broker) as publishing, device(broker, "d1") as before:
        await before.subscribe(RUNDOWN, qos=1)
        async with device(broker, "d1") as again:
            await publishing.publish(RUNDOWN, b"to the new line", qos=1)
            assert await next_payload(again) == b"to the new line"
        with contextlib.suppress(aiomqtt.MqttError):
            await before.__aexit__(None, None, None)


async def test_of_what_is_sent_to_a_device_that_is_away_the_newest_of_each_topic_is_kept(broker: RunningBroker) -> None:
    async with station(broker) as publishing:
        async with device(broker, "d1") as client:
            await client.subscribe(RUNDOWN, qos=1)
        for number in range(50):
            await publishing.publish(RUNDOWN, f"{number}".encode(), qos=1)
        async with device(broker, "d1") as client:
            await publishing.publish(RUNDOWN, b"end", qos=1)
            assert await payloads_until(client, b"end") == [b"49", b"end"]


async def test_who_says_nothing_is_shown_out() -> None:
    async with embedded_broker("127.0.0.1", 0, let_in, connect_within_s=0.2) as broker:
        reader, writer = await asyncio.open_connection(broker.host, broker.port)
        async with asyncio.timeout(SOON_S):
            assert await reader.read() == b""
        writer.close()
        async with device(broker, "d1"):
            pass


async def test_a_device_that_is_shut_out_loses_its_line_at_once(broker: RunningBroker) -> None:
    async with device(broker, "d1") as client, device(broker, "d2") as other:
        await broker.change(AccountChange("d1", "", None))
        async with asyncio.timeout(SOON_S):
            with pytest.raises(aiomqtt.MqttError):
                await anext(aiter(client.messages))
        await other.publish("loa/1/device/d2/report", b"still here", qos=1)


async def test_a_port_that_is_taken_is_said_with_what_to_do(broker: RunningBroker) -> None:
    with pytest.raises(BrokerRefused, match="LOA_MQTT_PORT"):
        async with embedded_broker("127.0.0.1", broker.port, let_in):
            pass
