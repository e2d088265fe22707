"""The station as pages and API see it: what the root composes once and hands to `web.app.create_app`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from starlette.types import ASGIApp

from broadcast.database import Database
from broadcast.readiness import Alarm
from broadcast.settings import Settings
from broadcast.storage import Storage


@dataclass(frozen=True, slots=True)
class Voice:
    """A voice a notice can be read with: `name` as programmes keep it, `title` as people choose it."""

    name: str
    title: str
    language: str = "vi"


@dataclass(frozen=True, slots=True)
class Station:
    """Everything a page may ask. Nothing here is started or stopped by the web.

    `hint` is called after a commit that may change rundowns, so that the playout looks at once. `listen` is the
    sound's own ASGI app, mounted at `/listen`. `now` gives aware UTC instants. `station_key` is the raw public
    Ed25519 key that poles trust; `device_secret` is what their passwords are derived from. `voices` are those that
    can speak now, from the catalogue and `voices_folder`. `alarms` gives what is wrong at this moment.
    """

    settings: Settings
    database: Database
    storage: Storage
    hint: Callable[[], None]
    listen: ASGIApp
    now: Callable[[], datetime]
    voices: Sequence[Voice]
    mqtt_public_url: str
    station_key: bytes
    device_secret: bytes
    voices_folder: Path
    alarms: Callable[[], Sequence[Alarm]]
