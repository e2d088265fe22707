"""Who this device is: what the station told it when it enrolled, kept in one file that only its owner may read."""

import base64
import json
import os
import tempfile
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx

from speakers.errors import EnrolmentRefused, NotEnrolled, StationUnreachable

_FILE = "identity.json"
_TIMEOUT_S = 20.0


@dataclass(frozen=True, slots=True)
class Identity:
    """`station_key` is the raw Ed25519 public key in base64; `units` are paths from the root down to `unit_path`."""

    device_id: str
    mqtt_url: str
    username: str
    password: str
    station_key: str
    unit_path: str
    units: tuple[str, ...]
    clusters: tuple[str, ...]
    media_url: str
    heartbeat_s: int
    enrolled_at: str

    @property
    def key(self) -> bytes:
        """The 32 raw bytes of the station's public key."""
        return base64.b64decode(self.station_key)

    @property
    def enrolled(self) -> datetime:
        """Since when this device owes the station a journal, by the station's clock."""
        return datetime.fromisoformat(self.enrolled_at)


def _of_json(value: Any) -> Identity:
    def text(name: str) -> str:
        return str(value[name])

    def texts(name: str) -> tuple[str, ...]:
        return tuple(str(entry) for entry in value[name])

    identity = Identity(
        device_id=text("device_id"),
        mqtt_url=text("mqtt_url"),
        username=text("username"),
        password=text("password"),
        station_key=text("station_key"),
        unit_path=text("unit_path"),
        units=texts("units"),
        clusters=texts("clusters"),
        media_url=text("media_url"),
        heartbeat_s=int(value.get("heartbeat_s", 60)),
        enrolled_at=text("enrolled_at"),
    )
    if len(identity.key) != 32 or identity.unit_path not in identity.units:
        raise ValueError("The key or the units are wrong.")
    return identity


def load(folder: Path) -> Identity:
    """The identity kept in `folder`. Raises NotEnrolled."""
    try:
        return _of_json(json.loads((folder / _FILE).read_text()))
    except FileNotFoundError:
        raise NotEnrolled from None
    except (KeyError, TypeError, ValueError) as error:
        raise NotEnrolled(f"The file {_FILE} in the data folder is damaged. Enrol again with a new code.") from error


def save(identity: Identity, folder: Path) -> None:
    """Keeps the identity, atomically: after a power cut there is the old file or the new one."""
    folder.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=folder, prefix=_FILE)  # mode 600
    try:
        with os.fdopen(handle, "w") as file:
            json.dump(asdict(identity), file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(folder / _FILE)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def enrol(station: str, code: str, name: str = "") -> Identity:
    """Shows the code to the station, which takes it once. Raises EnrolmentRefused, StationUnreachable."""
    base = station.rstrip("/")
    try:
        answer = httpx.post(f"{base}/api/1/enrol", json={"code": code, "name": name}, timeout=_TIMEOUT_S)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise StationUnreachable(f"The station {base} does not answer ({error}). Check the address.") from error
    if answer.is_success:
        try:
            return _of_json(answer.json())
        except (KeyError, TypeError, ValueError) as error:
            raise StationUnreachable(f"What answers at {base} is not a Loa station of this version.") from error
    if answer.status_code >= 500:
        raise StationUnreachable(f"The station {base} is in trouble (HTTP {answer.status_code}). Try again soon.")
    raise EnrolmentRefused
