"""The gateway publishes what is wanted and writes down what is reported, on both brokers, and heals what was lost."""

import asyncio
import contextlib
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiomqtt
import pytest
from sqlalchemy import select
from sqlalchemy.exc import DataError, OperationalError
from structlog.testing import capture_logs

from broadcast.administrative_unit import seed_da_nang, unit_of_slug
from broadcast.asrun import AsRun
from broadcast.database import Database
from broadcast.plan import RundownRow
from broadcast.rundown import Rundown
from broadcast.rundown_body import to_body
from broadcast.signing import generate_key, public_bytes, sign, trusted_key, verify
from speakers import ledger as ledger_module
from speakers.broker import embedded_broker
from speakers.cluster import add_cluster
from speakers.enrolment import Enrolled, enrol, issue_code
from speakers.errors import BrokerRefused
from speakers.gateway import BrokerAddress, Gateway
from speakers.ledger import Ledger, Outgoing
from speakers.mosquitto import accounts as mosquitto_accounts
from speakers.rights import AccountChange, Accounts, Rights, Tell
from speakers.speaker import Speaker, retire_speaker
from speakers.topic import topic
from speakers.wire import Alive, Entry, Heartbeat, alive_payload, heartbeat_payload, journal_payload, parse_acknowledged

NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
SECRET = b"s" * 32
SOON_S = 15.0


