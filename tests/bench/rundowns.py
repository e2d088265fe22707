"""The rundowns of every commune of Việt Nam: one full rebuild, sign and publish, then two minutes of steady playout.

The station's own loops (playout and gateway) run in a process of their own on one core, a real Mosquitto on another;
a subscriber beside it counts what arrives. The peer does the same law the plain way: each unit by itself, through
objects of the mapper and a fresh RFC 5545 expansion, one transaction a unit; for the steady state it does so once a
minute, since it does not know when something is due. It is measured on some units and scaled.
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiomqtt
from dateutil.rrule import rrulestr
from sqlalchemy import func, select

from broadcast.archive import Episode
from broadcast.asrun import AsRun
from broadcast.database import Database
from broadcast.plan import RundownRow, Schedule, ScheduleTarget
from broadcast.playout import Playout
from broadcast.priority import Rank
from broadcast.programme import Programme, is_approved
from broadcast.rundown import Item, Rundown, topic_of
from broadcast.rundown_body import to_body
from broadcast.signing import generate_key, sign
from broadcast.storage import Storage
from speakers.gateway import BrokerAddress, Gateway
from speakers.mosquitto import accounts
from tests.bench.nation import COMMUNES, settle_nation
from tests.bench.row import Row
from tests.bench.station import resident_mb

STEADY_S = 120
SETTLE_S = 15
SOUNDS_FOR = timedelta(minutes=12)
PEER_UNITS = 60
PEER_EVERY_S = 60
REACH_PERCENT, REACH_MB, REACH_REBUILD_S, REACH_WRITTEN_S = 10.0, 500.0, 30.0, 10.0


@dataclass(frozen=True, slots=True)
class Steady:
    """What the two minutes showed; `ended` items, of which `written` are in the log, the last of them `slowest_s`
    after its end; `alarms` were raised."""

    percent: float
    ended: int
    written: int
    episodes: int
    slowest_s: float
    latest_look_s: float
    alarms: int


def _now() -> datetime:
    return datetime.now(UTC)


class Station:
    """Playout and gateway, as the station runs them."""

    def __init__(self, folder: Path, broker: str) -> None:
        self.database = Database(f"sqlite:///{folder / 'loa.db'}")
        key = generate_key()
        address = BrokerAddress.of(broker)
        told = accounts(lambda: address.client("loa-provisioning"))
        self.gateway = Gateway(self.database, key, bytes(32), address, accounts=told, heartbeat_s=60, now=_now)
        storage = Storage(folder / "media")
        self.playout = Playout(self.database, storage, key, now=_now, on_new=self.gateway.hint)

    def unpublished(self) -> int:
        """How many rundowns are not built, signed and taken by the broker."""
        with self.database.reading() as session:
            waiting = RundownRow.published_revision < RundownRow.revision
            undone = select(func.count()).where(RundownRow.stale | waiting | (RundownRow.revision == 0))
            return session.scalar(undone) or 0

    async def measure(self) -> dict[str, float]:
        """Rebuild everything, then go on for two minutes."""
        stop = asyncio.Event()
        running = asyncio.create_task(self.gateway.run())
        while not self.gateway.connected:  # noqa: ASYNC110 - looked at from outside
            await asyncio.sleep(0.05)
        began, spent = time.perf_counter(), time.process_time()
        playing = asyncio.create_task(self.playout.run(stop))
        while self.playout.looked_at is None or await asyncio.to_thread(self.unpublished):  # noqa: ASYNC110 - looked at from outside
            await asyncio.sleep(0.1)
        rebuild_s, rebuild_cpu_s = time.perf_counter() - began, time.process_time() - spent
        await asyncio.sleep(SETTLE_S)
        steady = await self._steady()
        stop.set()
        await playing
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
        return {
            "rebuild_s": rebuild_s,
            "rebuild_cpu_s": rebuild_cpu_s,
            "most_mb": resident_mb(os.getpid(), "VmHWM"),
            **{name: getattr(steady, name) for name in Steady.__slots__},
        }

    async def _steady(self) -> Steady:
        since, spent = _now(), time.process_time()
        latest_look_s = 0.0
        for _ in range(STEADY_S // 5):
            await asyncio.sleep(5)
            latest_look_s = max(latest_look_s, await asyncio.to_thread(self._overdue_s))
        percent = 100 * (time.process_time() - spent) / STEADY_S
        until = _now() - timedelta(seconds=REACH_WRITTEN_S)
        return self._written(since, until, percent, latest_look_s)

    def _overdue_s(self) -> float:
        """How long the most overdue unit has been waiting to be looked at."""
        with self.database.reading() as session:
            due = session.scalar(select(func.min(RundownRow.look_at)))
        return max(0.0, (_now() - due).total_seconds()) if due else 0.0

    def _written(self, since: datetime, until: datetime, percent: float, latest_look_s: float) -> Steady:
        with self.database.reading() as session:
            rows = session.scalars(select(AsRun).where(AsRun.ended_at > since, AsRun.ended_at <= until)).all()
            episodes = session.scalar(select(func.count()).where(Episode.item_id.in_([row.item_id for row in rows])))
            walls = session.scalars(select(Schedule.wall_start)).all()
        after = [
            (_made_at(row.id) - row.ended_at).total_seconds() for row in rows if row.ended_at and row.state == "played"
        ]
        ended = sum(since < _last_end(wall, until) <= until for wall in walls)
        return Steady(
            percent, ended, len(after), episodes or 0, max(after, default=0.0), latest_look_s,
            self.playout.counts["alarms"],
        )  # fmt: skip


def _last_end(wall: str, until: datetime) -> datetime:
    """When the daily item of a wall time in UTC ended last before `until`."""
    first = datetime.fromisoformat(wall).replace(tzinfo=UTC) + timedelta(minutes=3)
    return first + (until - first) // timedelta(days=1) * timedelta(days=1)


def _made_at(identifier: str) -> datetime:
    """The instant in an identifier: its first 48 bits are milliseconds."""
    value = 0
    for digit in identifier:
        value = value << 5 | "0123456789abcdefghjkmnpqrstvwxyz".index(digit)
    return datetime.fromtimestamp((value >> 72) / 1000, UTC)


# The peer.


def plain_rebuild(database: Database, units: int) -> float:
    """Seconds for rundowns built the plain way, one unit after the other."""
    key, began = generate_key(), time.perf_counter()
    for number in range(units):
        with database.transaction() as session:
            row = session.get_one(RundownRow, f"unit-{number:05}")
            now = _now()
            chosen = select(Schedule).join(ScheduleTarget, ScheduleTarget.schedule_id == Schedule.id)
            items = []
            for schedule in session.scalars(chosen.where(ScheduleTarget.unit_id == row.unit_id)):
                programme = session.get_one(Programme, schedule.programme_id)
                if is_approved(programme):
                    items += _plain_items(schedule, programme, row.path, now)
            body = to_body(Rundown(row.path, row.revision + 1, now, now, now + timedelta(days=7), tuple(items)))
            row.message, row.revision = sign(body, topic_of(row.path), key), row.revision + 1
    return time.perf_counter() - began


def _plain_items(schedule: Schedule, programme: Programme, path: str, now: datetime) -> Iterator[Item]:
    rule = rrulestr(schedule.rule, dtstart=datetime.fromisoformat(schedule.wall_start).replace(tzinfo=UTC))
    for start in rule.between(now - timedelta(hours=3), now + timedelta(days=7), inc=True):
        yield Item(
            id=f"{schedule.id} {start:%Y%m%d}", start=start, latest_start=start + timedelta(seconds=schedule.late_s),
            sound=f"rendition:{programme.rendition_sha256}", duration_ms=programme.duration_ms,
            rank=Rank.of_word(schedule.rank), targets=(f"unit:{path}",), title=programme.title, text=programme.text,
            fallback="tone:chime",
        )  # fmt: skip


# Beside the station: a broker and somebody who counts.


@contextmanager
def mosquitto(folder: Path, core: int) -> Iterator[str]:
    """A real Mosquitto; gives its address."""
    port = 21_883
    config = folder / "mosquitto.conf"
    config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 10000\nuser root\n")
    environment = {**os.environ, "PATH": f"{os.environ.get('PATH', '')}:/usr/sbin"}
    with (folder / "mosquitto.log").open("wb") as lines:
        process = subprocess.Popen(["mosquitto", "-c", str(config)], stderr=lines, env=environment)
    try:
        os.sched_setaffinity(process.pid, {core})
        time.sleep(1)
        if process.poll() is not None:
            raise RuntimeError(f"Mosquitto did not start:\n{(folder / 'mosquitto.log').read_text()}")
        yield f"mqtt://station:@127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


class Subscriber:
    """Counts the rundowns that arrive, by topic."""

    def __init__(self, broker: str) -> None:
        self._address = BrokerAddress.of(broker)
        self.topics: set[str] = set()
        self.bytes = 0
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        with suppress(aiomqtt.MqttError):  # the broker ends before this does
            asyncio.run(self._count())

    async def _count(self) -> None:
        async with aiomqtt.Client(self._address.host, self._address.port) as client:
            await client.subscribe("loa/1/unit/#", 1)
            async for message in client.messages:
                self.topics.add(message.topic.value)
                self.bytes += len(message.payload)


def measure(communes: int = COMMUNES) -> list[Row]:
    """Both rows. Takes about four minutes."""
    ours, *others = sorted(os.sched_getaffinity(0), reverse=True)
    with tempfile.TemporaryDirectory(prefix="loa-bench-") as name:
        folder = Path(name)
        database = settle_nation(folder, _now(), SOUNDS_FOR, communes)
        with mosquitto(folder, (others or [ours])[-1]) as broker:
            heard = Subscriber(broker)
            command = [sys.executable, "-m", "tests.bench.rundowns", str(folder), str(ours), broker]
            done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=Path(__file__).parents[2])
            found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
        os.sched_setaffinity(0, {ours})
        peer_s = plain_rebuild(database, min(PEER_UNITS, communes)) * communes / min(PEER_UNITS, communes)
        os.sched_setaffinity(0, {ours, *others})
        database.close()
    return [_steady_row(found, peer_s), _rebuild_row(found, peer_s, len(heard.topics), heard.bytes, communes)]


def _steady_row(found: dict[str, float], peer_s: float) -> Row:
    on_time = found["written"] == found["ended"] == found["episodes"] and found["slowest_s"] <= REACH_WRITTEN_S
    reached = on_time and found["percent"] <= REACH_PERCENT and found["most_mb"] <= REACH_MB and not found["alarms"]
    return Row(
        "units-steady",
        f"{found['percent']:.1f} % of one core, {found['most_mb']:.0f} MB at most; {found['ended']:.0f} items ended, "
        f"{found['written']:.0f} in the log and {found['episodes']:.0f} in the archive, the slowest "
        f"{found['slowest_s']:.1f} s after its end; no look more than {found['latest_look_s']:.1f} s late",
        f"the plain way, once a minute: {100 * peer_s / PEER_EVERY_S:.0f} % of a core (scaled from {PEER_UNITS} units)",
        reached,
    )


def _rebuild_row(found: dict[str, float], peer_s: float, topics: int, size: int, communes: int) -> Row:
    return Row(
        "units-rebuild",
        f"{found['rebuild_s']:.1f} s ({found['rebuild_cpu_s']:.1f} s of CPU), through a real Mosquitto; a subscriber "
        f"has {topics} rundowns of 140 items, {size / 1e6:.0f} MB",
        f"the plain way, unit by unit, without publishing: {peer_s:.0f} s (scaled from {PEER_UNITS} units)",
        found["rebuild_s"] <= REACH_REBUILD_S and topics >= communes,
    )


if __name__ == "__main__":
    os.sched_setaffinity(0, {int(sys.argv[2])})
    print(json.dumps(asyncio.run(Station(Path(sys.argv[1]), sys.argv[3]).measure())))
