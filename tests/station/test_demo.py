"""`loa demo`: two commands from a fresh machine, something is on air; started again it goes on where it was."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select

from broadcast.database import Database
from broadcast.plan import Schedule
from speakers.speaker import Speaker

ACCOUNTS = re.compile(r"^ +(?:quantri|bientap|lanhdao) +(\S+) ", re.MULTILINE)


@contextmanager
def demo(folder: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    with (folder / "demo.log").open("ab") as log:
        words = [sys.executable, "-m", "web", "demo", "--port", str(port), "--data", str(folder / "data")]
        environment = {**os.environ, "LOA_CONFIG": str(folder / "none")}
        process = subprocess.Popen(words, stdout=log, stderr=log, env=environment)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def kept(folder: Path) -> tuple[list[str], int]:
    """The ids of all loudspeakers that ever were, and how many schedules go on day after day."""
    database = Database(f"sqlite:///{folder / 'data' / 'loa.db'}")
    with database.reading() as session:
        devices = list(session.scalars(select(Speaker.id).order_by(Speaker.id)))
        daily = session.scalar(select(func.count()).select_from(Schedule).where(Schedule.rule != "")) or 0
    database.close()
    return devices, daily


@pytest.mark.slow
def test_the_demo_speaks_on_six_poles_and_goes_on_where_it_was(
    tmp_path: Path, free_port: Callable[[], int], until: Callable[..., Any]
) -> None:
    port = free_port()
    base = f"http://127.0.0.1:{port}"

    def page(address: str) -> str:
        try:
            return httpx.get(base + address, timeout=10).text
        except httpx.TransportError:
            return ""

    with demo(tmp_path, port):
        until(lambda: 'loa_speakers{state="online"} 6.0' in page("/metrics"), "six poles", 90)
        until(lambda: "lịch tiêm chủng" in page("/x/hai-chau"), "the bulletin is in the archive", 90)
        heard = re.compile(r'loa_as_run\{state="(played|partial)"\} (\d+)\.0')
        until(lambda: sum(int(count) for _, count in heard.findall(page("/metrics"))) >= 6, "six poles report", 90)
        for slug in ("hai-chau", "son-tra", "hoa-vang"):
            assert "lịch tiêm chủng" in page(f"/x/{slug}"), "each of three communes has it in its archive"
    devices, daily = kept(tmp_path)
    assert (len(devices), daily) == (6, 1)
    printed = (tmp_path / "demo.log").read_text()
    assert base in printed
    assert re.search(r"^ +1\..*^ +2\..*^ +3\.", printed, re.MULTILINE | re.DOTALL), "three things to try"
    assert len(set(ACCOUNTS.findall(printed))) == 3
    assert oct((tmp_path / "data" / "demo-accounts.txt").stat().st_mode & 0o777) == "0o600"
    with demo(tmp_path, port):
        until(lambda: "lịch tiêm chủng" in page("/x/hai-chau"), "the archive is still there", 90)
        until(lambda: 'loa_speakers{state="online"} 6.0' in page("/metrics"), "the same six poles", 90)
    assert kept(tmp_path) == (devices, daily), "the same devices, enrolled once, and the same schedule"
    printed = (tmp_path / "demo.log").read_text()
    assert len(ACCOUNTS.findall(printed)) == 3, "passwords are told once"