@dataclass(slots=True)
class House:
    """A station's database and keys, a broker's address, and one enrolled device."""

    database: Database
    address: BrokerAddress
    accounts: Accounts
    device: Enrolled

    def gateway(self) -> Gateway:
        return Gateway(
            self.database, KEY, SECRET, self.address, accounts=self.accounts, heartbeat_s=60, now=lambda: NOW
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


def house_in(database_url: str, address: BrokerAddress, accounts: Accounts | None = None) -> House:
    database = Database(database_url)
    database.upgrade()
    with database.transaction() as session:
        seed_da_nang(session, NOW.date())
        cluster = add_cluster(session, unit_of_slug(session, "hai-chau"), "Cụm 1", person_id=None, now=NOW)
        code = issue_code(session, cluster.id, "Loa 1", person_id=None, now=NOW)
        device = enrol(session, code, secret=SECRET, now=NOW)
    told = accounts or mosquitto_accounts(lambda: address.client("loa-provisioning"))
    return House(database, address, told, device)


@pytest.fixture(params=["embedded", "mosquitto"])
async def house(request: pytest.FixtureRequest, database_url: str) -> AsyncIterator[House]:
    if request.param == "mosquitto":
        broker = request.getfixturevalue("mosquitto")
        made = house_in(database_url, BrokerAddress.of(broker.url))
        yield made
    else:
        database = Database(database_url)
        database.upgrade()
        ledger = Ledger(database, KEY, SECRET, heartbeat_s=60)

        async def let_in(name: str, password: str) -> Rights | None:
            return await asyncio.to_thread(ledger.rights, name, password)

        async with embedded_broker("127.0.0.1", 0, let_in) as running:
            made = house_in(database_url, BrokerAddress.of(running.station_url), running.accounts)
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


@contextlib.asynccontextmanager
async def connected(house: House) -> AsyncIterator[aiomqtt.Client]:
    """The device's client, which a broker that is told of it only now lets in a little later."""
    async with contextlib.AsyncExitStack() as stack:
        async with asyncio.timeout(SOON_S):
            while True:
                client = house.client()
                try:
                    await client.__aenter__()
                except aiomqtt.MqttError:
                    await asyncio.sleep(0.1)
                else:
                    break
        stack.push_async_callback(left, client)
        yield client


async def left(client: aiomqtt.Client) -> None:
    """The client goes; its line may have broken before."""
    with contextlib.suppress(aiomqtt.MqttError):
        await client.__aexit__(None, None, None)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(SOON_S):
        while not await asyncio.to_thread(condition):  # noqa: ASYNC110 - the gateway works in threads
            await asyncio.sleep(0.05)


async def next_message(client: aiomqtt.Client) -> aiomqtt.Message:
    async with asyncio.timeout(SOON_S):
        return await anext(aiter(client.messages))


async def receives(client: aiomqtt.Client, name: str, body: bytes) -> None:
    """Returns when this body has come; the Mosquitto of the session may first show what another test left there."""
    while True:
        message = await next_message(client)
        if verify(message.payload, name, trusted_key(public_bytes(KEY))) == body:
            return


def played(house: House, sequence: int) -> Entry:
    return Entry(
        sequence, house.device.unit_path, "item1", "item1#0", "tone:chime", NOW, 1000, 1000, NOW, NOW, 1000, "played"
    )


async def acknowledged(house: House, client: aiomqtt.Client) -> int:
    """Up to which entry the station says that it has the journal."""
    name = topic("acknowledged", house.device.speaker_id)
    message = await next_message(client)
    return parse_acknowledged(verify(message.payload, name, trusted_key(public_bytes(KEY))))


async def test_a_rundown_reaches_the_device_signed_for_its_topic(house: House) -> None:
    body = house.publish_rundown(1)
    async with running(house.gateway()) as gateway, connected(house) as client:
        name = topic("rundown", house.device.unit_path)
        await client.subscribe(name, qos=1)
        await receives(client, name, body)
        newer = house.publish_rundown(2)
        gateway.hint()
        await receives(client, name, newer)


async def test_what_a_device_reports_is_written_down_and_acknowledged_once(house: House) -> None:
    async with running(house.gateway()), connected(house) as client:
        device = house.device.speaker_id
        await client.subscribe(topic("acknowledged", device), qos=1)
        await client.publish(topic("alive", device), alive_payload(Alive(True, NOW)), qos=1, retain=True)
        await client.publish(
            topic("report", device), heartbeat_payload(Heartbeat(at=NOW, version="0.1.0", uptime_s=5)), qos=1
        )
        for _ in range(2):  # the second time as after a lost acknowledgement
            await client.publish(topic("report", device), journal_payload([played(house, 7)]), qos=1)
            while await acknowledged(house, client) < 7:
                pass  # the first tells a new device that nothing is stored
        await until(lambda: house.speaker().reported.get("version") == "0.1.0")
    with house.database.reading() as session:
        rows = session.scalars(select(AsRun).where(AsRun.device_id == device)).all()
    assert [(row.item_id, row.heard_ms, row.state) for row in rows] == [("item1", 1000, "played")]
    assert house.speaker().journal_sequence == 7


async def test_malformed_reports_are_counted_and_harm_nobody(house: House) -> None:
    gateway = house.gateway()
    async with running(gateway), connected(house) as client:
        name = topic("report", house.device.speaker_id)
        for payload in (b"", b"\xff\xfe", b"[]", json.dumps({"v": 1, "kind": "journal", "entries": [1]}).encode()):
            await client.publish(name, payload, qos=1)
        await client.publish(name, heartbeat_payload(Heartbeat(at=NOW, version="still here", uptime_s=5)), qos=1)
        await until(lambda: house.speaker().reported.get("version") == "still here")
    assert gateway.counts["reports_malformed"] == 4


async def test_a_retired_device_loses_its_line_is_not_let_in_again_and_not_written_down(house: House) -> None:
    async with running(house.gateway()), connected(house) as client:
        await until(lambda: house.speaker().provisioned)
        with house.database.transaction() as session:
            retire_speaker(session, house.device.speaker_id, person_id=None, now=NOW)
        with pytest.raises(aiomqtt.MqttError):
            await next_message(client)
        await until(lambda: house.speaker().provisioned)
        with pytest.raises(aiomqtt.MqttError):
            await house.client().__aenter__()
    beat = heartbeat_payload(Heartbeat(at=NOW, version="0.1.0", uptime_s=5))
    ledger = Ledger(house.database, KEY, SECRET, heartbeat_s=60)
    assert ledger.write_down([(topic("report", house.device.speaker_id), beat)], NOW).total() == 0
    assert house.speaker().last_seen_at is None


async def test_a_database_that_fails_for_a_while_ends_nothing(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def down(_ledger: Ledger, _most: int) -> list[Outgoing]:
        raise OperationalError("SELECT", {}, ConnectionError("The server ended the connection."))

    async with running(house.gateway()) as gateway, connected(house) as client:
        name = topic("rundown", house.device.unit_path)
        await client.subscribe(name, qos=1)
        with monkeypatch.context() as patch, capture_logs() as logged:
            patch.setattr(Ledger, "outgoing", down)
            await until(lambda: gateway.counts["failures"])
        assert "gateway failed, goes on" in [line["event"] for line in logged]
        body = house.publish_rundown(3)
        await receives(client, name, body)


def test_one_device_s_impossible_report_costs_no_other_its_own(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    with house.database.transaction() as session:
        cluster = add_cluster(session, unit_of_slug(session, "hai-chau"), "Cụm 2", person_id=None, now=NOW)
        code = issue_code(session, cluster.id, "Loa 2", person_id=None, now=NOW)
        other = enrol(session, code, secret=SECRET, now=NOW).speaker_id
    ledger = Ledger(house.database, KEY, SECRET, heartbeat_s=60)
    beat = heartbeat_payload(Heartbeat(at=NOW, version="0.1.0", uptime_s=5))
    journal = journal_payload([played(house, 7)])

    def refuse(_session: object, device: str, _entries: object) -> None:
        raise DataError("INSERT", {}, OverflowError(f"integer out of range, from {device}"))

    monkeypatch.setattr(ledger_module, "merge_device_plays", refuse)
    counts = ledger.write_down(
        [(topic("report", house.device.speaker_id), journal), (topic("report", other), beat)], NOW
    )
    assert counts == {"reports_failed": 1, "heartbeats": 1}
    with house.database.reading() as session:
        assert session.get_one(Speaker, other).last_seen_at == NOW


def test_numbers_that_no_column_keeps_are_refused_at_the_wire(house: House) -> None:
    ledger = Ledger(house.database, KEY, SECRET, heartbeat_s=60)
    name = topic("report", house.device.speaker_id)
    fields = json.loads(journal_payload([played(house, 7)]))
    names = ("seq", "heard_ms", "item_ms", "planned_ms")

    def counted(**changed: int) -> Counter[str]:
        entry = {**fields["entries"][0], **changed}
        return ledger.write_down([(name, json.dumps({**fields, "entries": [entry]}).encode())], NOW)

    for key in names:
        assert counted(**{key: 2**31}) == {"reports_malformed": 1}
    assert counted(**dict.fromkeys(names, 2**31 - 1)) == {"journal_entries": 1}


def test_the_last_word_of_a_device_counts_also_within_one_batch(house: House) -> None:
    ledger = Ledger(house.database, KEY, SECRET, heartbeat_s=60)
    beat = (topic("report", house.device.speaker_id), heartbeat_payload(Heartbeat(at=NOW, version="1", uptime_s=5)))
    gone = (topic("alive", house.device.speaker_id), alive_payload(Alive(False, NOW)))
    ledger.write_down([beat, gone], NOW)
    assert not house.speaker().alive
    ledger.write_down([gone, beat], NOW)
    assert house.speaker().alive


def test_a_restored_station_overtakes_the_wanted_state_that_a_device_obeys(house: House) -> None:
    ledger = Ledger(house.database, KEY, SECRET, heartbeat_s=60)
    beat = heartbeat_payload(Heartbeat(at=NOW, version="1", uptime_s=5, wanted_revision=9))
    ledger.write_down([(topic("report", house.device.speaker_id), beat)], NOW)
    assert house.speaker().wanted_revision == 10
    assert [one.kind for one in ledger.outgoing(9) if one.number == 10] == ["wanted"]


def test_a_restored_station_without_a_journal_says_so(house: House) -> None:
    ledger = Ledger(house.database, KEY, SECRET, heartbeat_s=60)
    ledger.note_published(ledger.outgoing(9))
    assert [one.kind for one in ledger.outgoing(9)] == []
    ledger.forget_published()
    told = [one for one in ledger.outgoing(9) if one.kind == "acknowledged"]
    assert [one.number for one in told] == [0]


async def test_a_mosquitto_that_forgot_is_told_everything_again(
    mosquitto_that_falls: Callable[[], AbstractContextManager[object]], tmp_path: Path
) -> None:
    with mosquitto_that_falls() as broker:
        address = BrokerAddress.of(broker.url)  # type: ignore[attr-defined]
    house = house_in(f"sqlite:///{tmp_path / 'loa.db'}", address)
    body = house.publish_rundown(1)
    name = topic("rundown", house.device.unit_path)
    async with running(house.gateway(), at_once=False):
        for _ in range(2):
            with mosquitto_that_falls():
                async with connected(house) as client:
                    await client.subscribe(name, qos=1)
                    message = await next_message(client)
                    assert verify(message.payload, name, trusted_key(public_bytes(KEY))) == body
            for kept in tmp_path.glob("**/mosquitto.db"):
                kept.unlink()
            for kept in tmp_path.glob("**/dynamic-security.json"):
                kept.unlink()
    house.database.close()


async def test_a_device_that_the_broker_refuses_keeps_no_other_out(database_url: str) -> None:
    told: list[str] = []

    @contextlib.asynccontextmanager
    async def accounts() -> AsyncIterator[Tell]:
        async def tell(change: AccountChange) -> None:
            if not told:
                told.append("")
                raise BrokerRefused("Not this one.")
            told.append(change.speaker_id)

        yield tell

    address = BrokerAddress.of("mqtt://nobody@127.0.0.1:1")
    house = house_in(database_url, address, accounts)
    with house.database.transaction() as session:
        code = issue_code(session, house.speaker().cluster_id, "Loa 2", person_id=None, now=NOW)
        enrol(session, code, secret=SECRET, now=NOW)
    with pytest.raises(BrokerRefused):
        await house.gateway()._admit()
    with house.database.reading() as session:
        assert sorted(session.scalars(select(Speaker.provisioned))) == [False, True]
    assert len(told) == 2
    house.database.close()
