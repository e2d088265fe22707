"""What the readers find in a database, on a disk and in an engine: counted by hand here."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from broadcast.administrative_unit import seed_da_nang, unit_of_slug
from broadcast.archive import Episode
from broadcast.asrun import AsRun
from broadcast.database import Database
from broadcast.plan import RundownRow
from broadcast.work import enqueue
from monitoring.metrics import Reading
from monitoring.readings import disk_reader, engine_reader, fleet_reader, rundown_reader, work_reader
from speakers.cluster import add_cluster
from speakers.speaker import Speaker
from streams.engine import EngineState

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """A database with the units of the city."""
    database = Database(f"sqlite:///{tmp_path / 'loa.db'}")
    database.upgrade()
    with database.transaction() as session:
        seed_da_nang(session, date(2026, 11, 24))
    yield database
    database.close()


def found(reader: Callable[[], object]) -> dict[str, float]:
    """The readings by name and labels: `loa_speakers online`."""
    readings = reader()
    assert isinstance(readings, list)
    assert all(isinstance(one, Reading) for one in readings)
    return {" ".join((one.name, *one.labels.values())): one.value for one in readings}


def test_rundowns_are_counted_with_those_that_wait(database: Database) -> None:
    with database.transaction() as session:
        for slug, revision, published, stale in (
            ("hai-chau", 5, 5, False),
            ("son-tra", 5, 4, False),
            ("da-nang", 1, 1, True),
        ):
            of = unit_of_slug(session, slug)
            session.add(
                RundownRow(unit_id=of.id, path=of.path, revision=revision, published_revision=published, stale=stale)
            )
        session.add(
            Episode(
                item_id="i", unit_path="48", rendition_sha256="0", title="x", text="", sentences=[], aired_at=NOW,
                duration_ms=1,
            )
        )  # fmt: skip
    assert found(rundown_reader(database)) == {
        "loa_rundowns": 3, "loa_rundowns_stale": 1, "loa_rundowns_unpublished": 1, "loa_episodes": 1,
    }  # fmt: skip


def test_loudspeakers_are_counted_by_state_and_retired_ones_not_at_all(database: Database) -> None:
    with database.transaction() as session:
        cluster = add_cluster(session, unit_of_slug(session, "hai-chau"), "Chợ", person_id=None, now=NOW)
        for name, seen_ago_s, waiting, retired in (("a", 5, 2, False), ("b", 100, 3, False), ("c", 9, 9, True)):
            session.add(
                Speaker(
                    id=name, cluster_id=cluster.id, name=name, alive=True, enrolled_at=NOW,
                    last_seen_at=NOW - timedelta(seconds=seen_ago_s), retired_at=NOW if retired else None,
                    reported={"counters": {"journal_waiting": waiting}},
                )
            )  # fmt: skip
        session.add(Speaker(id="d", cluster_id=cluster.id, name="d", enrolled_at=NOW))
    assert found(fleet_reader(database, 10, lambda: NOW)) == {
        "loa_speakers online": 1, "loa_speakers late": 0, "loa_speakers lost": 1, "loa_speakers never": 1,
        "loa_speakers_journal_waiting": 5,
    }  # fmt: skip


def test_work_is_counted_with_the_age_of_the_oldest_and_a_day_of_what_devices_played(database: Database) -> None:
    with database.transaction() as session:
        enqueue(session, "speech", "one", {}, NOW - timedelta(minutes=5))
        enqueue(session, "speech", "two", {}, NOW)
        for device, state, ago_h in (("a", "played", 1), ("b", "played", 2), ("b", "missed", 30), ("", "played", 1)):
            session.add(
                AsRun(
                    item_id=f"{device}{ago_h}", unit_path="48", device_id=device, sound="", title="", planned_ms=1,
                    heard_ms=1, state=state, planned_start=NOW - timedelta(hours=ago_h),
                )
            )  # fmt: skip
    assert found(work_reader(database, lambda: NOW)) == {
        "loa_work waiting": 2, "loa_work_oldest_waiting_seconds": 300, "loa_as_run played": 2,
    }  # fmt: skip


def test_the_disk_is_asked_each_time(tmp_path: Path) -> None:
    assert found(disk_reader(tmp_path))["loa_disk_free_bytes"] > 0


def test_the_engine_tells_its_lateness_in_seconds_and_what_it_did() -> None:
    state = EngineState(
        channels=2, listeners=7, encoders=1, packets_passed_through=100, packets_encoded=50, packets_silent=0,
        packets_not_ready=0, sounds_missing=0, sounds_damaged=0, drops={"48": 3, "48/20242": 4}, beats=9,
        beats_skipped=0, beats_undelivered=0, beat_faults=0, prepared=9, prepare_faults=0,
            beat_late_ms=(1.0, 2.0, 3.0), beat_latest_ms=40.0,
    )  # fmt: skip
    told = found(engine_reader(lambda: state))
    assert (told["loa_channels"], told["loa_listeners"], told["loa_encoders"]) == (2, 7, 1)
    assert told["loa_engine_events pages_dropped"] == 7
    assert told["loa_engine_events packets_passed_through"] == 100
    assert (told["loa_beat_lateness_seconds p99"], told["loa_beat_lateness_seconds max"]) == (0.002, 0.04)
