"""The real parts of the tests are really there, and really closed to strangers."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

import aiomqtt
import pytest
from sqlalchemy import create_engine, inspect, text


class Broker(Protocol):
    """What the fixtures of `tests/conftest.py` say of a broker."""

    host: str
    port: int
    username: str
    password: str


def client(broker: Broker, password: str) -> aiomqtt.Client:
    return aiomqtt.Client(broker.host, broker.port, username=broker.username, password=password, timeout=5)


async def test_the_station_may_publish_and_hear_below_loa(mosquitto: Broker) -> None:
    async with client(mosquitto, mosquitto.password) as station:
        await station.subscribe("loa/1/device/house-1/report")
        await station.publish("loa/1/device/house-1/report", b"here", qos=1)
        message = await anext(aiter(station.messages))
    assert message.payload == b"here"


async def test_a_stranger_is_not_let_in(mosquitto: Broker) -> None:
    with pytest.raises(aiomqtt.MqttError):
        async with client(mosquitto, "guess"):
            pytest.fail("the broker let a stranger in")


async def test_a_broker_that_was_told_to_end_comes_back_with_what_it_retained(
    mosquitto_that_rests: Callable[[], AbstractContextManager[Broker]],
) -> None:
    with mosquitto_that_rests() as broker:
        async with client(broker, broker.password) as station:
            await station.publish("loa/1/unit/48/rundown", b"kept", qos=1, retain=True)
    with mosquitto_that_rests() as broker:
        async with client(broker, broker.password) as station:
            await station.subscribe("loa/1/unit/48/rundown", qos=1)
            async with asyncio.timeout(30):
                message = await anext(aiter(station.messages))
    assert (message.payload, message.retain) == (b"kept", True)


async def test_a_broker_that_falls_comes_back_with_its_accounts_and_perhaps_without_what_it_retained(
    mosquitto_that_falls: Callable[[], AbstractContextManager[Broker]],
) -> None:
    with mosquitto_that_falls() as broker:
        async with client(broker, broker.password) as station:
            await station.publish("loa/1/unit/48/rundown", b"kept", qos=1, retain=True)
    with mosquitto_that_falls() as broker:
        async with client(broker, broker.password) as station:
            await station.subscribe([("loa/1/unit/48/rundown", 1), ("loa/1/station/marker", 1)])
            await station.publish("loa/1/station/marker", b"here", qos=1)
            async with asyncio.timeout(30):
                message = await anext(aiter(station.messages))
    assert message.payload == b"here", "killed at once, it had saved nothing: the gateway's marker is there for that"


def test_a_database_is_empty_for_each_test_and_takes_vietnamese(database_url: str) -> None:
    engine = create_engine(database_url)
    with engine.begin() as connection:
        assert inspect(connection).get_table_names() == []
        connection.execute(text("CREATE TABLE unit (name TEXT)"))
        connection.execute(text("INSERT INTO unit VALUES ('phường Hải Châu')"))
        assert connection.scalar(text("SELECT name FROM unit")) == "phường Hải Châu"
    engine.dispose()
