"""The embedded MQTT broker: amqtt 0.12 with our own door-keeper, for a station on one machine.

A device may read the rundowns of its units and its own topics and write its own report, nothing else. Mosquitto
gets the same rules through `speakers.mosquitto`. Retained messages live in memory: the gateway publishes anew.
"""

import asyncio
import contextlib
import logging
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from amqtt.broker import Broker
from amqtt.contexts import Action
from amqtt.errors import BrokerError
from amqtt.plugins.base import BaseAuthPlugin, BaseTopicPlugin
from amqtt.session import Session

from speakers.errors import BrokerRefused

STATION_USER = "station"
_SESSION_KEPT_S = 86_400


@dataclass(frozen=True, slots=True)
class Rights:
    """The exact topics a device may read and write."""

    read: frozenset[str]
    write: frozenset[str]


Authenticate = Callable[[str, str], Awaitable[Rights | None]]
"""(user name, password) -> what it may do, or None when it is not let in."""


@dataclass(slots=True)
class _Door:
    """Who is let in, shared by the two plugins of one broker."""

    authenticate: Authenticate
    station_password: str
    rights: dict[str, Rights] = field(default_factory=dict)


@dataclass
class _DoorConfig:
    door: Any = None


class DoorKeeper(BaseAuthPlugin):
    """Lets in the station and enrolled devices whose client id is their user name."""

    Config = _DoorConfig

    async def authenticate(self, *, session: Session) -> bool | None:
        """Whether the credentials of a session hold."""
        door: _Door = self.context.config.door
        name, password = session.username or "", session.password or ""
        if name == STATION_USER:
            return secrets.compare_digest(password.encode(), door.station_password.encode())
        rights = await door.authenticate(name, password)
        if rights is None or session.client_id != name:
            return False
        door.rights[name] = rights
        return True


class TopicKeeper(BaseTopicPlugin):
    """Holds devices to their own topics."""

    Config = _DoorConfig

    async def topic_filtering(
        self, *, session: Session | None = None, topic: str | None = None, action: Action | None = None
    ) -> bool | None:
        """Whether a session may subscribe to, publish on or receive from a topic."""
        door: _Door = self.context.config.door
        if session is None or topic is None:
            return False
        if session.username == STATION_USER:
            return True
        rights = door.rights.get(session.username or "")
        if rights is None:
            return False
        return topic in (rights.write if action is Action.PUBLISH else rights.read)


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
    """amqtt's broker with three mends, each checked in tests/speakers/test_broker.py."""

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__(config)
        self._subscriptions = _Subscriptions()

    async def stream_connected(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, listener_name: str
    ) -> None:
        """amqtt leaves the socket of a client that left to the garbage collector."""
        try:
            await super().stream_connected(reader, writer, listener_name)
        finally:
            writer.close()

    async def _publish_retained_messages_for_subscription(
        self, subscription: tuple[str, int], session: Session
    ) -> None:
        """amqtt sends a client that connects what is retained for everybody's subscriptions; only its own are meant."""
        own = any(s.client_id == session.client_id for s, _ in self._subscriptions.get(subscription[0], []))
        if own:
            await super()._publish_retained_messages_for_subscription(subscription, session)


@dataclass(frozen=True, slots=True)
class RunningBroker:
    """Where a started broker is reached, and the station's own password for this run."""

    host: str
    port: int
    station_password: str
    connections: Callable[[], int]

    @property
    def station_url(self) -> str:
        """The address with the station's credentials, for the gateway."""
        return f"mqtt://{STATION_USER}:{self.station_password}@{self.host}:{self.port}"


@contextlib.asynccontextmanager
async def embedded_broker(host: str, port: int, authenticate: Authenticate) -> AsyncIterator[RunningBroker]:
    """Run a broker on host and port (0: any free one) until the context ends. Raises BrokerRefused if it is taken."""
    for name in ("amqtt", "transitions"):
        logging.getLogger(name).setLevel(logging.WARNING)
    password = secrets.token_urlsafe(24)
    door = _Door(authenticate, password)
    broker = _Broker(
        {
            "listeners": {"default": {"type": "tcp", "bind": f"{host}:{port}"}},
            "session_expiry_interval": _SESSION_KEPT_S,
            "plugins": {
                "speakers.broker.DoorKeeper": {"door": door},
                "speakers.broker.TopicKeeper": {"door": door},
            },
        }
    )
    try:
        await broker.start()
    except BrokerError as error:
        raise BrokerRefused(
            f"The embedded broker cannot listen on {host}:{port}. Stop the program that has the port, "
            "or give another one in LOA_MQTT_PORT."
        ) from error
    listening = broker._servers["default"].instance.sockets[0].getsockname()[1]  # noqa: SLF001 - amqtt tells no other way
    try:
        yield RunningBroker(host, listening, password, lambda: len(broker.sessions))
    finally:
        with contextlib.suppress(asyncio.CancelledError):
            await broker.shutdown()
