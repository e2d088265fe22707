"""The embedded MQTT broker: amqtt 0.12 with our own door-keeper, for a station on one machine.

A device may read the rundowns of its units and its own topics and write its own reports, nothing else; who does not
show its password touches nothing. Mosquitto gets the same rights through `speakers.mosquitto`. Retained messages live
in memory: the gateway publishes anew.
"""

import asyncio
import contextlib
import logging
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any

from amqtt.adapters import ReaderAdapter, WriterAdapter
from amqtt.broker import Broker
from amqtt.contexts import Action, ListenerConfig
from amqtt.errors import AMQTTError, BrokerError
from amqtt.mqtt.connack import NOT_AUTHORIZED, ConnackPacket
from amqtt.mqtt.protocol.broker_handler import BrokerProtocolHandler
from amqtt.session import Session

from speakers.errors import BrokerRefused
from speakers.rights import AccountChange, Rights, Tell

STATION_USER = "station"
CONNECTIONS_MOST = 5_000
CONNECT_WITHIN_S = 10.0
QUEUE_MOST = 10_000
_SESSION_KEPT_S = 86_400
_CLOSED_WITHIN_S = 2.0

Authenticate = Callable[[str, str], Awaitable[Rights | None]]
"""(user name, password) -> what it may do, or None when it is not let in."""


class _Subscriptions(dict[str, list[tuple[Session, int]]]):
    """Subscriptions by filter, walked over as they were when the walk began.

    amqtt awaits while it walks over them, so that a client that comes or goes meanwhile would end the walk with
    an error, and with it the delivery of a message.
    """

    def __iter__(self) -> Iterator[str]:
        return iter(list(super().keys()))

    def items(self) -> Any:
        """Filters and a copy of each one's sessions."""
        return [(key, list(value)) for key, value in super().items()]


class _Broker(Broker):
    """amqtt's broker with our door and some mends, each checked in tests/speakers/test_broker.py."""

    def __init__(
        self, config: dict[str, Any], authenticate: Authenticate, station_password: str, connect_within_s: float
    ) -> None:
        super().__init__(config)
        self._subscriptions = _Subscriptions()
        self._broadcast_queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue(QUEUE_MOST)
        self._let_in = authenticate
        self._station_password = station_password
        self._connect_within_s = connect_within_s
        self._connections = 0
        self.rights: dict[str, Rights] = {}

    async def stream_connected(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, listener_name: str
    ) -> None:
        """amqtt takes any number of connections, and leaves the socket of a client that left to the collector."""
        self._connections += 1
        try:
            if self._connections <= CONNECTIONS_MOST:
                await super().stream_connected(reader, writer, listener_name)
        finally:
            self._connections -= 1
            writer.close()

    async def _initialize_client_session(
        self, reader: ReaderAdapter, writer: WriterAdapter, remote_address: str, remote_port: int
    ) -> tuple[BrokerProtocolHandler, Session]:
        """amqtt waits for ever for who says nothing, and opens a client's session before it looks at the password."""
        try:
            async with asyncio.timeout(self._connect_within_s):
                handler, asking = await BrokerProtocolHandler.init_from_connect(reader, writer, self.plugins_manager)
        except Exception as error:  # hostile bytes can raise anything; all of it means that nobody comes in
            raise AMQTTError(f"No greeting from {remote_address}:{remote_port}: {error!r}") from error
        if not await self._may_come_in(asking):
            await ConnackPacket.build(0, NOT_AUTHORIZED).to_stream(writer)
            raise AMQTTError(f"{remote_address}:{remote_port} is not let in as {str(asking.client_id)[:80]!r}.")
        return handler, await self._session_of(asking)

    async def _may_come_in(self, asking: Session) -> bool:
        """The station, and devices whose client id is their user name and whose last will is theirs to write."""
        name, password = asking.username or "", asking.password or ""
        if name == STATION_USER:
            return secrets.compare_digest(password.encode(), self._station_password.encode())
        rights = await self._let_in(name, password)
        if rights is None or asking.client_id != name or (asking.will_flag and asking.will_topic not in rights.write):
            return False
        self.rights[name] = rights
        return True

    async def _session_of(self, asking: Session) -> Session:
        """The kept session of a client that was let in, or a new one; an older connection of its ends first."""
        name = asking.client_id or ""
        await self.close_connection(name)
        kept = self._sessions[name][0] if name in self._sessions else None
        if kept is None or kept.clean_session or asking.clean_session:
            await self._delete_session(name)
            return asking
        for one in ("will_flag", "will_topic", "will_message", "will_qos", "will_retain", "keep_alive"):
            setattr(kept, one, getattr(asking, one))
        kept.username, kept.parent = asking.username, 1
        return kept

    async def close_connection(self, client_id: str) -> None:
        """Ends the connection of a client, if it has one; its session is kept."""
        if client_id not in self._sessions:
            return
        session, handler = self._sessions[client_id]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CLOSED_WITHIN_S):
                while session.transitions.is_connected():
                    await handler.handle_connection_closed()
                    await asyncio.sleep(0.01)  # the connection's own task does the rest
        session.transitions.disconnect()

    async def change(self, change: AccountChange) -> None:
        """Knows a device as it is wanted, at once."""
        name = change.speaker_id
        if change.rights is None:
            self.rights.pop(name, None)
            await self.close_connection(name)
            await self._delete_session(name)
        elif name in self.rights:
            self.rights[name] = change.rights

    async def _authenticate(self, session: Session, _: ListenerConfig) -> bool:
        """Who has a session was let in."""
        return True

    async def _topic_filtering(self, session: Session, topic: str, action: Action) -> bool:
        """Holds devices to their own topics."""
        if session.username == STATION_USER:
            return True
        rights = self.rights.get(session.username or "")
        return rights is not None and topic in (rights.write if action is Action.PUBLISH else rights.read)

    async def _publish_retained_messages_for_subscription(
        self, subscription: tuple[str, int], session: Session
    ) -> None:
        """amqtt sends a client that connects what is retained for everybody's subscriptions; only its own are meant."""
        own = any(s.client_id == session.client_id for s, _ in self._subscriptions.get(subscription[0], []))
        if own:
            await super()._publish_retained_messages_for_subscription(subscription, session)

    async def _retain_broadcast_message(self, broadcast: dict[str, Any], qos: int, target_session: Session) -> None:
        """amqtt keeps all that is sent to a client that is away, without end; of each topic the newest is enough."""
        waiting = target_session.retained_messages
        for _ in range(waiting.qsize()):
            one = waiting.get_nowait()
            if one.topic != broadcast["topic"]:
                waiting.put_nowait(one)
        await super()._retain_broadcast_message(broadcast, qos, target_session)


