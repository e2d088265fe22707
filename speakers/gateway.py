"""LOOP: the station's end of the wire. Publishes what is wanted and not yet published; writes down what devices report.

Nothing depends on having heard an event: rundowns, wanted states, acknowledgements and broker accounts are rows with
a wanted and a seen side, and the loop does the difference about once a second, sooner when hinted. A broker that
forgot (embedded and restarted, or restored from an old state) is known by its marker and told everything again.
"""

import asyncio
import contextlib
import ssl
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

import aiomqtt
import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from broadcast.database import Database
from speakers.errors import BrokerRefused
from speakers.ledger import Ledger, Outgoing
from speakers.rights import AccountChange, Accounts
from speakers.topic import MARKER_TOPIC, TOPICS

log = structlog.get_logger(__name__)

LOOK_S = 1.0
BATCH = 400
QUEUE_MOST = 20_000
_IN_FLIGHT = 40
_MARKER_WAIT_S = 1.0
_RETRY_S = (0.2, 0.5, 1.0, 2.0, 5.0)
_ADMIT_AGAIN_S = 5.0


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """Where a broker is and how to sign in, from `mqtt://user:password@host:1883` (`mqtts` for TLS)."""

    host: str
    port: int
    username: str | None
    password: str | None
    tls: bool

    @classmethod
    def of(cls, url: str) -> "BrokerAddress":
        """Raises ValueError for an address of another form."""
        parts = urlsplit(url)
        if parts.scheme not in {"mqtt", "mqtts"} or not parts.hostname:
            raise ValueError(f"«{url}» is not a broker address. Write mqtt://user:password@host:1883.")
        tls = parts.scheme == "mqtts"
        return cls(parts.hostname, parts.port or (8883 if tls else 1883), parts.username, parts.password, tls)

    def client(self, identifier: str) -> aiomqtt.Client:
        """A client that is not connected yet."""
        client = aiomqtt.Client(
            self.host,
            self.port,
            username=self.username,
            password=self.password,
            identifier=identifier,
            tls_context=ssl.create_default_context() if self.tls else None,
            max_queued_incoming_messages=QUEUE_MOST,
        )
        client.pending_calls_threshold = 2 * _IN_FLIGHT  # so many in flight are meant, and need no warning
        return client


