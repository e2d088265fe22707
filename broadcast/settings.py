"""Every knob of the station, from `loa.toml` and `LOA_*` variables. Only roots read this; below, values are arguments.

A variable wins over the file: `LOA_HTTP_PORT` over `http_port`. `docs/settings.md` lists them all.
"""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from broadcast.errors import LoaError


class SettingWrong(LoaError):
    """A setting has a value that cannot be used."""


def _knob(default: Any, doc: str) -> Any:
    return field(default=default, metadata={"doc": doc})


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings with their defaults; each carries its sentence for the documentation."""

    data: Path = _knob(Path("data"), "Folder for the database, sound files, keys and voices.")
    database: str = _knob(
        "", "Database address; empty: SQLite in the data folder. `postgresql://user:password@host/name`."
    )
    http_host: str = _knob("127.0.0.1", "Address that the web server listens on.")
    http_port: int = _knob(8080, "Port of the web server.")
    trusted_proxies: str = _knob(
        "127.0.0.1,::1",
        "Addresses of the HTTPS proxies in front, with commas; only their word for where a visitor comes from counts.",
    )
    public_url: str = _knob(
        "", "Address under which devices and browsers reach the station; empty: made of host and port."
    )
    mqtt_url: str = _knob("", "Broker address `mqtt://user:password@host:1883`; empty: the embedded broker.")
    mqtt_host: str = _knob("127.0.0.1", "Address that the embedded broker listens on.")
    mqtt_port: int = _knob(1883, "Port of the embedded broker (0: any free one).")
    mqtt_public_url: str = _knob("", "Broker address given to devices; empty: as the station sees it.")
    workers: int = _knob(2, "How many worker processes make renditions and speech; of several, one is kept for speech.")
    loudness_lufs: float = _knob(-16.0, "Integrated loudness of every rendition, in LUFS.")
    lead_now_ms: int = _knob(
        400, "How long after «Phát ngay» the sound starts, so that all poles start together, in ms."
    )
    heartbeat_s: int = _knob(60, "How often a device reports, in seconds.")
    horizon_days: int = _knob(7, "How many days ahead a rundown reaches.")
    upload_max_bytes: int = _knob(500_000_000, "Largest upload, in bytes.")
    upload_max_s: int = _knob(7200, "Longest recording, in seconds.")
    listener_linger_s: int = _knob(10, "How long a web channel goes on after its last listener left, in seconds.")
    session_hours: int = _knob(12, "How long a sign-in lasts without use, in hours.")
    secure_cookies: bool = _knob(False, "Send cookies over HTTPS only; set it wherever TLS stands in front.")
    default_voice: str = _knob("vi", "Voice of a new notice; see `loa voice list`.")
    log_format: str = _knob("text", "Form of the log on standard error: `text` or `json`.")

    @property
    def database_url(self) -> str:
        """The address as SQLAlchemy wants it."""
        return self.database or f"sqlite:///{self.data / 'loa.db'}"

    @property
    def base_url(self) -> str:
        """Where the station is reached, without a slash at the end."""
        host = "127.0.0.1" if self.http_host in {"", "0.0.0.0", "::"} else self.http_host  # noqa: S104
        return self.public_url.rstrip("/") or f"http://{host}:{self.http_port}"


def _value(name: str, kind: type, raw: object) -> Any:
    try:
        if kind is bool:
            return raw if isinstance(raw, bool) else str(raw).strip().lower() in {"1", "true", "yes", "on"}
        return kind(raw)
    except (TypeError, ValueError):
        raise SettingWrong(f"The setting {name} cannot be «{raw}»: it takes {kind.__name__}.") from None


def load(environment: Mapping[str, str] | None = None, file: Path | None = None, **given: Any) -> Settings:
    """Settings from the file, the environment and what the command line gave, the last winning.

    Raises SettingWrong for an unknown name in the file or a value of the wrong kind.
    """
    variables = os.environ if environment is None else environment
    path = file or Path(variables.get("LOA_CONFIG", "loa.toml"))
    values: dict[str, Any] = tomllib.loads(path.read_text()) if path.is_file() else {}
    known = {f.name: f for f in fields(Settings)}
    for name in values.keys() - known.keys():
        raise SettingWrong(f"{path} has a setting {name} that does not exist. See docs/settings.md.")
    for name in known:
        if f"LOA_{name.upper()}" in variables:
            values[name] = variables[f"LOA_{name.upper()}"]
    values.update({name: value for name, value in given.items() if value is not None})
    return Settings(**{name: _value(name, type(known[name].default), raw) for name, raw in values.items()})
