"""The playout, wound by hand: what it builds and signs, what it warns of, what it writes down, how it heals."""

import asyncio
import itertools
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import delete, select, update

from broadcast import building
from broadcast.plan import RundownRow, Schedule, ScheduleTarget, mark_stale
from broadcast.priority import Rank
from broadcast.signed import rundowns_for

MINUTE = timedelta(minutes=1)


class TestBuilding:
    """Schedules become signed rundowns."""

    def test_every_unit_has_a_signed_rundown_from_the_start(self, air: Any) -> None:
        with air.desk.database.reading() as session:
            rows = session.scalars(select(RundownRow)).all()
        assert len(rows) == 95
        assert not any(row.stale for row in rows)
        assert air.rundown(air.desk.city.lien_chieu).items == ()

    def test_a_schedule_is_in_the_rundown_after_the_next_look(self, air: Any) -> None:
        programme = air.desk.approved("Bản tin sáng", 200)
        air.at("2026-11-23T05:00:00", programme, rule="FREQ=DAILY", rank=Rank.PRIORITY, late_s=120)
        before, news = air.row().revision, air.heard_of_news
        looked = air.look()
        items = air.rundown().items
        assert (looked.rebuilt, looked.signed) == (1, 1)
        assert air.row().revision > before
        assert [f"{item.start:%d %H:%M}" for item in items] == [f"{day} 22:00" for day in range(22, 29)]
        first = items[0]
        assert (first.sound, first.duration_ms) == (f"rendition:{programme.rendition_sha256}", 200_000)
        assert (first.rank, first.title, first.text) == (Rank.PRIORITY, "Bản tin sáng", "Kính thưa bà con.")
        assert first.latest_start == first.start + timedelta(seconds=120)
        assert first.fallback == "tone:chime"
        assert air.heard_of_news == news + 1

    def test_nothing_new_gives_no_new_revision(self, air: Any) -> None:
        air.at("2026-11-23T05:00:00", rule="FREQ=DAILY")
        air.look()
        before = air.row()
        for _ in range(3):
            with air.desk.database.transaction() as session:
                mark_stale(session, [air.desk.city.hai_chau.id])
            looked = air.look(timedelta(hours=1))
            assert (looked.signed, air.row().revision) == (0, before.revision)

    def test_the_window_moves_on_within_nine_hours(self, air: Any) -> None:
        air.at("2026-11-23T05:00:00", rule="FREQ=DAILY")
        air.look()
        before = air.row()
        air.until(air.now + timedelta(hours=9, minutes=1), timedelta(minutes=10))
        after = air.row()
        assert after.revision > before.revision
        assert after.covers_to > before.covers_to + timedelta(hours=6)

    def test_a_change_during_the_building_is_not_lost(self, air: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        later = air.desk.approved("Sau")
        times: list[int] = []

        def gather_slowly(*given: Any) -> Any:
            gathered = building.gather(*given)
            if not times:
                times.append(1)
                air.at("2026-11-23T06:00:00", later)
            return gathered

        air.at("2026-11-23T05:00:00")
        monkeypatch.setattr("broadcast.playout.gather", gather_slowly)
        air.look()
        assert [item.title for item in air.rundown().items] == ["Bản tin", "Sau"]

    def test_a_station_that_lost_its_database_still_publishes_newer_revisions(self, air: Any) -> None:
        before = air.row().revision
        with air.desk.database.transaction() as session:
            session.execute(delete(RundownRow))
        air.restart()
        air.look(timedelta(seconds=10))
        assert air.row().revision > before

    def test_an_approved_programme_that_is_not_scheduled_is_prefetched(self, air: Any) -> None:
        programme = air.desk.approved()
        with air.desk.database.transaction() as session:
            mark_stale(session, [air.desk.city.hai_chau.id])
        air.look()
        assert air.rundown().prefetch == (f"rendition:{programme.rendition_sha256}",)

    def test_what_is_for_the_city_stands_in_the_citys_rundown_alone(self, air: Any) -> None:
        air.at("2026-11-23T05:00:00", unit=air.desk.city.city)
        air.look()
        assert [item.targets for item in air.rundown(air.desk.city.city).items] == [("unit:48",)]
        assert air.rundown().items == ()
        with air.desk.database.reading() as session:
            assert [one.unit for one in rundowns_for(session, air.desk.city.hai_chau.path)] == [
                "48",
                air.desk.city.hai_chau.path,
            ]
            assert len(rundowns_for(session, "48", below=True)) == 95

    def test_a_rundown_never_grows_beyond_what_receivers_take(self, air: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(building, "MAX_BODY_BYTES", 8_000)
        for day, hour in itertools.product(range(23, 30), ("05", "11", "17")):
            air.at(f"2026-11-{day}T{hour}:00:00", air.desk.approved(text="dài " * 400))
        air.look()
        rundown = air.rundown()
        assert 3 <= len(rundown.items) < 21
        assert rundown.items[0].text
        assert not rundown.items[-1].text
        assert rundown.covers_to < air.now + timedelta(days=7)


class TestApproval:
    """Nothing unapproved reaches a rundown."""

    def test_what_is_changed_after_scheduling_leaves_the_rundown_and_is_warned_of_minutes_before_air(
        self, air: Any
    ) -> None:
        programme = air.desk.approved("Tin chưa duyệt")
        air.at("2026-11-22T17:30:00", programme)
        air.look()
        assert len(air.rundown().items) == 1
        air.desk.unapprove(programme)
        air.look()
        assert air.rundown().items == ()
        assert air.playout.alarms == ()
        air.until(air.clock(22, "17:20:20"))
        (alarm,) = air.playout.alarms
        assert (alarm.kind, alarm.title) == ("not_ready", "Tin chưa duyệt")
        assert "Phường Hải Châu: «Tin chưa duyệt» lúc 17:30 hôm nay" in str(alarm)
        air.until(air.clock(22, "17:40:00"))
        assert air.playout.alarms == ()
        assert air.as_run() == [("Tin chưa duyệt", "missed", "not_ready", 0)]
        assert air.episodes() == []

    def test_what_is_approved_late_begins_late_from_its_beginning(self, air: Any) -> None:
        programme = air.desk.approved()
        air.at("2026-11-22T17:30:00", programme)
        air.desk.unapprove(programme)
        air.until(air.clock(22, "17:31:00"))
        with air.desk.database.transaction() as session:
            one = session.merge(programme)
            one.state, one.heard_sha256, one.approved_at = "approved", programme.approved_sha256, air.now
            mark_stale(session, [air.desk.city.hai_chau.id])
        air.look()
        (item,) = air.rundown().items
        assert item.start == air.clock(22, "17:31:02")
        air.until(air.clock(22, "17:33:00"))
        assert air.as_run() == [("Bản tin", "played", "", 60)]

    @pytest.mark.parametrize("spoiled", ["sound_state", "approved_sha256", "approver_id", "rendition_sha256"])
    def test_each_condition_is_looked_at(self, air: Any, spoiled: str) -> None:
        programme = air.desk.approved()
        air.at("2026-11-23T05:00:00", programme)
        worth = {"sound_state": "failed", "approved_sha256": "", "approver_id": None, "rendition_sha256": None}
        with air.desk.database.transaction() as session:
            setattr(session.merge(programme), spoiled, worth[spoiled])
        air.look()
        assert air.rundown().items == ()


class TestTrouble:
    """One unit's trouble stays its own, and heals."""

    def test_a_rundown_that_cannot_be_read_stops_no_other(self, air: Any) -> None:
        for unit in (air.desk.city.hai_chau, air.desk.city.lien_chieu):
            air.at("2026-11-22T17:30:00", unit=unit)
        air.look()
        with air.desk.database.transaction() as session:
            of = RundownRow.unit_id == air.desk.city.hai_chau.id
            session.execute(update(RundownRow).where(of).values(message=b"\x00spoiled", stale=True))
        assert air.look().failed == 1
        air.until(air.clock(22, "17:31:30"), timedelta(minutes=20))
        assert len(air.as_run()) == 1
        assert air.playout.counts["failed"] > 1
        with air.desk.database.transaction() as session:
            session.execute(update(RundownRow).where(of).values(message=b""))
        air.until(air.clock(22, "17:32:00"), MINUTE)
        assert air.rundown().items

    def test_a_schedule_that_nobody_can_read_costs_only_itself(self, air: Any) -> None:
        bad = air.at("2026-11-23T04:00:00")
        strange = air.at("2026-11-23T04:30:00")
        air.at("2026-11-23T05:00:00", air.desk.approved("Tốt"))
        with air.desk.database.transaction() as session:
            session.execute(update(Schedule).where(Schedule.id == bad).values(timezone="Nowhere/City"))
            session.execute(update(Schedule).where(Schedule.id == strange).values(rank="loudest"))
        assert air.look().failed == 0
        assert [item.title for item in air.rundown().items] == ["Tốt"]

    def test_long_ended_schedules_are_no_longer_looked_through(self, air: Any) -> None:
        air.at("2026-11-22T17:30:00")
        air.until(air.now + timedelta(days=5), timedelta(hours=2))
        with air.desk.database.reading() as session:
            assert session.scalars(select(ScheduleTarget)).all() == []
        assert air.rundown().items == ()


async def test_the_loop_looks_again_at_once_after_a_hint_and_ends_when_told(
    air: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks, look = asyncio.Queue[int](), air.playout.look
    loop, failing = asyncio.get_running_loop(), [True]

    def counted(now: datetime) -> Any:
        loop.call_soon_threadsafe(looks.put_nowait, 1)
        if failing:
            failing.pop()
            raise OSError("the disk is away for a moment")
        return look(now)

    monkeypatch.setattr(air.playout, "look", counted)
    stop = asyncio.Event()
    async with asyncio.timeout(20):
        running = asyncio.create_task(air.playout.run(stop))
        for _ in range(5):
            await looks.get()
            await asyncio.to_thread(air.playout.hint)
        stop.set()
        await running
    assert air.playout.counts["looks_failed"] == 1


def test_hinting_a_playout_that_does_not_run_does_nothing(air: Any) -> None:
    hint: Callable[[], None] = air.playout.hint
    hint()
