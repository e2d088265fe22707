"""The doctor: looks at this machine and says what is not well and what to do."""

import ctypes
import shutil
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import av
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.exc import SQLAlchemyError

from broadcast.database import MIGRATIONS, Database
from broadcast.keys import KeyDamaged, load_or_make
from broadcast.settings import Settings
from monitoring.health import DISK_LEAST_BYTES, Check
from monitoring.knock import ACCEPTED, NOT_MQTT, is_free, is_station, mqtt_answer
from speakers.gateway import BrokerAddress

_ENCODERS = ("libopus", "libmp3lame")
_DECODERS = ("mp3", "aac", "flac", "vorbis", "opus", "amrnb", "pcm_s16le")
_UNSYNCHRONISED = 5  # TIME_ERROR of adjtimex(2)


def examine(settings: Settings) -> Iterator[Check]:
    """All checks, one after the other; a check that cannot be made is one that is not well."""
    checks: tuple[tuple[str, Callable[[Settings], str]], ...] = (
        ("clock", _clock),
        ("storage", _storage),
        ("disk", _disk),
        ("codecs", _codecs),
        ("database", _database),
        ("keys", _keys),
        ("web", _web),
        ("broker", _broker),
        ("speech", _speech),
    )
    for name, check in checks:
        try:
            advice = check(settings)
        except OSError as error:
            advice = f"It could not be looked at: {error.strerror or error}. Run the doctor as the user of the station."
        except Exception as error:  # whatever it is, the person shall read it and the other checks go on
            advice = f"It could not be looked at. Report this to whoever looks after Loa: {error!r}."
        yield Check(name, not advice, advice)


def kernel_clock() -> int:
    """What the kernel says of its clock: see adjtimex(2)."""
    return int(ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.create_string_buffer(512)))


def _clock(_settings: Settings) -> str:
    state = kernel_clock()
    if state == _UNSYNCHRONISED:
        return "The clock is not synchronised. Install chrony (`apt install chrony`) and let it reach a time server."
    return "" if state >= 0 else "The kernel does not tell the state of the clock. Check it by hand with `timedatectl`."


def _storage(settings: Settings) -> str:
    """The folders that the station writes to; those that are not there yet are made at its first start."""
    for folder in (settings.data, settings.data / "media", settings.data / "voices"):
        try:
            if folder == settings.data:
                folder.mkdir(parents=True, exist_ok=True)
            elif not folder.exists():
                continue
            trial = folder / ".doctor"
            trial.write_bytes(b"loa")
            trial.unlink()
        except OSError as error:
            return (
                f"The station cannot write in {folder} ({error.strerror}). "
                f"Give the folder to the user of the station (`chown -R`), or name another one with --data or LOA_DATA."
            )
    return ""


def _disk(settings: Settings) -> str:
    there = next(folder for folder in (settings.data, *settings.data.absolute().parents) if folder.exists())
    free = shutil.disk_usage(there).free
    return (
        "" if free > DISK_LEAST_BYTES else f"Only {free // 1_000_000} MB are free in {settings.data}. Free some room."
    )


def _codecs(_settings: Settings) -> str:
    missing = [name for name in _ENCODERS if not _has(name, "w")] + [name for name in _DECODERS if not _has(name, "r")]
    return (
        f"The sound library lacks {', '.join(missing)}. Install the wheel of PyAV: `pip install av`." if missing else ""
    )


def _has(name: str, mode: str) -> bool:
    try:
        av.Codec(name, "w" if mode == "w" else "r")
    except ValueError:
        return False
    return True


def _database(settings: Settings) -> str:
    file = Path(settings.database_url.removeprefix("sqlite:///"))
    ours = settings.database_url.startswith("sqlite")
    if ours and not file.exists():
        return ""  # made at the first start
    database = Database(settings.database_url)
    try:
        with database.reading() as session:
            there = MigrationContext.configure(session.connection()).get_current_revision()
    except SQLAlchemyError:
        if ours:
            return f"{file} is no database of Loa, or it is damaged. Put it back from the backup."
        return "The database does not answer. See that its server runs, and check name and password in LOA_DATABASE."
    finally:
        database.close()
    if there is None:
        return "The database has no tables. Start the station once with `loa serve`: it makes them."
    return (
        ""
        if there == _newest_schema()
        else (
            f"The tables of the database are of another version ({there}). Start the station of this version with "
            "`loa serve`, which brings older ones up to date; newer ones need the newer program."
        )
    )


def _newest_schema() -> str | None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return ScriptDirectory.from_config(config).get_current_head()


def _keys(settings: Settings) -> str:
    folder = settings.data / "keys"
    if not folder.exists():
        return ""  # made at the first start
    missing = [name for name in ("signing.pem", "secret") if not (folder / name).exists()]
    if missing:
        return f"{folder} lacks {', '.join(missing)}. Put it back from the backup: devices trust no other key."
    try:
        load_or_make(folder)
    except KeyDamaged as error:
        return str(error)
    open_to_others = [path.name for path in folder.iterdir() if path.stat().st_mode & 0o077]
    return f"Others can read {', '.join(open_to_others)}. Run `chmod 600 {folder}/*`." if open_to_others else ""


def _web(settings: Settings) -> str:
    """The port is free, or the station has it."""
    host, port = settings.http_host, settings.http_port
    if is_free(host, port) or is_station(_asked_at(host), port):
        return ""
    return f"Another program has port {port}. Stop it, or give the station another one with --port or LOA_HTTP_PORT."


def _asked_at(host: str) -> str:
    return "127.0.0.1" if host in {"", "0.0.0.0"} else host  # noqa: S104


def _broker(settings: Settings) -> str:
    if not settings.mqtt_url:
        return _embedded_broker(settings)
    try:
        address = BrokerAddress.of(settings.mqtt_url)
    except ValueError as error:
        return f"{error} The setting is LOA_MQTT_URL."
    where = f"{address.host}:{address.port}"
    try:
        answer = mqtt_answer(address.host, address.port, address.username, address.password, tls=address.tls)
    except OSError as error:
        return f"No broker answers at {where} ({error.strerror or error}). See that it runs, and check LOA_MQTT_URL."
    if answer == NOT_MQTT:
        return f"What answers at {where} is no MQTT broker. Check host and port in LOA_MQTT_URL."
    if answer != ACCEPTED:
        return f"The broker at {where} refuses the station's name or password. Check them in LOA_MQTT_URL."
    return ""


def _embedded_broker(settings: Settings) -> str:
    """Its port is free, or the station that runs has it."""
    host, port = settings.mqtt_host, settings.mqtt_port
    if is_free(host, port):
        return ""
    try:
        speaks_mqtt = mqtt_answer(host, port, None, None, tls=False) != NOT_MQTT
    except OSError:
        speaks_mqtt = False
    if speaks_mqtt and is_station(_asked_at(settings.http_host), settings.http_port):
        return ""
    who = "Another MQTT broker" if speaks_mqtt else "A program that is no MQTT broker"
    return f"{who} has port {port}. Stop it, or give the station another one with LOA_MQTT_PORT."


def _speech(settings: Settings) -> str:
    try:
        version("espeakng-loader")
    except PackageNotFoundError:
        return "The speech floor is missing. Install the station with `pip install .[station]`."
    voices = settings.data / "voices"
    damaged = [path.name for path in voices.glob("*.part")] if voices.exists() else []
    return f"A voice was not downloaded to the end: {', '.join(damaged)}. Run `loa voice add` again." if damaged else ""
