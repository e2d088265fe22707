"""The one line of a pole to its station: MQTT 3.1.1, outbound, for ever; it only hands on what comes.

QoS 1 and a session that the broker keeps: what is sent while the pole is away comes when it is back. When the line
breaks, the next try is a little later than the last, by chance, so that a city of poles does not knock at once.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime
from urllib.parse import urlsplit

import aiomqtt
import structlog

from speakers.agent.identity import Identity
from speakers.errors import StationUnreachable
from speakers.topic import TOPICS, topic
from speakers.wire import Alive, alive_payload

KEEPALIVE_S = 30
FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 60.0
STEADY_S = 30.0
QUEUE_MOST = 1_000
ASK_AGAIN_S = 30.0
"""How long after the broker refused a topic it is asked for it again."""

log = structlog.get_logger()

Receive = Callable[[str, bytes], None]
"""(topic, payload): must not wait."""


class Connection:
    """`receive` is told every message; `connected` runs as long as each connection lasts."""

    def __init__(self, identity: Identity, receive: Receive, connected: Callable[[], Awaitable[None]]) -> None:
        self._identity = identity
        self._receive = receive
        self._connected = connected
        self._client: aiomqtt.Client | None = None
        self._subscribed: set[str] = set()
        self._refused: dict[str, float] = {}
        self.connects = 0

    @property
    def is_up(self) -> bool:
        """Whether the line stands at this moment."""
        return self._client is not None

    async def run(self, wanted_topics: Callable[[], Iterable[str]]) -> None:
        """Connects, subscribes to `wanted_topics()` and receives, again and again, for ever.

        Raises StationUnreachable for an address that is none: no later try would heal it.
        """
        self._address()
        wait_s, said = FIRST_WAIT_S, False
        while True:
            since = time.monotonic()
            try:
                await self._one_connection(wanted_topics)
            except* (aiomqtt.MqttError, OSError) as group:
                if not said or self.is_up:
                    log.warning("station_lost", error=str(group.exceptions[0]))
                said = True
            except* Exception:
                log.exception("connection_failed", meaning="tried again")
            finally:
                self._client = None
                self._subscribed.clear()
                self._refused.clear()
            if (task := asyncio.current_task()) is not None and task.cancelling():
                raise asyncio.CancelledError  # an error of the breaking line came in the way of being told to end
            if time.monotonic() - since > STEADY_S:
                wait_s, said = FIRST_WAIT_S, False
            await asyncio.sleep(wait_s * random.uniform(0.5, 1.5))
            wait_s = min(LONGEST_WAIT_S, wait_s * 2)

    async def publish(self, payload: bytes) -> bool:
        """Reports to the station, QoS 1. Returns whether the broker has it; never raises for a broken line."""
        client = self._client
        if client is None:
            return False
        try:
            await client.publish(topic("report", self._identity.device_id), payload, qos=TOPICS["report"].qos)
        except aiomqtt.MqttError:
            return False
        return True

    async def follow(self, wanted_topics: Iterable[str]) -> None:
        """Subscribes to what is wanted now and not yet subscribed, lets go of the rest; broken lines raise nothing."""
        try:
            await self._follow(set(wanted_topics))
        except (aiomqtt.MqttError, ValueError) as error:  # the latter: an answer for fewer topics than were asked for
            log.warning("not_followed", error=str(error), meaning="the line is tried again")

    async def _follow(self, wanted: set[str]) -> None:
        client, now = self._client, time.monotonic()
        if client is None:
            return
        for name in self._subscribed - wanted:
            await client.unsubscribe(name)
        self._subscribed &= wanted
        fresh = sorted(name for name in wanted - self._subscribed if self._refused.get(name, 0.0) <= now)
        if not fresh:
            return
        for name, code in zip(fresh, await client.subscribe([(name, 1) for name in fresh]), strict=True):
            if _is_refusal(code):
                log.warning("topic_refused", topic=name, next_try_s=ASK_AGAIN_S)
                self._refused[name] = now + ASK_AGAIN_S
            else:
                self._subscribed.add(name)

    async def _one_connection(self, wanted_topics: Callable[[], Iterable[str]]) -> None:
        alive = topic("alive", self._identity.device_id)
        async with self._new_client(alive) as client:
            self._client = client
            self.connects += 1
            log.info("station_connected", connects=self.connects)
            await self._follow(set(wanted_topics()))
            await client.publish(alive, alive_payload(Alive(online=True, at=datetime.now(UTC))), qos=1, retain=True)
            try:
                async with asyncio.TaskGroup() as group:
                    task = group.create_task(_awaited(self._connected()), name="connected")
                    async for message in client.messages:
                        if isinstance(message.payload, bytes):
                            self._receive(message.topic.value, message.payload)
                    task.cancel()
            except asyncio.CancelledError:
                gone = alive_payload(Alive(online=False, at=datetime.now(UTC)))
                with suppress(aiomqtt.MqttError):  # or being told to end would be lost in an error of a line that broke
                    await client.publish(alive, gone, qos=1, retain=True, timeout=1.0)
                raise

    def _new_client(self, alive: str) -> aiomqtt.Client:
        host, port, secure = self._address()
        return aiomqtt.Client(
            host,
            port,
            username=self._identity.username,
            password=self._identity.password,
            identifier=self._identity.device_id,
            protocol=aiomqtt.ProtocolVersion.V311,
            clean_session=False,
            keepalive=KEEPALIVE_S,
            timeout=10.0,
            will=aiomqtt.Will(alive, alive_payload(Alive(online=False, at=datetime.now(UTC))), qos=1, retain=True),
            tls_params=aiomqtt.TLSParameters() if secure else None,
            max_queued_incoming_messages=QUEUE_MOST,
        )

    def _address(self) -> tuple[str, int, bool]:
        """Host, port, and whether by TLS."""
        address = urlsplit(self._identity.mqtt_url)
        secure = address.scheme == "mqtts"
        if address.scheme not in ("mqtt", "mqtts") or not address.hostname:
            raise StationUnreachable(f"The broker address {self._identity.mqtt_url} is not one of mqtt:// or mqtts://.")
        return address.hostname, address.port or (8883 if secure else 1883), secure


def _is_refusal(code: object) -> bool:
    """Paho answers MQTT 3.1.1 with the granted QoS, or with a reason code that says so itself."""
    return bool(getattr(code, "is_failure", code == 128))


async def _awaited(work: Awaitable[None]) -> None:
    await work
