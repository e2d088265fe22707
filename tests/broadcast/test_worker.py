"""Workers as processes: killed, hanging, told to stop; the work goes on without them."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from broadcast.__main__ import workshop_of
from broadcast.account import add_account, person_from
from broadcast.administrative_unit import seed_da_nang
from broadcast.composition import change, write_text
from broadcast.database import Database
from broadcast.programme import Programme, programme_of
from broadcast.rendering import Workshop
from broadcast.settings import Settings
from broadcast.storage import Storage
from broadcast.work import LEASE_S, WORKER_DIED, Work
from broadcast.worker import TOOK_TOO_LONG, Worker, supervise_workers

HANGS = Path(__file__).with_name("worker_process.py")
ENGINE = str(Path(__file__).with_name("speech") / "fake_engine.py")


def notice(database: Database, text: str) -> str:
    """Ask for the speech of a text; gives the id of its programme."""
    now = datetime.now(UTC)
    with database.transaction() as session:
        city = seed_da_nang(session, now.date())
        account, _ = add_account(session, f"lan{time.time_ns()}", "Lan", "editor", city, password=None, now=now)
        person = person_from(session, account)
        storage = Storage(Path("nowhere"))
        return write_text(session, city, "Tin", text, voice="vi", storage=storage, person=person, now=now).id


def work_in(database: Database) -> Work:
    with database.reading() as session:
        return session.query(Work).one()


@contextmanager
def hanging(
    database: Database, folder: Path, limit_s: float = 600.0, engine: str = ""
) -> Iterator[subprocess.Popen[str]]:
    """A worker process that has begun a piece which never ends."""
    url = database.engine.url.render_as_string(hide_password=False)
    arguments = [sys.executable, str(HANGS), url, str(folder), str(limit_s), engine]
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        assert any("begun" in line for line in process.stdout)
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_work_of_a_killed_worker_is_taken_back_when_its_lease_ends_and_done(
    database: Database, workshop: Workshop, tmp_path: Path
) -> None:
    notice(database, "Kính thưa bà con.")
    with hanging(database, tmp_path) as process:
        assert work_in(database).state == "working"
        process.send_signal(signal.SIGKILL)
        process.wait(10)
    later = datetime.now(UTC) + timedelta(seconds=LEASE_S + 1)
    Worker(replace(workshop, now=lambda: datetime.now(UTC)), "early", Event()).do_next()
    assert work_in(database).state == "working", "the lease of the dead still runs"
    Worker(replace(workshop, now=lambda: later), "w", Event()).do_next()
    assert (work_in(database).state, work_in(database).error) == ("waiting", WORKER_DIED)
    Worker(replace(workshop, now=lambda: later + timedelta(minutes=1)), "w", Event()).do_next()
    assert (work_in(database).state, work_in(database).attempts) == ("done", 2)
    with database.reading() as session:
        assert session.query(Programme).one().sound_state == "ready"


def test_work_that_kills_three_workers_fails_with_a_sentence(
    database: Database, workshop: Workshop, tmp_path: Path
) -> None:
    notice(database, "Kính thưa bà con.")
    at = datetime.now(UTC)
    with database.transaction() as session:
        session.query(Work).update({"state": "working", "attempts": 3, "worker": "dead", "leased_until": at})
    Worker(replace(workshop, now=lambda: at + timedelta(seconds=1)), "w", Event()).do_next()
    with database.reading() as session:
        programme = session.query(Programme).one()
        assert (programme.sound_state, programme.sound_reason) == ("failed", WORKER_DIED)


def test_work_that_hangs_ends_its_worker_and_says_so(database: Database, tmp_path: Path) -> None:
    notice(database, "Kính thưa bà con.")
    with hanging(database, tmp_path, limit_s=0.5) as process:
        assert process.wait(30) == 75
    assert (work_in(database).state, work_in(database).error) == ("waiting", TOOK_TOO_LONG)
    with database.reading() as session:
        assert session.query(Programme).one().sound_reason == TOOK_TOO_LONG


def test_a_worker_told_to_stop_gives_its_piece_back_at_once(database: Database, tmp_path: Path) -> None:
    notice(database, "Kính thưa bà con.")
    with hanging(database, tmp_path) as process:
        process.terminate()
        assert process.wait(30) == 0
    assert (work_in(database).state, work_in(database).attempts) == ("waiting", 0)


def is_gone(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or stat.read_text().split()[2] == "Z"


async def test_an_engine_that_hangs_is_told_of_minutes_before_air_and_is_gone(air: Any, tmp_path: Path) -> None:
    desk, text = air.desk, "Kính thưa bà con."
    programme = desk.approved("Tin", text="Khác")
    air.at("2026-11-22T17:30:00", programme)
    with desk.database.transaction() as session:
        one = programme_of(session, programme.id)
        one.voice = "vi"
        change(session, one, text=text, storage=desk.storage, person=desk.editor, now=air.now)
        session.query(Work).update({"attempts": 2})
    with hanging(desk.database, tmp_path, limit_s=2.0, engine=ENGINE) as worker:
        pid_file = tmp_path / "pid"
        assert worker.wait(60) == 75
    await until(lambda: is_gone(int(pid_file.read_text())))
    air.until(air.clock(22, "17:20:20"))
    (alarm,) = air.playout.alarms
    assert (alarm.kind, alarm.start) == ("not_ready", air.clock(22, "17:30:00"))
    assert TOOK_TOO_LONG in str(alarm)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
async def test_an_engine_that_hangs_ends_with_its_worker(database: Database, tmp_path: Path, number: int) -> None:
    notice(database, "Kính thưa bà con.")
    with hanging(database, tmp_path, engine=ENGINE) as worker:
        pid_file = tmp_path / "pid"
        await until(lambda: pid_file.exists() and pid_file.read_text() != "")
        worker.send_signal(number)
        worker.wait(30)
    await until(lambda: is_gone(int(pid_file.read_text())))


def children() -> set[int]:
    """The processes that this one started."""
    tasks = Path("/proc/self/task").glob("*/children")
    return {int(pid) for task in tasks for pid in task.read_text().split()}


async def until(true: Callable[[], bool], seconds: float = 60.0) -> None:
    """Wait for something to become true; the test fails when it does not."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.1)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data=tmp_path / "data", workers=1)


