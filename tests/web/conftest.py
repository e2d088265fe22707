"""A station behind real pages: its database, people of every role, a worker and a playout that act when told to."""

import io
import math
import re
import shutil
import struct
import threading
import wave
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from starlette.types import ASGIApp

from broadcast.account import add_account
from broadcast.administrative_unit import AdministrativeUnit, seed_da_nang, unit_of_slug
from broadcast.database import Database
from broadcast.playout import Playout
from broadcast.rendering import Workshop
from broadcast.settings import Settings
from broadcast.signing import generate_key
from broadcast.storage import Storage
from broadcast.worker import Worker
from speakers.cluster import add_cluster
from streams.door import Door
from streams.media import Limits
from web.app import create_app
from web.station import Station, Voice

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)  # 10:00 in Đà Nẵng, a Tuesday
PASSWORD = "mật khẩu đủ dài"
PEOPLE = (
    ("quantri", "administrator", "da-nang"),
    ("lan", "editor", "hai-chau"),
    ("minh", "approver", "hai-chau"),
    ("tuan", "technician", "hai-chau"),
    ("hoa", "viewer", "hai-chau"),
    ("binh", "editor", "lien-chieu"),
)


@dataclass(slots=True)
class HandClock:
    """A clock that stands until it is wound."""

    at: datetime = NOW

    def __call__(self) -> datetime:
        return self.at

    def wind(self, **by: float) -> None:
        """Let time pass: `wind(seconds=5)`."""
        self.at += timedelta(**by)


@dataclass(frozen=True, slots=True)
class House:
    """The station and all that surrounds its pages."""

    app: FastAPI
    station: Station
    clock: HandClock
    worker: Worker
    playout: Playout
    city: AdministrativeUnit
    hai_chau: AdministrativeUnit
    lien_chieu: AdministrativeUnit
    hints: list[datetime] = field(default_factory=list)

    def make_sounds(self) -> None:
        """Do all the work that waits."""
        while self.worker.do_next():
            pass

    @asynccontextmanager
    async def visitor(self, name: str = "") -> AsyncIterator["Visitor"]:
        """A browser, signed in when a name is given."""
        transport = httpx.ASGITransport(self.app, client=("198.51.100.7", 4000))
        async with httpx.AsyncClient(transport=transport, base_url="http://loa.test") as client:
            visitor = Visitor(client)
            if name:
                answer = await visitor.post("/dang-nhap", {"ten": name, "mat_khau": PASSWORD}, page="/dang-nhap")
                assert answer.status_code == 303
            yield visitor


@dataclass(slots=True)
class Visitor:
    """A browser without scripts: it keeps cookies, and sends the token of the page that its form stands on."""

    client: httpx.AsyncClient
    token: str = ""

    async def get(self, address: str, **headers: str) -> httpx.Response:
        """Open a page; its token is kept for the next form."""
        answer = await self.client.get(address, headers=headers)
        found = re.search(r'name="form_token" value="([^"]+)"', answer.text) if "html" in content_type(answer) else None
        self.token = unescape(found[1]) if found else self.token
        return answer

    async def post(
        self, address: str, fields: dict[str, str | list[str]] | None = None, *, page: str = "", **headers: str
    ) -> httpx.Response:
        """Send a form, of `page` if that was not opened before."""
        if page or not self.token:
            await self.get(page or "/tai-khoan")
        return await self.client.post(address, data={"form_token": self.token, **(fields or {})}, headers=headers)


def content_type(answer: httpx.Response) -> str:
    """The kind of an answer's body."""
    return answer.headers.get("content-type", "")


@pytest.fixture
def clock() -> HandClock:
    """Ten o'clock on a Tuesday morning."""
    return HandClock()


