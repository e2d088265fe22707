"""Journals of devices meet the station's own log."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event, select

from broadcast.asrun import AsRun, aired, as_run_of, keep_station_rows, merge_device_plays
from broadcast.outlook import upcoming
from broadcast.playout import Playout
from broadcast.schedule import add
from broadcast.signing import generate_key


@dataclass(frozen=True, slots=True)
class Play:
    """An entry of a device's journal, as the wire gives it."""

    unit: str
    planned: datetime
    item: str = "item"
    sound: str = "rendition:aa"
    item_ms: int = 60_000
    started: datetime | None = None
    ended: datetime | None = None
    heard_ms: int = 0
    reason: str = ""
    error_ms: float | None = None


@pytest.fixture
def whole(now: datetime) -> Play:
    """All of an item, heard 3 ms late."""
    end = now + timedelta(minutes=1)
    return Play("48/20242", now, started=now, ended=end, heard_ms=60_000, error_ms=3.0)


def rows(desk: Any) -> list[AsRun]:
    """All rows, in order of device."""
    with desk.database.reading() as session:
        return list(session.scalars(select(AsRun).order_by(AsRun.device_id)))


def merge(desk: Any, device: str, *plays: Play) -> None:
    """A journal batch of a device."""
    with desk.database.transaction() as session:
        merge_device_plays(session, device, plays)


def station_row(now: datetime, **more: Any) -> AsRun:
    """The station's row of the same item."""
    values = {
        "item_id": "item", "unit_path": "48/20242", "programme_id": None, "sound": "rendition:aa", "title": "Bản tin",
        "planned_start": now, "planned_ms": 60_000, "heard_ms": 60_000, "state": "played", "reason": "",
    }  # fmt: skip
    return AsRun(device_id="", **(values | more))


def test_a_whole_play_is_one_row(desk: Any, whole: Play) -> None:
    merge(desk, "d1", whole)
    (row,) = rows(desk)
    assert (row.device_id, row.state, row.reason, row.heard_ms) == ("d1", "played", "", 60_000)
    assert (row.started_at, row.ended_at, row.start_error_ms) == (whole.started, whole.ended, 3.0)


def test_spans_of_one_item_are_added_up_over_batches(desk: Any, whole: Play, now: datetime) -> None:
    cut = now + timedelta(seconds=20)
    merge(desk, "d1", replace(whole, heard_ms=20_000, ended=cut, reason="cut"))
    assert [(row.state, row.reason) for row in rows(desk)] == [("partial", "cut")]
    merge(desk, "d1", replace(whole, heard_ms=40_000, started=now + timedelta(seconds=50), error_ms=0.0))
    (row,) = rows(desk)
    assert (row.state, row.reason, row.heard_ms, row.started_at) == ("played", "", 60_000, now)
    assert row.start_error_ms == 3.0


def test_what_was_missed_says_why(desk: Any, whole: Play) -> None:
    merge(desk, "d1", replace(whole, started=None, ended=None, heard_ms=0, reason="offline", error_ms=None))
    (row,) = rows(desk)
    assert (row.state, row.reason, row.started_at) == ("missed", "offline", None)


def test_no_more_is_heard_than_there_is(desk: Any, whole: Play) -> None:
    merge(desk, "d1", whole, replace(whole, heard_ms=50_000))
    assert rows(desk)[0].heard_ms == 60_000


def test_half_a_second_less_is_still_played(desk: Any, whole: Play) -> None:
    merge(desk, "d1", replace(whole, heard_ms=59_600))
    merge(desk, "d2", replace(whole, heard_ms=59_400, reason="power"))
    assert [row.state for row in rows(desk)] == ["played", "partial"]


def test_a_device_learns_the_title_from_the_rundown_and_then_from_the_station(desk: Any, whole: Play) -> None:
    now, programme = whole.planned, desk.approved("Bản tin chiều")
    unit = desk.city.hai_chau
    with desk.database.transaction() as session:
        targets = [(unit.id, None)]
        add(session, programme, targets, "2026-11-22T17:30:00", person=desk.editor, now=now)
    Playout(desk.database, desk.storage, generate_key(), now=lambda: now).look(now)
    with desk.database.reading() as session:
        (planned,) = upcoming(session, unit, now, now + timedelta(days=1))
    merge(desk, "d1", replace(whole, unit=unit.path, item=planned.item_id, planned=planned.start))
    (row,) = rows(desk)
    assert (row.title, row.planned_start, row.programme_id) == ("Bản tin chiều", planned.start, None)
    told = station_row(now, item_id=planned.item_id, unit_path=unit.path, programme_id=programme.id)
    with desk.database.transaction() as session:
        keep_station_rows(session, [told])
    assert [row.programme_id for row in rows(desk)] == [programme.id, programme.id]


def test_a_batch_reads_each_rundown_once(desk: Any, whole: Play) -> None:
    asked: list[str] = []

    def note(*call: Any) -> None:
        asked.append(call[2])

    event.listen(desk.database.engine, "before_cursor_execute", note)
    merge(desk, "d1", *(replace(whole, item=f"i{number}") for number in range(50)))
    assert len(rows(desk)) == 50
    assert sum("FROM rundown" in sql for sql in asked) == 1


def test_an_unknown_item_is_kept_all_the_same(desk: Any, whole: Play, now: datetime) -> None:
    merge(desk, "d1", replace(whole, item="long forgotten"))
    assert [(row.title, row.planned_start) for row in rows(desk)] == [("", now)]


def test_the_stations_row_is_replaced_only_by_more(desk: Any, now: datetime) -> None:
    for heard_ms, state in ((20_000, "partial"), (0, "missed"), (60_000, "played"), (60_000, "partial")):
        with desk.database.transaction() as session:
            keep_station_rows(session, [station_row(now, heard_ms=heard_ms, state=state)])
    assert [(row.heard_ms, row.state) for row in rows(desk)] == [(60_000, "played")]


def test_an_item_is_summed_up_over_its_devices(desk: Any, whole: Play, now: datetime) -> None:
    merge(desk, "d1", whole)
    merge(desk, "d2", whole)
    merge(desk, "d3", replace(whole, heard_ms=10_000, reason="power"))
    merge(desk, "d4", replace(whole, started=None, heard_ms=0, reason="missing"))
    with desk.database.transaction() as session:
        keep_station_rows(session, [station_row(now)])
    with desk.database.reading() as session:
        found = as_run_of(session, ["item", "nothing"])
    item = found["item"]
    assert (item.played, item.count("partial"), item.count("missed"), len(item.devices)) == (2, 1, 1, 4)
    assert item.station is not None
    assert (found["nothing"].station, found["nothing"].devices) == (None, {})


def test_what_aired_at_a_unit_includes_what_the_city_sent(desk: Any, now: datetime) -> None:
    unit = desk.city.hai_chau
    with desk.database.transaction() as session:
        paths = (unit.path, "48", desk.city.lien_chieu.path)
        told = [
            station_row(now + timedelta(minutes=n), item_id=f"i{n}", unit_path=path) for n, path in enumerate(paths)
        ]
        keep_station_rows(session, told)
    with desk.database.reading() as session:
        found = aired(session, unit, now, now + timedelta(hours=1))
        assert [row.item_id for row in found] == ["i1", "i0"]
        assert aired(session, unit, now - timedelta(hours=1), now) == []