def test_workers_keep_the_limits_of_the_settings(settings: Settings) -> None:
    workshop = workshop_of(replace(settings, upload_max_bytes=7, upload_max_s=9))
    workshop.database.close()
    assert (workshop.limits.bytes, workshop.limits.duration_s) == (7, 9)


@pytest.mark.slow
async def test_the_supervisor_starts_workers_again_and_leaves_none_behind(settings: Settings) -> None:
    settings.data.mkdir()
    database = Database(settings.database_url)
    database.upgrade()

    def ready(programme_id: str) -> bool:
        with database.reading() as session:
            programme = session.get(Programme, programme_id)
            return programme is not None and programme.sound_state == "ready"

    before, stop = children(), asyncio.Event()
    supervising = asyncio.create_task(supervise_workers(settings, stop))
    first = notice(database, "Kính thưa bà con.")
    await until(lambda: ready(first))
    (worker,) = children() - before
    os.kill(worker, signal.SIGKILL)
    second = notice(database, "Sáng mai cắt nước.")
    await until(lambda: ready(second))
    assert worker not in children()
    stop.set()
    await supervising
    assert children() - before == set()
    database.close()


@pytest.mark.slow
async def test_workers_end_when_the_station_that_started_them_is_killed(settings: Settings) -> None:
    environment = {**os.environ, "LOA_DATA": str(settings.data), "LOA_WORKERS": "1"}
    station = await asyncio.create_subprocess_exec(sys.executable, "-m", "broadcast", "work", env=environment)
    started = Path(f"/proc/{station.pid}/task/{station.pid}/children")
    await until(lambda: started.read_text().strip() != "")
    worker = int(started.read_text())
    await until(lambda: (settings.data / "loa.db").exists() and (settings.data / "loa.db").stat().st_size > 0)
    station.kill()
    await station.wait()
    await until(lambda: not Path(f"/proc/{worker}").exists() or "Z" in Path(f"/proc/{worker}/stat").read_text().split())
