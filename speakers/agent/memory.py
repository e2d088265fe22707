"""What a pole must not lose when the power goes: one SQLite file with rundowns, wanted state, journal and small facts.

The journal has its own door in `speakers.agent.journal`. A file that a power cut damaged is put aside and begun anew:
a pole that forgot is better than one that does not start; the retained messages tell it again. A file that only cannot
be opened now (a full disk) is not damaged: it is tried again until it can.
"""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog

_FILE = "agent.sqlite"
_OPEN_AGAIN_S = 2.0
_SCHEMA = """
CREATE TABLE IF NOT EXISTS message (topic TEXT PRIMARY KEY, revision INTEGER NOT NULL, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS fact (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS journal (
    id INTEGER PRIMARY KEY, cue TEXT NOT NULL, planned INTEGER NOT NULL, unit TEXT NOT NULL, item TEXT NOT NULL,
    sound TEXT NOT NULL, length INTEGER NOT NULL, item_ms INTEGER NOT NULL, started INTEGER, ended INTEGER,
    heard INTEGER NOT NULL DEFAULT 0, state TEXT NOT NULL, reason TEXT NOT NULL DEFAULT '', error_ms REAL,
    sequence INTEGER UNIQUE
);
CREATE INDEX IF NOT EXISTS journal_planned ON journal (planned);
"""

log = structlog.get_logger()


def open_memory(folder: Path | None) -> sqlite3.Connection:
    """The memory in `folder`; None: one that lasts as long as the process, for pretended devices."""
    if folder is None:
        return _open(":memory:")
    folder.mkdir(parents=True, exist_ok=True)
    path, said = folder / _FILE, False
    while True:
        try:
            return _open(str(path))
        except sqlite3.DatabaseError as error:
            if _is_damage(error):
                log.error("memory_damaged", file=path.name, error=str(error), meaning="put aside, begun anew")
                _put_aside(path)
                continue
            if not said:
                log.error("memory_closed", file=path.name, error=str(error), meaning="tried again; is the disk full?")
            said = True
        time.sleep(_OPEN_AGAIN_S)


def _is_damage(error: sqlite3.DatabaseError) -> bool:
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT)  # our own error has none
    return code & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def _put_aside(path: Path) -> None:
    """The file goes with its log of writes, if SQLite left it: somebody may still read them."""
    aside = path.with_suffix(".damaged")
    path.replace(aside)
    for ending in ("-wal", "-shm"):
        rest = path.with_name(path.name + ending)
        if rest.exists():
            rest.replace(aside.with_name(aside.name + ending))


def _open(name: str) -> sqlite3.Connection:
    connection = sqlite3.connect(name, timeout=_OPEN_AGAIN_S, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")  # few writes, and power cuts are a pole's daily bread
        if connection.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
            raise sqlite3.DatabaseError("The file does not pass SQLite's own check.")
        connection.executescript(_SCHEMA)
    except BaseException:
        connection.close()
        raise
    return connection


class Sparing:
    """Lets a pole go on whatever fails, its memory above all (a full disk); said once until it works again."""

    def __init__(self) -> None:
        self._said = False

    @contextmanager
    def spared(self) -> Iterator[None]:
        """What is done inside may fail, and is then left."""
        try:
            yield
        except sqlite3.Error as error:
            if not self._said:
                log.error("memory_failed", error=str(error), meaning="plays on; free some room in the data folder")
            self._said = True
        except Exception:
            if not self._said:
                log.exception("failed", meaning="plays on")
            self._said = True
        else:
            self._said = False


def fact(memory: sqlite3.Connection, name: str) -> int:
    """A number that was kept, 0 if never."""
    row = memory.execute("SELECT value FROM fact WHERE name = ?", (name,)).fetchone()
    return int(row[0]) if row else 0


def keep_fact(memory: sqlite3.Connection, name: str, value: int) -> None:
    """Keeps a number under a name."""
    memory.execute(
        "INSERT INTO fact VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value", (name, value)
    )


def keep_message(memory: sqlite3.Connection, topic: str, revision: int, message: bytes) -> None:
    """Keeps the newest signed message of a topic."""
    memory.execute(
        "INSERT INTO message VALUES (?, ?, ?) ON CONFLICT (topic) DO UPDATE"
        " SET revision = excluded.revision, body = excluded.body",
        (topic, revision, message),
    )


def messages(memory: sqlite3.Connection) -> list[tuple[str, int, bytes]]:
    """All kept messages as (topic, revision, signed bytes)."""
    return list(memory.execute("SELECT topic, revision, body FROM message ORDER BY topic"))
