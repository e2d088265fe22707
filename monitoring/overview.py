"""The running station as it is seen from outside: its metrics and whether it is ready, from one look at its parts."""

import contextlib
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import text

from broadcast.database import Database
from broadcast.playout import Playout
from monitoring.health import Facts, readiness, report
from monitoring.metrics import Reading, counted, exposition
from monitoring.readings import disk_reader, engine_reader, fleet_reader, rundown_reader, work_reader
from speakers.gateway import Gateway
from streams.engine import Engine

VERSION = "0.1.0"
BEAT_STOPPED_S = 5.0


@dataclass(frozen=True, slots=True)
class Overview:
    """The parts that are looked at. `folder` is the data folder; `now` gives aware UTC instants."""

    database: Database
    playout: Playout
    gateway: Gateway
    engine: Engine
    folder: Path
    heartbeat_s: int
    now: Callable[[], datetime]

    def metrics(self) -> Callable[[], bytes]:
        """A function that gives the page for Prometheus."""
        return exposition(
            [
                self._own,
                rundown_reader(self.database),
                fleet_reader(self.database, self.heartbeat_s, self.now),
                work_reader(self.database, self.now),
                disk_reader(self.folder),
                engine_reader(self.engine.state),
            ]
        )

    def ready(self) -> Callable[[], tuple[bool, dict[str, Any]]]:
        """A function that tells whether the station can do its work, and what is wrong if not."""
        beat = _Beat(self.engine)

        def look() -> tuple[bool, dict[str, Any]]:
            facts = Facts(
                database_answers=self._database_answers(),
                broker_connected=self.gateway.connected,
                look_age_s=self._look_age_s(),
                beat_runs=beat.runs(),
                disk_free_bytes=shutil.disk_usage(self.folder).free,
            )
            return report(readiness(facts))

        return look

    def _own(self) -> list[Reading]:
        return [
            Reading("loa_info", 1, {"version": VERSION}),
            Reading("loa_broker_connected", float(self.gateway.connected)),
            *counted("loa_gateway_events", self.gateway.counts),
            *counted("loa_playout_events", self.playout.counts),
            Reading("loa_playout_look_age_seconds", self._look_age_s()),
            Reading("loa_alarms", len(self.playout.alarms)),
        ]

    def _look_age_s(self) -> float:
        looked_at = self.playout.looked_at
        return (self.now() - looked_at).total_seconds() if looked_at else float("inf")

    def _database_answers(self) -> bool:
        with contextlib.suppress(Exception), self.database.reading() as session:
            return bool(session.scalar(text("SELECT 1")))
        return False


class _Beat:
    """Whether both threads of the engine still do their work: a beat with nothing prepared for it is silence."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._beats = self._prepared = -1
        self._beaten_at = self._prepared_at = 0.0

    def runs(self) -> bool:
        state, now = self._engine.state(), time.monotonic()
        if state.beats != self._beats:
            self._beats, self._beaten_at = state.beats, now
        if state.prepared != self._prepared:
            self._prepared, self._prepared_at = state.prepared, now
        return now - min(self._beaten_at, self._prepared_at) < BEAT_STOPPED_S
