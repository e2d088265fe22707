"""A small station for agents to belong to: real HTTP with ranges, a real broker, real signatures, no database."""

import asyncio
import base64
import contextlib
import functools
import hashlib
import json
import re
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol, cast

import aiomqtt
import numpy as np
import pytest

from broadcast.priority import Rank
from broadcast.rundown import Item, Rundown
from broadcast.rundown_body import to_body
from broadcast.signing import generate_key, public_bytes, sign
from speakers.agent.identity import Identity
from speakers.topic import TOPICS, parse_topic, topic
from speakers.wire import Entry, Heartbeat, JournalBatch, Wanted, acknowledged_body, parse_report, wanted_body
from streams.encoder import OpusEncoder
from streams.frame import FRAME_SAMPLES, SAMPLE_RATE_HZ
from streams.ogg import PageWriter, block_of


class BrokerAddress(Protocol):
    """What the fixtures `mosquitto` and `mosquitto_that_falls` give."""

    host: str
    port: int
    username: str
    password: str
    url: str


class Media:
    """What the HTTP side serves, and how it misbehaves: `cut_after` bytes once, or not at all while `down`."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.codes: dict[str, dict[str, Any]] = {}
        self.asked: list[tuple[str, str]] = []
        self.counts: Counter[str] = Counter()
        self.cut_after: int | None = None
        self.down = False
        self.url = ""


class _Door(BaseHTTPRequestHandler):
    media: Media

    def log_message(self, *_words: object) -> None:
        """Tests are quiet."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        answer = self.media.codes.pop(asked["code"], None)
        self._answer(403 if answer is None else 200, json.dumps(answer or {}).encode())

    def do_GET(self) -> None:
        sha256, wanted = self.path.rpartition("/")[2], self.headers.get("range", "")
        self.media.asked.append((sha256, wanted))
        if self.media.down or sha256 not in self.media.files:
            self._answer(503 if self.media.down else 404, b"")
            return
        body = self.media.files[sha256]
        begin = int(found[1]) if (found := re.fullmatch(r"bytes=(\d+)-", wanted)) else 0
        if begin >= len(body):
            self._answer(416, b"")
            return
        cut, self.media.cut_after = self.media.cut_after, None
        self._answer(206 if begin else 200, body[begin:], begin, len(body), cut)

    def _answer(self, status: int, body: bytes, begin: int = 0, total: int = 0, cut: int | None = None) -> None:
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        if begin:
            self.send_header("content-range", f"bytes {begin}-{total - 1}/{total}")
        self.end_headers()
        self.wfile.write(body[:cut])