class Gateway:
    """One for a station. `run` goes on for ever; `hint` makes it look at once and may be called from any thread."""

    def __init__(
        self,
        database: Database,
        key: Ed25519PrivateKey,
        secret: bytes,
        address: BrokerAddress,
        *,
        accounts: Accounts,
        heartbeat_s: int,
        now: Callable[[], datetime],
    ) -> None:
        self._ledger = Ledger(database, key, secret, heartbeat_s=heartbeat_s)
        self._address = address
        self._accounts = accounts
        self._now = now
        self._woken = asyncio.Event()
        self._admissions = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._arrived: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue(QUEUE_MOST)
        self.connected = False
        self.counts: Counter[str] = Counter()

    def hint(self) -> None:
        """Something may have changed: look sooner."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._look)

    def _look(self) -> None:
        self._woken.set()
        self._admissions.set()

    async def run(self) -> None:
        """Stay connected, publish and receive, until cancelled; nothing else ends it, for pages share its process."""
        self._loop = asyncio.get_running_loop()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._write_down(), name="gateway writes reports down")
            failures = 0
            while True:
                try:
                    async with self._address.client("loa-gateway") as client:
                        await self._serve(client)
                except (aiomqtt.MqttError, OSError) as error:
                    self.counts["reconnects"] += 1
                    log.warning("broker lost", reason=str(error), broker=f"{self._address.host}:{self._address.port}")
                except Exception:  # a database that restarts, above all: what is wanted is still written there
                    self.counts["failures"] += 1
                    log.exception("gateway failed, goes on")
                finally:
                    failures = 0 if self.connected else failures + 1
                    self.connected = False
                if (task := asyncio.current_task()) is not None and task.cancelling():
                    raise asyncio.CancelledError  # an error of the breaking line came in the way of being told to end
                await asyncio.sleep(_RETRY_S[min(failures, len(_RETRY_S) - 1)])

    async def _serve(self, client: aiomqtt.Client) -> None:
        await client.subscribe([(MARKER_TOPIC, 1), (TOPICS["report"].pattern, 1), (TOPICS["alive"].pattern, 1)])
        known = await self._marker(client)
        if known != await asyncio.to_thread(self._ledger.marker):
            log.info("broker has forgotten, telling it everything again")
            await asyncio.to_thread(self._ledger.forget_published)
        self.connected = True
        self._look()
        log.info("broker connected", broker=f"{self._address.host}:{self._address.port}")
        tasks = {
            asyncio.create_task(self._receive(client), name="gateway receives"),
            asyncio.create_task(self._publish(client), name="gateway publishes"),
            asyncio.create_task(self._admit_for_ever(), name="gateway tells the broker who belongs"),
        }
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _marker(self, client: aiomqtt.Client) -> str:
        """The retained marker, or nothing when none comes within a second; reports that come meanwhile are kept."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_MARKER_WAIT_S):
                async for message in client.messages:
                    if message.topic.value == MARKER_TOPIC:
                        return message.payload.decode(errors="replace")
                    self._hand_on(message)
        return ""

    async def _receive(self, client: aiomqtt.Client) -> None:
        """Only hands on, so that nothing is lost while the database is busy."""
        async for message in client.messages:
            if message.topic.value != MARKER_TOPIC:
                self._hand_on(message)

    def _hand_on(self, message: aiomqtt.Message) -> None:
        try:
            self._arrived.put_nowait((message.topic.value, message.payload))
        except asyncio.QueueFull:  # a device sends its journal again until it is acknowledged
            self.counts["reports_dropped"] += 1

    async def _write_down(self) -> None:
        while True:
            batch = [await self._arrived.get()]
            while len(batch) < BATCH and not self._arrived.empty():
                batch.append(self._arrived.get_nowait())
            try:
                written = await asyncio.to_thread(self._ledger.write_down, batch, self._now())
            except Exception:  # one bad batch must not end the loop; devices send their journals again
                log.exception("reports were not written down", reports=len(batch))
                self.counts["reports_failed"] += len(batch)
                continue
            self.counts.update(written)
            if written["journal_entries"]:
                self._woken.set()

    async def _publish(self, client: aiomqtt.Client) -> None:
        while True:
            await _hinted(self._woken)
            while outgoing := await asyncio.to_thread(self._ledger.outgoing, BATCH):
                await self._send(client, outgoing)

    async def _send(self, client: aiomqtt.Client, outgoing: list[Outgoing]) -> None:
        gate = asyncio.Semaphore(_IN_FLIGHT)

        async def send(one: Outgoing) -> None:
            async with gate:
                await client.publish(one.topic, one.message, qos=1, retain=one.retained)

        await asyncio.gather(*(send(one) for one in outgoing))
        await asyncio.to_thread(self._ledger.note_published, outgoing)
        await client.publish(MARKER_TOPIC, await asyncio.to_thread(self._ledger.marker), qos=1, retain=True)
        self.counts["published"] += len(outgoing)

    async def _admit_for_ever(self) -> None:
        """Tells the broker of devices that came or went, beside what is published: a broker may take its time."""
        while True:
            await _hinted(self._admissions)
            try:
                while await self._admit():
                    pass
            except (aiomqtt.MqttError, BrokerRefused) as error:
                self.counts["admissions_failed"] += 1
                log.warning("broker takes no accounts", reason=str(error), next_try_s=_ADMIT_AGAIN_S)
                await asyncio.sleep(_ADMIT_AGAIN_S)

    async def _admit(self) -> int:
        changes = await asyncio.to_thread(self._ledger.accounts_to_change)
        told: list[AccountChange] = []
        refused: BrokerRefused | None = None
        try:
            if changes:
                async with self._accounts() as tell:
                    for change in changes:
                        try:
                            await tell(change)
                        except BrokerRefused as error:  # one device's trouble is not that of the others
                            log.warning("account refused", device=change.speaker_id, reason=str(error))
                            refused = error
                        else:
                            told.append(change)
        finally:
            await asyncio.to_thread(self._ledger.note_provisioned, told)
            self.counts["accounts_changed"] += len(told)
        if refused is not None:
            raise refused
        return len(changes)


async def _hinted(event: asyncio.Event) -> None:
    """Returns when somebody hints, and in any case about once a second."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LOOK_S):
            await event.wait()
    event.clear()
