"""Readers for the metrics: they look at the database and the disk when asked, and keep nothing."""

import shutil
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import func, select

from broadcast.archive import Episode
from broadcast.asrun import AsRun
from broadcast.database import Database
from broadcast.plan import RundownRow
from broadcast.work import Work
from monitoring.metrics import Reader, Reading, counted
from speakers.heartbeat import State, state_of
from speakers.speaker import Speaker
from streams.engine import EngineState

_DAY = timedelta(hours=24)


def rundown_reader(database: Database) -> Reader:
    """How many rundowns there are, and how many wait."""

    def read() -> list[Reading]:
        with database.reading() as session:
            total = session.scalar(select(func.count()).select_from(RundownRow)) or 0
            stale = session.scalar(select(func.count()).where(RundownRow.stale)) or 0
            unpublished = session.scalar(
                select(func.count()).where(RundownRow.published_revision < RundownRow.revision)
            )
            episodes = session.scalar(select(func.count()).select_from(Episode)) or 0
        return [
            Reading("loa_rundowns", total),
            Reading("loa_rundowns_stale", stale),
            Reading("loa_rundowns_unpublished", unpublished or 0),
            Reading("loa_episodes", episodes),
        ]

    return read


def fleet_reader(database: Database, heartbeat_s: int, now: Callable[[], datetime]) -> Reader:
    """Loudspeakers by state, and what waits in their journals."""

    def read() -> list[Reading]:
        with database.reading() as session:
            rows = session.execute(
                select(Speaker.alive, Speaker.last_seen_at, Speaker.reported).where(Speaker.retired_at.is_(None))
            ).all()
        states = Counter(state_of(alive, seen, now(), heartbeat_s) for alive, seen, _ in rows)
        waiting = sum(int(reported.get("counters", {}).get("journal_waiting", 0)) for _, _, reported in rows)
        return [
            *(Reading("loa_speakers", states[state], {"state": state.value}) for state in State),
            Reading("loa_speakers_journal_waiting", waiting),
        ]

    return read


def work_reader(database: Database, now: Callable[[], datetime]) -> Reader:
    """The queue of renditions and speech, and the as-run rows of a day."""

    def read() -> list[Reading]:
        at = now()
        with database.reading() as session:
            works = session.execute(select(Work.state, func.count()).group_by(Work.state)).all()
            oldest = session.scalar(select(func.min(Work.created_at)).where(Work.state == "waiting"))
            ran = session.execute(
                select(AsRun.state, func.count())
                .where(AsRun.device_id != "", AsRun.planned_start > at - _DAY)
                .group_by(AsRun.state)
            ).all()
        age_s = (at - oldest).total_seconds() if oldest else 0.0
        return [
            *(Reading("loa_work", count, {"state": state}) for state, count in works),
            Reading("loa_work_oldest_waiting_seconds", age_s),
            *(Reading("loa_as_run", count, {"state": state}) for state, count in ran),
        ]

    return read


def disk_reader(folder: Path) -> Reader:
    """Room on the disk of the data folder."""
    return lambda: [Reading("loa_disk_free_bytes", shutil.disk_usage(folder).free)]


def engine_reader(state: Callable[[], EngineState]) -> Reader:
    """The web channels: how many, for whom, how the beat keeps time."""

    def read() -> list[Reading]:
        seen = state()
        late_ms = sorted(seen.beat_late_ms)
        p99_ms = late_ms[int(0.99 * (len(late_ms) - 1))] if late_ms else 0.0
        counts = {
            "packets_passed_through": seen.packets_passed_through,
            "packets_encoded": seen.packets_encoded,
            "packets_silent": seen.packets_silent,
            "packets_not_ready": seen.packets_not_ready,
            "sounds_missing": seen.sounds_missing,
            "sounds_damaged": seen.sounds_damaged,
            "pages_dropped": sum(seen.drops.values()),
            "beats": seen.beats,
            "beats_skipped": seen.beats_skipped,
            "beats_undelivered": seen.beats_undelivered,
            "beat_faults": seen.beat_faults,
            "prepare_faults": seen.prepare_faults,
        }
        return [
            Reading("loa_channels", seen.channels),
            Reading("loa_listeners", seen.listeners),
            Reading("loa_encoders", seen.encoders),
            *counted("loa_engine_events", counts),
            Reading("loa_beat_lateness_seconds", p99_ms / 1000, {"statistic": "p99"}),
            Reading("loa_beat_lateness_seconds", seen.beat_latest_ms / 1000, {"statistic": "max"}),
        ]

    return read