def furnish(database: Database) -> None:
    """The tree of units, people of every role, and two clusters."""
    with database.transaction() as session:
        city = seed_da_nang(session, NOW.date())
        for name, role, slug in PEOPLE:
            of = city if slug == "da-nang" else unit_of_slug(session, slug)
            add_account(session, name, name.title(), role, of, password=PASSWORD, now=NOW)
        for slug, name in (("hai-chau", "Nhà văn hóa"), ("lien-chieu", "Chợ Hòa Khánh")):
            add_cluster(session, unit_of_slug(session, slug), name, person_id=None, now=NOW)


@pytest.fixture(scope="session")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A furnished SQLite database, made once; tests copy it."""
    path = tmp_path_factory.mktemp("furnished") / "loa.sqlite"
    database = Database(f"sqlite:///{path}")
    database.upgrade()
    furnish(database)
    database.close()  # the last connection takes the write-ahead log into the file
    return path


@pytest.fixture
def database(furnished: Path, tmp_path: Path) -> Iterator[Database]:
    """A furnished database of this test's own."""
    path = tmp_path / "loa.sqlite"
    shutil.copyfile(furnished, path)
    database = Database(f"sqlite:///{path}")
    yield database
    database.close()


@pytest.fixture
def either_database(database_url: str) -> Iterator[Database]:
    """A furnished database, on SQLite and on PostgreSQL: for the stories that touch most tables."""
    database = Database(database_url)
    database.upgrade()
    furnish(database)
    yield database
    database.close()


class NoEngine:
    """Nobody listens in these tests: the door stands open and nothing comes out."""

    def mount(self, *_: object) -> None:
        """Never asked."""
        raise AssertionError("These tests do not listen.")


@pytest.fixture
def make_house(tmp_path: Path, clock: HandClock) -> Callable[..., House]:
    """A function that composes a station on a furnished database: `make_house(database, upload_max_bytes=1000)`.

    Nobody can listen live, unless the sound's own ASGI app is given as `listen`.
    """

    def compose(database: Database, *, listen: ASGIApp | None = None, **settings: object) -> House:
        storage, key = Storage(tmp_path / "media"), generate_key()
        with database.reading() as session:
            city, hai_chau, lien_chieu = (unit_of_slug(session, slug) for slug in ("da-nang", "hai-chau", "lien-chieu"))
        playout = Playout(database, storage, key, now=clock)
        hints: list[datetime] = []
        station = Station(
            settings=replace(Settings(data=tmp_path), **settings),  # type: ignore[arg-type]
            database=database,
            storage=storage,
            hint=lambda: hints.append(clock()),
            listen=listen or Door(NoEngine(), lambda _: None),  # type: ignore[arg-type]
            now=clock,
            voices=[Voice("vi", "Giọng miền Bắc"), Voice("vi-vn-x-central", "Giọng miền Trung")],
            mqtt_public_url="mqtt://127.0.0.1:1883",
            station_key=key.public_key().public_bytes_raw(),
            device_secret=b"s" * 32,
            voices_folder=tmp_path / "voices",
            alarms=lambda: playout.alarms,
        )
        workshop = Workshop(database, storage, tmp_path / "voices", Limits(), clock)
        worker = Worker(workshop, "web-test", threading.Event())
        return House(create_app(station), station, clock, worker, playout, city, hai_chau, lien_chieu, hints)

    return compose


@pytest.fixture
def house(database: Database, make_house: Callable[..., House]) -> House:
    """A furnished station."""
    return make_house(database)


@pytest.fixture
def tone() -> Callable[..., bytes]:
    """A function that gives the bytes of a WAV file with a tone."""

    def make(frequency_hz: float = 440.0, seconds: float = 1.0) -> bytes:
        into = io.BytesIO()
        with wave.open(into, "wb") as sound:
            sound.setnchannels(1)
            sound.setsampwidth(2)
            sound.setframerate(16_000)
            count = round(16_000 * seconds)
            samples = (round(9_000 * math.sin(2 * math.pi * frequency_hz * n / 16_000)) for n in range(count))
            sound.writeframes(struct.pack(f"<{count}h", *samples))
        return into.getvalue()

    return make
