"""The whole station in one process: its parts started in order, stopped in reverse, each loop with a name.

Read this as the table of contents of `loa serve`. Sound has its own threads, heavy work its own processes; the pages
share this process's loop with the gateway, and none of them can be heard.
"""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog
import uvicorn
from fastapi import FastAPI
from sqlalchemy import select

from broadcast.account import Account, add_account
from broadcast.administrative_unit import seed_da_nang, unit_of_path, unit_of_slug
from broadcast.database import Database
from broadcast.errors import LoaError, NotFound
from broadcast.feed import Feed
from broadcast.keys import Keys, load_or_make
from broadcast.playout import Playout
from broadcast.settings import Settings
from broadcast.signing import public_bytes
from broadcast.speech.voice import VoiceState, catalogue, voice_state
from broadcast.storage import Storage
from broadcast.worker import supervise_workers
from monitoring.overview import Overview
from speakers import mosquitto
from speakers.broker import embedded_broker
from speakers.gateway import BrokerAddress, Gateway
from speakers.ledger import Ledger
from speakers.rights import Accounts, Rights
from streams.clock import Clock
from streams.door import Door
from streams.engine import Engine
from streams.packet_store import PacketStore
from streams.sources.shelf import Shelf, rendition_path
from web.api.watching import watching
from web.app import create_app
from web.station import Station, Voice

log = structlog.get_logger(__name__)

GRACE_S = 3


class PortTaken(LoaError):
    """Another program has the port. Stop it, or give another one with --port or LOA_HTTP_PORT."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What a station is made of, composed and not yet running."""

    settings: Settings
    database: Database
    storage: Storage
    keys: Keys
    broker: BrokerAddress
    gateway: Gateway
    playout: Playout
    engine: Engine
    feed: Feed


Beside = Callable[[Parts], Coroutine[Any, Any, None]]
"""Something that runs next to the station, such as the demo; it may end before it."""


def now() -> datetime:
    """This instant, aware, in UTC."""
    return datetime.now(UTC)


def open_database(settings: Settings) -> Database:
    """The database at this version, in a data folder that exists."""
    settings.data.mkdir(parents=True, exist_ok=True)
    database = Database(settings.database_url)
    database.upgrade()
    return database


def first_account(database: Database) -> tuple[str, str] | None:
    """On the very first start: the tree of units, and an administrator with a random password, told only now."""
    with database.transaction() as session:
        city = seed_da_nang(session, now().date())
        if session.scalar(select(Account.id).limit(1)) is not None:
            return None
        account, password = add_account(
            session, "quantri", "Quản trị hệ thống", "administrator", city, password=None, now=now()
        )
        return account.sign_in_name, password


async def serve(settings: Settings, database: Database, beside: Beside | None = None) -> None:
    """Run the station until it is told to stop. Raises PortTaken, SettingWrong, KeyDamaged."""
    door = _listening_socket(settings)
    async with contextlib.AsyncExitStack() as stack:
        stack.callback(door.close)
        keys = load_or_make(settings.data / "keys")
        broker = await stack.enter_async_context(_broker(settings, database, keys))
        parts = _compose(settings, database, keys, *broker)
        stack.callback(parts.engine.start(asyncio.get_running_loop()))
        app = _app(parts)
        await _run(uvicorn.Server(server_config(app, settings)), door, parts, beside)


def server_config(app: FastAPI, settings: Settings) -> uvicorn.Config:
    """How the web server runs: behind a proxy, the visitor's address is what a trusted one says."""
    return uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=GRACE_S,
        forwarded_allow_ips=settings.trusted_proxies,
    )


