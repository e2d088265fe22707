"""The memory of a pole is put aside only when it is damaged; one that cannot be opened now is tried again."""

import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from speakers.agent import memory as memory_module
from speakers.agent.memory import fact, keep_fact, open_memory

HOLD = """
import sqlite3, sys
held = sqlite3.connect(sys.argv[1], isolation_level=None)
held.execute("PRAGMA locking_mode=EXCLUSIVE")
held.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
sys.stdin.read()
"""
LEAVE = """
import os, sys
from pathlib import Path
from speakers.agent.memory import keep_fact, open_memory
keep_fact(open_memory(Path(sys.argv[1])), "sequence", 7)
os._exit(9)  # as a power cut ends it, with the last write in the log
"""


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits between tries are short."""
    monkeypatch.setattr(memory_module, "_OPEN_AGAIN_S", 0.05)


def test_a_memory_that_is_locked_is_waited_for_and_loses_nothing(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", LEAVE, str(tmp_path)], check=False)
    words = [sys.executable, "-c", HOLD, str(tmp_path / "agent.sqlite")]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdin is not None
        assert holder.stdout.readline() == b"held\n"
        release = threading.Timer(0.5, holder.stdin.close)
        release.start()
        memory = open_memory(tmp_path)
        release.join()
    assert fact(memory, "sequence") == 7
    assert not (tmp_path / "agent.damaged").exists()
    memory.close()


def test_a_memory_that_the_disk_has_no_room_to_open_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = open_memory(tmp_path)
    keep_fact(first, "sequence", 7)
    first.close()
    real, tries = sqlite3.connect, []

    def connect(*words: object, **more: object) -> sqlite3.Connection:
        tries.append(words)
        if len(tries) == 1:
            error = sqlite3.OperationalError("database or disk is full")
            error.sqlite_errorcode = sqlite3.SQLITE_FULL
            raise error
        return real(*words, **more)  # type: ignore[call-overload, no-any-return]

    monkeypatch.setattr(sqlite3, "connect", connect)
    memory = open_memory(tmp_path)
    assert (len(tries), fact(memory, "sequence")) == (2, 7)
    memory.close()
