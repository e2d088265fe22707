"""No stranger speaks for another at the door of either broker: not by a name, not by a last will, not by silence."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiomqtt
import pytest

from speakers.broker import embedded_broker
from speakers.gateway import BrokerAddress
from speakers.mosquitto import accounts
from speakers.rights import AccountChange, Rights

RUNDOWN, PROBE = "loa/1/unit/door/rundown", "loa/1/unit/door/probe/rundown"


def rights_of(name: str) -> Rights:
    return Rights(frozenset({f"loa/1/device/{name}/wanted"}), frozenset({f"loa/1/device/{name}/report"}))


async def let_in(name: str, password: str) -> Rights | None:
    """Devices door1 and door2 with the password `right`."""
    return rights_of(name) if password == "right" and name in {"door1", "door2"} else None


@dataclass(slots=True)
class Door:
    """A broker that knows the devices door1 and door2, and all that the station hears there."""

    address: BrokerAddress
    station: aiomqtt.Client
    heard: list[tuple[str, bytes]]

    def device(self, name: str, user: str, password: str, will: str = "") -> aiomqtt.Client:
        return aiomqtt.Client(
            self.address.host, self.address.port, username=user, password=password, identifier=name,
            clean_session=False, will=aiomqtt.Will(will, b"forged", qos=1) if will else None,
        )  # fmt: skip

    async def all_heard(self) -> list[tuple[str, bytes]]:
        """What came up to now: brokers keep the order, so a word of the station's own is the end of it."""
        await self.station.publish(PROBE, b"end", qos=1)
        async with asyncio.timeout(15):
            while (PROBE, b"end") not in self.heard:  # noqa: ASYNC110 - the list fills beside
                await asyncio.sleep(0.02)
        return [message for message in self.heard if message[0] != PROBE]


async def falls(client: aiomqtt.Client) -> None:
    """The line of a client breaks, without a word of goodbye."""
    client._client._sock_close()  # type: ignore[attr-defined]


@pytest.fixture(params=["embedded", "mosquitto"])
async def door(request: pytest.FixtureRequest) -> AsyncIterator[Door]:
    async with contextlib.AsyncExitStack() as stack:
        if request.param == "mosquitto":
            address = BrokerAddress.of(request.getfixturevalue("mosquitto").url)
            async with accounts(lambda: address.client("loa-provisioning"))() as tell:
                for name in ("door1", "door2"):
                    await tell(AccountChange(name, "right", rights_of(name)))
        else:
            running = await stack.enter_async_context(embedded_broker("127.0.0.1", 0, let_in))
            address = BrokerAddress.of(running.station_url)
        station = await stack.enter_async_context(address.client("loa-gateway"))
        await station.subscribe([("loa/1/device/door1/report", 1), ("loa/1/device/door2/report", 1)])
        await station.subscribe("loa/1/unit/door/#", qos=1)
        heard: list[tuple[str, bytes]] = []

        async def listen() -> None:
            async for message in station.messages:
                heard.append((message.topic.value, message.payload))  # noqa: PERF401 - it is looked at meanwhile

        listening = asyncio.create_task(listen())
        yield Door(address, station, heard)
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)


@pytest.mark.parametrize("name", ["door2", "loa-gateway"])
async def test_a_stranger_who_takes_a_name_is_heard_by_nobody_and_disturbs_nobody(door: Door, name: str) -> None:
    async with door.device("door2", "door2", "right") as victim:
        for user, password in ((name, "wrong"), ("nobody", "wrong"), ("door1", "right")):
            with pytest.raises(aiomqtt.MqttError):
                async with door.device(name, user, password, will="loa/1/device/door2/report"):
                    pass
        await victim.publish("loa/1/device/door2/report", b"still here", qos=1)
        assert await door.all_heard() == [("loa/1/device/door2/report", b"still here")]


async def test_the_last_will_of_a_device_reaches_nothing_that_it_may_not_write(door: Door) -> None:
    with contextlib.suppress(aiomqtt.MqttError):  # the embedded broker shuts such a device out
        async with door.device("door1", "door1", "right", will=RUNDOWN) as client:
            await falls(client)
    with contextlib.suppress(aiomqtt.MqttError):
        async with door.device("door1", "door1", "right", will="loa/1/device/door1/report") as client:
            await falls(client)
            async with asyncio.timeout(15):
                while not door.heard:  # noqa: ASYNC110 - the list fills beside
                    await asyncio.sleep(0.02)
    assert await door.all_heard() == [("loa/1/device/door1/report", b"forged")]