@pytest.fixture
def media() -> Iterator[Media]:
    """The HTTP side of the station on a free port."""
    served = Media()
    server = ThreadingHTTPServer(("127.0.0.1", 0), cast("Any", type("Door", (_Door,), {"media": served})))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    served.url = f"http://127.0.0.1:{server.server_port}"
    yield served
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="session")
def golden() -> Callable[[float, float], bytes]:
    """Renditions of steady tones by (seconds, hertz), that begin and end at full level, made once."""

    @functools.cache
    def of(seconds: float, hertz: float = 440.0) -> bytes:
        encoder = OpusEncoder(32_000, application="audio")
        count = round(seconds * SAMPLE_RATE_HZ)
        at = np.arange(-(-(count + encoder.pre_skip) // FRAME_SAMPLES) * FRAME_SAMPLES) / SAMPLE_RATE_HZ
        packets = encoder.encode((np.sin(2 * np.pi * hertz * at) * 0.4).astype(np.float32)) + encoder.flush()
        writer = PageWriter(3)
        return writer.headers() + b"".join(
            writer.page(block_of(packets[begin : begin + 40])) for begin in range(0, len(packets), 40)
        )

    return of


@dataclass
class Station:
    """Signs and publishes, keeps what devices report, and acknowledges journals while `acknowledges`."""

    broker: BrokerAddress
    media: Media
    client: aiomqtt.Client | None = None
    acknowledges: bool = True
    key: Any = field(default_factory=generate_key)
    revision: int = 0
    batches: list[JournalBatch] = field(default_factory=list)
    heartbeats: list[tuple[str, Heartbeat]] = field(default_factory=list)
    alive: list[bytes] = field(default_factory=list)
    entries: dict[tuple[str, int], Entry] = field(default_factory=dict)
    repeats: int = 0

    def keep(self, sound: bytes) -> str:
        """Serves a rendition; returns its name."""
        sha256 = hashlib.sha256(sound).hexdigest()
        self.media.files[sha256] = sound
        return f"rendition:{sha256}"

    def enrolment(self, device: str, unit: str) -> dict[str, Any]:
        """What POST /api/1/enrol answers. The broker's own account stands in for the device's."""
        parts = unit.split("/")
        return {
            "device_id": device,
            "mqtt_url": f"mqtt://{self.broker.host}:{self.broker.port}",
            "username": self.broker.username,
            "password": self.broker.password,
            "station_key": base64.b64encode(public_bytes(self.key)).decode(),
            "unit_path": unit,
            "units": ["/".join(parts[: n + 1]) for n in range(len(parts))],
            "clusters": [f"cluster-{device}"],
            "media_url": f"{self.media.url}/media",
            "heartbeat_s": 2,
            "enrolled_at": datetime.now(UTC).isoformat(),
        }

    def identity(self, device: str, unit: str, enrolled: datetime | None = None) -> Identity:
        """The identity of an enrolled device."""
        answer = self.enrolment(device, unit)
        answer |= {"units": tuple(answer["units"]), "clusters": tuple(answer["clusters"])}
        return Identity(**{**answer, **({"enrolled_at": enrolled.isoformat()} if enrolled else {})})

    async def publish(self, kind: str, name: str, body: bytes) -> bytes:
        """Signs a body for its topic and publishes it; returns the message."""
        message = sign(body, topic(kind, name), self.key)
        assert self.client is not None
        await self.client.publish(topic(kind, name), message, qos=1, retain=TOPICS[kind].retained)
        return message

    async def put_on_air(self, unit: str, *items: Item, prefetch: tuple[str, ...] = ()) -> bytes:
        """Publishes the next revision of a unit's rundown."""
        self.revision += 1
        now = datetime.now(UTC)
        rundown = Rundown(unit, self.revision, now, now, now + timedelta(days=7), items, prefetch)
        return await self.publish("rundown", unit, to_body(rundown))

    async def want(self, device: str, unit: str, revision: int, volume_db: float = 0.0) -> None:
        """Publishes a wanted state."""
        known = self.identity(device, unit)
        wanted = Wanted(revision, unit, known.units, known.clusters, volume_db, heartbeat_s=2)
        await self.publish("wanted", device, wanted_body(wanted))

    async def listen(self, client: aiomqtt.Client) -> None:
        """Receives reports as long as the connection lasts."""
        async for message in client.messages:
            found = parse_topic(message.topic.value)
            if found is not None and found[0] == "alive":
                self.alive.append(message.payload)
            elif found is not None and found[0] == "report":
                await self._report(found[1], message.payload)

    async def _report(self, device: str, payload: bytes) -> None:
        report = parse_report(payload)
        if isinstance(report, Heartbeat):
            self.heartbeats.append((device, report))
            return
        self.batches.append(report)
        for entry in report.entries:
            self.repeats += (device, entry.sequence) in self.entries
            self.entries[device, entry.sequence] = entry
        if self.acknowledges:
            await self.publish("acknowledged", device, acknowledged_body(report.entries[-1].sequence))

    def entries_of(self, item_id: str) -> list[Entry]:
        """What was reported of an item, in order."""
        return [entry for _, entry in sorted(self.entries.items()) if entry.item == item_id]

    def item(self, item_id: str, start: datetime, sound: str, seconds: float, **more: Any) -> Item:
        """An item for everybody below the unit `48`, unless told otherwise."""
        values: dict[str, Any] = {
            "latest_start": start + timedelta(minutes=10),
            "duration_ms": round(seconds * 1000),
            "rank": Rank.NORMAL,
            "targets": ("unit:48",),
            **more,
        }
        return Item(id=item_id, start=start, sound=sound, **values)

    async def until(self, condition: Callable[[], object], seconds: float = 20.0) -> None:
        """Returns when the condition holds; fails when it does not within a time that is long for any machine."""
        deadline = asyncio.get_running_loop().time() + seconds
        while not condition():
            assert asyncio.get_running_loop().time() < deadline, "It did not happen in time."
            await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def connected(station: Station) -> AsyncIterator[Station]:
    """The station on its broker, from entering to leaving."""
    async with aiomqtt.Client(
        station.broker.host, station.broker.port, username=station.broker.username, password=station.broker.password
    ) as client:
        station.client = client
        await client.subscribe([(TOPICS["report"].pattern, 1), (TOPICS["alive"].pattern, 1)])
        listening = asyncio.create_task(station.listen(client))
        try:
            yield station
        finally:
            listening.cancel()
            with contextlib.suppress(asyncio.CancelledError, aiomqtt.MqttError):
                await listening


@pytest.fixture
async def station(mosquitto: BrokerAddress, media: Media) -> AsyncIterator[Station]:
    """The station on the session's Mosquitto."""
    async with connected(Station(mosquitto, media)) as running:
        yield running


class Pretend:
    """Makes stations on any broker: `pretend(broker)`; `pretend.again(station)` after the broker fell."""

    def __init__(self, media: Media) -> None:
        self._media = media

    def __call__(self, broker: BrokerAddress) -> contextlib.AbstractAsyncContextManager[Station]:
        """A new station."""
        return connected(Station(broker, self._media))

    def again(self, station: Station) -> contextlib.AbstractAsyncContextManager[Station]:
        """The same station, connected anew."""
        return connected(station)


@pytest.fixture
def pretend(media: Media) -> Pretend:
    """For tests that need a broker of their own."""
    return Pretend(media)