@dataclass(frozen=True, slots=True)
class RunningBroker:
    """Where a started broker is reached, and the station's own password for this run."""

    host: str
    port: int
    station_password: str
    connections: Callable[[], int]
    change: Tell

    @property
    def station_url(self) -> str:
        """The address with the station's credentials, for the gateway."""
        return f"mqtt://{STATION_USER}:{self.station_password}@{self.host}:{self.port}"

    @contextlib.asynccontextmanager
    async def accounts(self) -> AsyncIterator[Tell]:
        """How the gateway tells it of devices that go; who comes shows its password at the door."""
        yield self.change


@contextlib.asynccontextmanager
async def embedded_broker(
    host: str, port: int, authenticate: Authenticate, *, connect_within_s: float = CONNECT_WITHIN_S
) -> AsyncIterator[RunningBroker]:
    """Run a broker on host and port (0: any free one) until the context ends. Raises BrokerRefused if it is taken."""
    for name in ("amqtt", "transitions"):
        logging.getLogger(name).setLevel(logging.WARNING)
    password = secrets.token_urlsafe(24)
    config = {
        "listeners": {"default": {"type": "tcp", "bind": f"{host}:{port}"}},
        "session_expiry_interval": _SESSION_KEPT_S,
        "plugins": {},
    }
    broker = _Broker(config, authenticate, password, connect_within_s)
    try:
        await broker.start()
    except BrokerError as error:
        raise BrokerRefused(
            f"The embedded broker cannot listen on {host}:{port}. Stop the program that has the port, "
            "or give another one in LOA_MQTT_PORT."
        ) from error
    listening = broker._servers["default"].instance.sockets[0].getsockname()[1]  # noqa: SLF001 - amqtt tells no other way
    try:
        yield RunningBroker(host, listening, password, lambda: len(broker.sessions), broker.change)
    finally:
        with contextlib.suppress(asyncio.CancelledError):
            await broker.shutdown()
