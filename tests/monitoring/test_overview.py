"""The running station from outside: ready while its parts work, and told what is wrong when one does not."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from broadcast.database import Database
from monitoring import overview
from monitoring.overview import BEAT_STOPPED_S, Overview, _Beat

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)


class Parts:
    """The parts of a station that is well; a test makes one of them ill."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database = database
        self.folder = folder
        self.playout = SimpleNamespace(counts={"built": 3}, looked_at=NOW, alarms=["one"])
        self.gateway = SimpleNamespace(connected=True, counts={"published": 7})
        self.beats = 0
        self.beat_goes = True

    def state(self) -> Any:
        """What the engine says of itself."""
        self.beats += self.beat_goes
        return SimpleNamespace(
            beats=self.beats, prepared=self.beats, prepare_faults=0, beats_undelivered=0, channels=0,
            listeners=0, encoders=0, packets_passed_through=0, packets_encoded=0,
            packets_silent=0, packets_not_ready=0, sounds_missing=0, sounds_damaged=0, drops={}, beats_skipped=0,
            beat_faults=0, beat_late_ms=(), beat_latest_ms=0.0,
        )  # fmt: skip

    def overview(self) -> Overview:
        """The overview of these parts."""
        parts = (self.playout, self.gateway, SimpleNamespace(state=self.state))
        return Overview(self.database, *cast(tuple[Any, Any, Any], parts), self.folder, 60, lambda: NOW)


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[Parts]:
    """The parts of a station that is well."""
    database = Database(f"sqlite:///{tmp_path / 'loa.db'}")
    database.upgrade()
    yield Parts(database, tmp_path)
    database.close()


def test_a_station_whose_parts_work_is_ready(parts: Parts) -> None:
    well, body = parts.overview().ready()()
    assert {name for name, answer in body["checks"].items() if answer != "ok"} <= {"disk"}
    assert well == (body["checks"]["disk"] == "ok")


def test_a_playout_that_has_not_looked_a_broker_that_is_lost_and_a_beat_that_stands_still_are_told(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = parts.overview().ready()
    look()
    parts.playout.looked_at, parts.gateway.connected = NOW - timedelta(minutes=2), False
    parts.beat_goes = False
    monkeypatch.setattr(overview, "BEAT_STOPPED_S", 0.0)
    well, body = look()
    assert not well
    assert {"playout", "broker", "beat"} <= {name for name, answer in body["checks"].items() if answer != "ok"}


def test_a_database_that_is_away_is_told_and_is_no_fault_of_the_question(tmp_path: Path) -> None:
    gone = Parts(Database(f"sqlite:///{tmp_path / 'no' / 'loa.db'}"), tmp_path)
    _, body = gone.overview().ready()()
    assert "database does not answer" in body["checks"]["database"]


def test_the_metrics_hold_what_the_parts_count(parts: Parts) -> None:
    page = parts.overview().metrics()().decode()
    for line in (
        "loa_broker_connected 1.0",
        'loa_gateway_events_total{kind="published"} 7.0',
        'loa_playout_events_total{kind="built"} 3.0',
        "loa_playout_look_age_seconds 0.0",
        "loa_alarms 1.0",
        "loa_collect_errors_total 0.0",
    ):
        assert f"{line}\n" in page


@pytest.mark.parametrize("stopped", ["beats", "prepared"])
def test_a_beat_is_well_only_while_both_of_its_threads_do_their_work(
    stopped: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = SimpleNamespace(beats=0, prepared=0)
    beat = _Beat(SimpleNamespace(state=lambda: state))  # type: ignore[arg-type]
    passed_s = 1_000.0
    monkeypatch.setattr(time, "monotonic", lambda: passed_s)
    for _ in range(10):
        assert beat.runs()
        passed_s += 1
        state.beats += 1
        state.prepared += 1
    standing = getattr(state, stopped)
    for _ in range(round(BEAT_STOPPED_S) + 1):
        beat.runs()
        passed_s += 1
        state.beats += 1
        state.prepared += 1
        setattr(state, stopped, standing)
    assert not beat.runs()
