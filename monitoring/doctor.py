"""The doctor: looks at this machine and says what is not well and what to do."""

import ctypes
import shutil
import socket
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version

import av
from sqlalchemy import text

from broadcast.database import Database
from broadcast.keys import KeyDamaged, load_or_make
from broadcast.settings import Settings
from monitoring.health import DISK_LEAST_BYTES, Check
from speakers.gateway import BrokerAddress

_ENCODERS = ("libopus", "libmp3lame")
_DECODERS = ("mp3", "aac", "flac", "vorbis", "opus", "amrnb", "pcm_s16le")
_UNSYNCHRONISED = 5  # TIME_ERROR of adjtimex(2)


def examine(settings: Settings) -> Iterator[Check]:
    """All checks, one after the other; a check that cannot be made is one that is not well."""
    checks: tuple[tuple[str, Callable[[Settings], str]], ...] = (
        ("clock", _clock),
        ("data folder", _folder),
        ("disk", _disk),
        ("codecs", _codecs),
        ("database", _database),
        ("keys", _keys),
        ("broker", _broker),
        ("speech", _speech),
    )
    for name, check in checks:
        try:
            advice = check(settings)
        except Exception as error:  # whatever it is, the person shall read it and the other checks go on
            advice = f"{type(error).__name__}: {error}"
        yield Check(name, not advice, advice)


def _clock(_settings: Settings) -> str:
    libc = ctypes.CDLL(None, use_errno=True)
    state = libc.adjtimex(ctypes.create_string_buffer(512))
    if state == _UNSYNCHRONISED:
        return "The clock is not synchronised. Install chrony (`apt install chrony`) and let it reach a time server."
    return "" if state >= 0 else "The kernel does not tell the state of the clock. Check it by hand with `timedatectl`."


def _folder(settings: Settings) -> str:
    settings.data.mkdir(parents=True, exist_ok=True)
    trial = settings.data / ".doctor"
    trial.write_bytes(b"loa")
    trial.unlink()
    return ""


def _disk(settings: Settings) -> str:
    free = shutil.disk_usage(settings.data).free
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
    database = Database(settings.database_url)
    try:
        with database.reading() as session:
            session.execute(text("SELECT 1"))
    finally:
        database.close()
    return ""


def _keys(settings: Settings) -> str:
    folder = settings.data / "keys"
    if not folder.exists():
        return ""  # made at the first start
    try:
        load_or_make(folder)
    except KeyDamaged as error:
        return str(error)
    open_to_others = [path.name for path in folder.iterdir() if path.stat().st_mode & 0o077]
    return f"Others can read {', '.join(open_to_others)}. Run `chmod 600 {folder}/*`." if open_to_others else ""


def _broker(settings: Settings) -> str:
    if not settings.mqtt_url:
        return _port_free_or_ours(settings.mqtt_host, settings.mqtt_port)
    address = BrokerAddress.of(settings.mqtt_url)
    with socket.create_connection((address.host, address.port), timeout=5):
        return ""


def _port_free_or_ours(host: str, port: int) -> str:
    """A taken port is well too: it is the running station's."""
    with socket.socket() as door:
        door.settimeout(2)
        if door.connect_ex((host, port)) == 0:
            return ""
    with socket.socket() as door:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        door.bind((host, port))
    return ""


def _speech(settings: Settings) -> str:
    try:
        version("espeakng-loader")
    except PackageNotFoundError:
        return "The speech floor is missing. Install the station with `pip install .[station]`."
    voices = settings.data / "voices"
    damaged = [path.name for path in voices.glob("*.part")] if voices.exists() else []
    return f"A voice was not downloaded to the end: {', '.join(damaged)}. Run `loa voice add` again." if damaged else ""
