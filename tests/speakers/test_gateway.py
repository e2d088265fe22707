"""The gateway publishes what is wanted and writes down what is reported, on both brokers, and heals what was lost."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiomqtt
import pytest
from sqlalchemy import select

from broadcast.administrative_unit import seed_da_nang, unit_of_slug
from broadcast.asrun import AsRun
from broadcast.database import Database
from broadcast.plan import RundownRow
from broadcast.rundown import Rundown
from broadcast.rundown_body import to_body
from broadcast.signing import generate_key, public_bytes, sign, trusted_key, verify
from speakers.broker import embedded_broker
from speakers.cluster import add_cluster
from speakers.enrolment import Enrolled, enrol, issue_code
from speakers.gateway import BrokerAddress, Gateway
from speakers.ledger import Ledger
from speakers.speaker import Speaker, retire_speaker
from speakers.wire import Alive, Entry, Heartbeat, alive_payload, heartbeat_payload, journal_payload, topic

NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
SECRET = b"s" * 32
SOON_S = 15.0


@dataclass(slots=True)
class House:
    """A station's database and keys, a broker's address, and one enrolled device."""

    database: Database
    address: BrokerAddress
    provisions: bool
    device: Enrolled

    def gateway(self) -> Gateway:
        return Gateway(
            self.database, KEY, SECRET, self.address, provisions=self.provisions, heartbeat_s=60, now=lambda: NOW
        )

    def client(self) -> aiomqtt.Client:
        return aiomqtt.Client(
            self.address.host,
            self.address.port,
            username=self.device.speaker_id,
            password=self.device.password,
            identifier=self.device.speaker_id,
        )

    def publish_rundown(self, revision: int) -> bytes:
        """A new revision of the device's rundown, as the playout would leave it."""
        name = topic("rundown", self.device.unit_path)
        body = to_body(Rundown(self.device.unit_path, revision, NOW, NOW, NOW + timedelta(days=7)))
        message = sign(body, name, KEY)
        with self.database.transaction() as session:
            row = session.scalars(select(RundownRow).where(RundownRow.path == self.device.unit_path)).one_or_none()
            if row is None:
                unit = unit_of_slug(session, "hai-chau")
                row = RundownRow(unit_id=unit.id, path=unit.path)
                session.add(row)
            row.revision, row.message, row.stale = revision, message, False
        return body

    def speaker(self) -> Speaker:
        with self.database.reading() as session:
            return session.get_one(Speaker, self.device.speaker_id)


KEY = generate_key()


def house_in(database_url: str, address: BrokerAddress, provisions: bool) -> House:
    database = Database(database_url)
    database.upgrade()
    with database.transaction() as session:
        seed_da_nang(session, NOW.date())
        cluster = add_cluster(session, unit_of_slug(session, "hai-chau"), "Cụm 1", person_id=None, now=NOW)
        code = issue_code(session, cluster.id, "Loa 1", person_id=None, now=NOW)
        device = enrol(session, code, secret=SECRET, now=NOW)
    return House(database, address, provisions, device)


@pytest.fixture(params=["embedded", "mosquitto"])
async def house(request: pytest.FixtureRequest, database_url: str) -> AsyncIterator[House]:
    if request.param == "mosquitto":
        broker = request.getfixturevalue("mosquitto")
        made = house_in(database_url, BrokerAddress.of(broker.url), provisions=True)
        yield made
    else:
        database = Database(database_url)
        database.upgrade()
        ledger = Ledger(database, KEY, SECRET, heartbeat_s=60)

        async def let_in(name: str, password: str) -> object:
            return await asyncio.to_thread(ledger.rights, name, password)

        async with embedded_broker("127.0.0.1", 0, let_in) as running:  # type: ignore[arg-type]
            made = house_in(database_url, BrokerAddress.of(running.station_url), provisions=False)
            yield made
        await asyncio.get_running_loop().shutdown_default_executor()  # what was begun in a thread ends first
        database.close()
    await asyncio.get_running_loop().shutdown_default_executor()
    made.database.close()


@contextlib.asynccontextmanager
async def running(gateway: Gateway, *, at_once: bool = True) -> AsyncIterator[Gateway]:
    task = asyncio.create_task(gateway.run())
    try:
        async with asyncio.timeout(SOON_S):
            while at_once and not gateway.connected:  # noqa: ASYNC110 - it tells by being so
                await asyncio.sleep(0.02)
        yield gateway
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def connected(house: House) -> aiomqtt.Client:
    """The device's client, which a broker that is told of it only now lets in a little later."""
    async with asyncio.timeout(SOON_S):
        while True:
            client = house.client()
            try:
                await client.__aenter__()
            except aiomqtt.MqttError:
                await asyncio.sleep(0.1)
            else:
                return client


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(SOON_S):
        while not await asyncio.to_thread(condition):  # noqa: ASYNC110 - the gateway works in threads
            await asyncio.sleep(0.05)