def _listening_socket(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.http_host else socket.AF_INET
    door = socket.socket(family)
    door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        door.bind((settings.http_host, settings.http_port))
        door.listen(1024)  # now, so that the second of two stations finds the port taken
    except OSError as error:
        door.close()
        raise PortTaken(
            f"Port {settings.http_port} cannot be used ({error.strerror}). "
            "Stop the program that has it, or give another one with --port."
        ) from error
    return door


@contextlib.asynccontextmanager
async def _broker(settings: Settings, database: Database, keys: Keys) -> AsyncIterator[tuple[BrokerAddress, Accounts]]:
    if settings.mqtt_url:
        address = BrokerAddress.of(settings.mqtt_url)
        yield address, mosquitto.accounts(lambda: address.client("loa-provisioning"))
        return
    ledger = Ledger(database, keys.signing, keys.secret, heartbeat_s=settings.heartbeat_s)

    async def let_in(username: str, password: str) -> Rights | None:
        return await asyncio.to_thread(ledger.rights, username, password)

    async with embedded_broker(settings.mqtt_host, settings.mqtt_port, let_in) as broker:
        yield BrokerAddress.of(broker.station_url), broker.accounts


def _compose(settings: Settings, database: Database, keys: Keys, broker: BrokerAddress, accounts: Accounts) -> Parts:
    storage = Storage(settings.data / "media")
    gateway = Gateway(
        database,
        keys.signing,
        keys.secret,
        broker,
        accounts=accounts,
        heartbeat_s=settings.heartbeat_s,
        now=now,
    )

    def path_of(sound: str) -> Path:
        return rendition_path(storage.renditions, sound.removeprefix("rendition:"))

    engine = Engine(
        Shelf(storage.renditions).open, PacketStore(path_of).load, Clock(), linger_s=settings.listener_linger_s
    )
    feed = Feed(database, engine, now=now)

    def on_new() -> None:
        gateway.hint()
        feed.hint()

    playout = Playout(database, storage, keys.signing, now=now, horizon_days=settings.horizon_days, on_new=on_new)
    return Parts(settings, database, storage, keys, broker, gateway, playout, engine, feed)


def _app(parts: Parts) -> FastAPI:
    settings = parts.settings
    folder = settings.data / "voices"

    def hint() -> None:
        parts.playout.hint()
        parts.gateway.hint()

    station = Station(
        settings=settings,
        database=parts.database,
        storage=parts.storage,
        hint=hint,
        listen=_door(parts.engine, parts.database),
        now=now,
        voices=[
            Voice(voice.id, voice.name_vi) for voice in catalogue() if voice_state(voice, folder) is VoiceState.READY
        ],
        mqtt_public_url=settings.mqtt_public_url or f"mqtt://{parts.broker.host}:{parts.broker.port}",
        station_key=public_bytes(parts.keys.signing),
        device_secret=parts.keys.secret,
        voices_folder=folder,
        alarms=lambda: parts.playout.alarms,
    )
    overview = Overview(
        parts.database, parts.playout, parts.gateway, parts.engine, settings.data, settings.heartbeat_s, now
    )
    app = create_app(station)
    app.include_router(watching(overview.metrics(), overview.ready()))
    return app


def _door(engine: Engine, database: Database) -> Door:
    def resolve(name: str) -> str | None:
        with database.reading() as session, contextlib.suppress(NotFound):
            found = unit_of_path(session, name) if name[:1].isdigit() else unit_of_slug(session, name)
            return found.path
        return None

    return Door(engine, resolve)


async def _run(server: uvicorn.Server, door: socket.socket, parts: Parts, beside: Beside | None) -> None:
    """Run everything; when the web server is told to stop, or a loop ends by itself, all end."""
    stop = asyncio.Event()
    loops = {
        asyncio.create_task(parts.playout.run(stop), name="playout"),
        asyncio.create_task(parts.feed.run(stop), name="feed"),
        asyncio.create_task(supervise_workers(parts.settings, stop), name="workers"),
    }
    endless = {asyncio.create_task(parts.gateway.run(), name="gateway")}
    guests = {asyncio.create_task(_guest(beside, parts), name="beside")} if beside is not None else set()
    serving = asyncio.create_task(server.serve(sockets=[door]), name="web")
    try:
        done, _ = await asyncio.wait({serving, *loops, *endless}, return_when=asyncio.FIRST_COMPLETED)
        for task in done - {serving}:
            log.error("a loop of the station ended, so the station ends", loop=task.get_name())
            task.result()
    finally:
        stop.set()
        server.should_exit = True
        for task in guests | endless:
            task.cancel()
        await asyncio.wait({serving, *loops, *endless, *guests}, timeout=GRACE_S + 5)
        for task in {serving, *loops}:
            task.cancel()
        await asyncio.gather(serving, *loops, *endless, *guests, return_exceptions=True)


async def _guest(beside: Beside, parts: Parts) -> None:
    """What runs beside the station may fail without it."""
    try:
        await beside(parts)
    except Exception:
        log.exception("what ran beside the station has failed; the station goes on")