async def next_message(client: aiomqtt.Client) -> aiomqtt.Message:
    async with asyncio.timeout(SOON_S):
        return await anext(aiter(client.messages))


async def test_a_rundown_reaches_the_device_signed_for_its_topic(house: House) -> None:
    body = house.publish_rundown(1)
    async with running(house.gateway()) as gateway:
        client = await connected(house)
        name = topic("rundown", house.device.unit_path)
        await client.subscribe(name, qos=1)
        message = await next_message(client)
        assert verify(message.payload, name, trusted_key(public_bytes(KEY))) == body
        newer = house.publish_rundown(2)
        gateway.hint()
        message = await next_message(client)
        assert verify(message.payload, name, trusted_key(public_bytes(KEY))) == newer
        await client.__aexit__(None, None, None)


async def test_what_a_device_reports_is_written_down_and_acknowledged_once(house: House) -> None:
    async with running(house.gateway()):
        client = await connected(house)
        device = house.device.speaker_id
        await client.subscribe(topic("acknowledged", device), qos=1)
        await client.publish(topic("alive", device), alive_payload(Alive(True, NOW)), qos=1, retain=True)
        await client.publish(
            topic("report", device), heartbeat_payload(Heartbeat(at=NOW, version="0.1.0", uptime_s=5)), qos=1
        )
        entry = Entry(
            7, house.device.unit_path, "item1", "item1#0", "tone:chime", NOW, 1000, 1000, NOW, NOW, 1000, "played"
        )
        for _ in range(2):  # the second time as after a lost acknowledgement
            await client.publish(topic("report", device), journal_payload([entry]), qos=1)
            message = await next_message(client)
            assert b"\x07" in verify(message.payload, topic("acknowledged", device), trusted_key(public_bytes(KEY)))
        await until(lambda: house.speaker().reported.get("version") == "0.1.0")
        await client.__aexit__(None, None, None)
    with house.database.reading() as session:
        rows = session.scalars(select(AsRun).where(AsRun.device_id == device)).all()
    assert [(row.item_id, row.heard_ms, row.state) for row in rows] == [("item1", 1000, "played")]
    assert house.speaker().journal_sequence == 7


async def test_malformed_reports_are_counted_and_harm_nobody(house: House) -> None:
    gateway = house.gateway()
    async with running(gateway):
        client = await connected(house)
        name = topic("report", house.device.speaker_id)
        for payload in (b"", b"\xff\xfe", b"[]", json.dumps({"v": 1, "kind": "journal", "entries": [1]}).encode()):
            await client.publish(name, payload, qos=1)
        await client.publish(name, heartbeat_payload(Heartbeat(at=NOW, version="still here", uptime_s=5)), qos=1)
        await until(lambda: house.speaker().reported.get("version") == "still here")
        await client.__aexit__(None, None, None)
    assert gateway.counts["reports_malformed"] == 4


async def test_a_retired_device_is_not_let_in_again(house: House) -> None:
    async with running(house.gateway()):
        client = await connected(house)
        await client.__aexit__(None, None, None)
        with house.database.transaction() as session:
            retire_speaker(session, house.device.speaker_id, person_id=None, now=NOW)
        if house.provisions:
            await until(lambda: house.speaker().provisioned)
        with pytest.raises(aiomqtt.MqttError):
            await house.client().__aenter__()


async def test_a_mosquitto_that_forgot_is_told_everything_again(
    mosquitto_that_falls: Callable[[], AbstractContextManager[object]], tmp_path: Path
) -> None:
    with mosquitto_that_falls() as broker:
        address = BrokerAddress.of(broker.url)  # type: ignore[attr-defined]
    house = house_in(f"sqlite:///{tmp_path / 'loa.db'}", address, provisions=True)
    body = house.publish_rundown(1)
    name = topic("rundown", house.device.unit_path)
    async with running(house.gateway(), at_once=False):
        for _ in range(2):
            with mosquitto_that_falls():
                client = await connected(house)
                await client.subscribe(name, qos=1)
                message = await next_message(client)
                assert verify(message.payload, name, trusted_key(public_bytes(KEY))) == body
                with contextlib.suppress(aiomqtt.MqttError):
                    await client.__aexit__(None, None, None)
            for kept in tmp_path.glob("**/mosquitto.db"):
                kept.unlink()
            for kept in tmp_path.glob("**/dynamic-security.json"):
                kept.unlink()
    house.database.close()
