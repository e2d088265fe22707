"""The playout, wound by hand: what it builds and signs, what it warns of, what it writes down, how it heals."""

import asyncio
import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import delete, select, update

from broadcast import building
from broadcast.archive import Episode
from broadcast.asrun import AsRun
from broadcast.onair import Place, cues_of, decide
from broadcast.plan import RundownRow, Schedule, ScheduleTarget, mark_stale
from broadcast.playout import Playout, rundowns_for
from broadcast.priority import Rank
from broadcast.rundown import Rundown, topic_of
from broadcast.rundown_body import from_body
from broadcast.schedule import add, play_now, schedule, withdraw
from broadcast.signing import generate_key, public_bytes, trusted_key, verify
from streams.frame import sample_position

MINUTE = timedelta(minutes=1)


class Air:
    """A playout and its desk; time goes on only by `until`."""

    def __init__(self, desk: Any, key: Ed25519PrivateKey, now: datetime) -> None:
        self.desk, self.key, self.now = desk, key, now
        self.heard_of_news = 0
        self.restart()

    def restart(self) -> None:
        """A new process: nothing is remembered but what lies in the database."""
        self.playout = Playout(
            self.desk.database, self.desk.storage, self.key, now=lambda: self.now, on_new=self._news, horizon_days=7
        )

    def _news(self) -> None:
        self.heard_of_news += 1

    def look(self, after: timedelta = timedelta(0)) -> Any:
        """Let time go on, then look once."""
        self.now += after
        return self.playout.look(self.now)

    def until(self, moment: datetime, step: timedelta = timedelta(seconds=5)) -> None:
        """Look every few seconds up to a moment."""
        while self.now < moment:
            self.look(min(step, moment - self.now))

    def at(self, wall: str, programme: Any = None, unit: Any = None, **more: Any) -> str:
        """Schedule a programme for Hải Châu or another unit; gives the schedule's id."""
        said = programme or self.desk.approved()
        targets = [((unit or self.desk.city.hai_chau).id, None)]
        with self.desk.database.transaction() as session:
            return add(session, said, targets, wall, person=self.desk.editor, now=self.now, **more).id

    def start_now(self, programme: Any, unit: Any = None, **more: Any) -> str:
        """«Phát ngay»."""
        targets = [((unit or self.desk.city.hai_chau).id, None)]
        with self.desk.database.transaction() as session:
            return play_now(session, programme, targets, self.desk.editor, self.now, lead_ms=400, **more).id

    def take_back(self, one: str) -> None:
        """Withdraw a schedule."""
        with self.desk.database.transaction() as session:
            withdraw(session, schedule(session, one), self.desk.editor, self.now)

    def row(self, unit: Any = None) -> RundownRow:
        """The rundown's row of Hải Châu or another unit."""
        with self.desk.database.reading() as session:
            return session.get_one(RundownRow, (unit or self.desk.city.hai_chau).id)

    def rundown(self, unit: Any = None) -> Rundown:
        """The rundown as a device reads it: signed for its topic by the station's key."""
        row = self.row(unit)
        return from_body(verify(row.message, topic_of(row.path), trusted_key(public_bytes(self.key))))

    def as_run(self) -> list[tuple[str, str, str, int]]:
        """(title, state, reason, seconds heard) of the station's rows, in order of planned start."""
        with self.desk.database.reading() as session:
            rows = session.scalars(select(AsRun).where(AsRun.device_id == "").order_by(AsRun.planned_start)).all()
        return [(row.title, row.state, row.reason, round(row.heard_ms / 1000)) for row in rows]

    def episodes(self) -> list[Episode]:
        """All episodes."""
        with self.desk.database.reading() as session:
            return list(session.scalars(select(Episode).order_by(Episode.aired_at)))


@pytest.fixture
def air(desk: Any, now: datetime) -> Air:
    """A playout that has looked once at an empty city."""
    air = Air(desk, generate_key(), now)
    air.look()
    return air


def in_vietnam(day: int, clock: str) -> datetime:
    """An instant of November 2026 by the clock of Đà Nẵng."""
    return datetime.fromisoformat(f"2026-11-{day:02}T{clock}+07:00").astimezone(UTC)


class TestBuilding:
    """Schedules become signed rundowns."""

    def test_every_unit_has_a_signed_rundown_from_the_start(self, air: Air) -> None:
        with air.desk.database.reading() as session:
            rows = session.scalars(select(RundownRow)).all()
        assert len(rows) == 95
        assert not any(row.stale for row in rows)
        assert air.rundown(air.desk.city.lien_chieu).items == ()

    def test_a_schedule_is_in_the_rundown_after_the_next_look(self, air: Air) -> None:
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

    def test_nothing_new_gives_no_new_revision(self, air: Air) -> None:
        air.at("2026-11-23T05:00:00", rule="FREQ=DAILY")
        air.look()
        before = air.row()
        for _ in range(3):
            with air.desk.database.transaction() as session:
                mark_stale(session, [air.desk.city.hai_chau.id])
            looked = air.look(timedelta(hours=1))
            assert (looked.signed, air.row().revision) == (0, before.revision)

    def test_the_window_moves_on_within_nine_hours(self, air: Air) -> None:
        air.at("2026-11-23T05:00:00", rule="FREQ=DAILY")
        air.look()
        before = air.row()
        air.until(air.now + timedelta(hours=9, minutes=1), timedelta(minutes=10))
        after = air.row()
        assert after.revision > before.revision
        assert after.covers_to > before.covers_to + timedelta(hours=6)

    def test_a_change_during_the_building_is_not_lost(self, air: Air, monkeypatch: pytest.MonkeyPatch) -> None:
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

    def test_a_station_that_lost_its_database_still_publishes_newer_revisions(self, air: Air) -> None:
        before = air.row().revision
        with air.desk.database.transaction() as session:
            session.execute(delete(RundownRow))
        air.restart()
        air.look(timedelta(seconds=10))
        assert air.row().revision > before

    def test_an_approved_programme_that_is_not_scheduled_is_prefetched(self, air: Air) -> None:
        programme = air.desk.approved()
        with air.desk.database.transaction() as session:
            mark_stale(session, [air.desk.city.hai_chau.id])
        air.look()
        assert air.rundown().prefetch == (f"rendition:{programme.rendition_sha256}",)

    def test_what_is_for_the_city_stands_in_the_citys_rundown_alone(self, air: Air) -> None:
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

    def test_a_rundown_never_grows_beyond_what_receivers_take(self, air: Air, monkeypatch: pytest.MonkeyPatch) -> None:
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
        self, air: Air
    ) -> None:
        programme = air.desk.approved("Tin chưa duyệt")
        air.at("2026-11-22T17:30:00", programme)
        air.look()
        assert len(air.rundown().items) == 1
        air.desk.unapprove(programme)
        air.look()
        assert air.rundown().items == ()
        assert air.playout.alarms == ()
        air.until(in_vietnam(22, "17:20:20"))
        (alarm,) = air.playout.alarms
        assert (alarm.kind, alarm.title) == ("not_ready", "Tin chưa duyệt")
        assert "Phường Hải Châu: «Tin chưa duyệt» lúc 17:30 hôm nay" in str(alarm)
        air.until(in_vietnam(22, "17:40:00"))
        assert air.playout.alarms == ()
        assert air.as_run() == [("Tin chưa duyệt", "missed", "not_ready", 0)]
        assert air.episodes() == []

    def test_what_is_approved_late_begins_late_from_its_beginning(self, air: Air) -> None:
        programme = air.desk.approved()
        air.at("2026-11-22T17:30:00", programme)
        air.desk.unapprove(programme)
        air.until(in_vietnam(22, "17:31:00"))
        with air.desk.database.transaction() as session:
            one = session.merge(programme)
            one.state, one.heard_sha256, one.approved_at = "approved", programme.approved_sha256, air.now
            mark_stale(session, [air.desk.city.hai_chau.id])
        air.look()
        (item,) = air.rundown().items
        assert item.start == in_vietnam(22, "17:31:02")
        air.until(in_vietnam(22, "17:33:00"))
        assert air.as_run() == [("Bản tin", "played", "", 60)]

    @pytest.mark.parametrize("spoiled", ["sound_state", "approved_sha256", "approver_id", "rendition_sha256"])
    def test_each_condition_is_looked_at(self, air: Air, spoiled: str) -> None:
        programme = air.desk.approved()
        air.at("2026-11-23T05:00:00", programme)
        worth = {"sound_state": "failed", "approved_sha256": "", "approver_id": None, "rendition_sha256": None}
        with air.desk.database.transaction() as session:
            setattr(session.merge(programme), spoiled, worth[spoiled])
        air.look()
        assert air.rundown().items == ()


class TestWritingDown:
    """What went out is in the log and the archive within seconds."""

    def test_an_aired_item_is_in_the_log_and_an_episode(self, air: Air) -> None:
        programme = air.desk.approved("Bản tin chiều", 90)
        air.at("2026-11-22T17:30:00", programme)
        air.until(in_vietnam(22, "17:31:35"))
        assert air.as_run() == [("Bản tin chiều", "played", "", 90)]
        (episode,) = air.episodes()
        assert (episode.unit_path, episode.programme_id) == (air.desk.city.hai_chau.path, programme.id)
        assert (episode.aired_at, episode.duration_ms) == (in_vietnam(22, "17:30:00"), 90_000)
        assert (episode.text, episode.sentences) == ("Kính thưa bà con.", [["Kính thưa bà con.", 0, 90_000]])

    def test_nothing_is_written_twice_however_often_it_looks_and_restarts(self, air: Air) -> None:
        air.at("2026-11-22T17:30:00", rule="FREQ=DAILY")
        for moment in ("17:29:30", "17:30:30", "17:31:00", "17:31:05", "17:40:00"):
            air.restart()
            air.until(in_vietnam(22, moment))
            air.restart()
            air.look()
        with air.desk.database.transaction() as session:
            mark_stale(session, [air.desk.city.hai_chau.id])
        air.look()
        assert len(air.as_run()) == len(air.episodes()) == 1

    def test_a_station_killed_before_the_item_and_back_after_it_writes_it_down(self, air: Air) -> None:
        air.at("2026-11-22T17:30:00")
        air.look()
        air.now = in_vietnam(22, "20:00:00")
        air.restart()
        air.look()
        assert air.as_run() == [("Bản tin", "played", "", 60)]
        assert len(air.episodes()) == 1

    def test_what_an_emergency_of_the_city_cut_is_written_down_when_it_has_resumed(self, air: Air) -> None:
        air.at("2026-11-22T17:30:00", air.desk.approved("Dài", 300))
        air.until(in_vietnam(22, "17:31:00"))
        air.start_now(air.desk.approved("Lũ", 60), air.desk.city.city, rank=Rank.EMERGENCY)
        air.until(in_vietnam(22, "17:35:30"))
        assert air.as_run() == [("Lũ", "played", "", 60)]
        air.until(in_vietnam(22, "17:36:05"))
        assert air.as_run() == [("Dài", "played", "", 300), ("Lũ", "played", "", 60)]

    def test_who_does_not_resume_is_partly_heard(self, air: Air) -> None:
        air.at("2026-11-22T17:30:00", air.desk.approved("Dài", 300), resume="missed")
        air.until(in_vietnam(22, "17:31:00"))
        air.start_now(air.desk.approved("Lũ", 60), rank=Rank.EMERGENCY)
        air.until(in_vietnam(22, "17:33:00"))
        assert air.as_run() == [("Dài", "partial", "cut", 60), ("Lũ", "played", "", 60)]

    def test_clusters_play_their_own_items_at_the_same_time(self, air: Air) -> None:
        unit = air.desk.city.hai_chau.id
        for title, cluster in (("A", "a"), ("B", "b")):
            programme = air.desk.approved(title, 30)
            with air.desk.database.transaction() as session:
                targets = [(unit, cluster)]
                add(session, programme, targets, "2026-11-22T17:30:00", late_s=0, person=air.desk.editor, now=air.now)
        air.until(in_vietnam(22, "17:31:00"))
        assert sorted(air.as_run()) == [("A", "played", "", 30), ("B", "played", "", 30)]


class TestNow:
    """«Phát ngay» and «Dừng»."""

    def test_it_is_in_the_rundown_of_the_next_look_and_starts_after_the_lead(self, air: Air) -> None:
        air.start_now(air.desk.approved(seconds=20))
        assert air.look().signed == 1
        (item,) = air.rundown().items
        assert item.start == air.now + timedelta(milliseconds=400)
        assert item.latest_start == item.start + MINUTE

    def test_withdrawn_while_on_air_it_stops_at_once_everywhere_and_is_partly_heard(self, air: Air) -> None:
        one = air.start_now(air.desk.approved("Nhầm", 120))
        air.until(air.now + timedelta(seconds=30))
        air.take_back(one)
        air.look()
        (item,) = air.rundown().items
        assert item.expires == air.now + timedelta(milliseconds=400)
        air.until(air.now + timedelta(seconds=5))
        assert air.as_run() == [("Nhầm", "partial", "withdrawn", 30)]
        assert air.episodes() == []

    def test_what_a_withdrawn_emergency_had_cut_resumes_at_the_right_sample(self, air: Air) -> None:
        air.at("2026-11-22T17:30:00", air.desk.approved("Dài", 300))
        air.until(in_vietnam(22, "17:31:00"))
        one = air.start_now(air.desk.approved("Báo động nhầm", 600), rank=Rank.EMERGENCY)
        air.until(in_vietnam(22, "17:31:20"))
        air.take_back(one)
        air.look()
        place = Place(air.desk.city.hai_chau.path)
        *_, rest = decide([air.rundown()], in_vietnam(22, "17:30:00"), place).spans
        assert (rest.item.title, rest.offset) == ("Dài", 48_000 * 60 + 48 * 400)
        air.until(in_vietnam(22, "17:36:00"))
        assert air.as_run() == [("Dài", "played", "", 300), ("Báo động nhầm", "partial", "withdrawn", 20)]

    def test_what_waits_for_the_air_is_stopped_too(self, air: Air) -> None:
        air.at("2026-11-22T17:30:00", air.desk.approved("Trước", 60), late_s=0)
        air.until(in_vietnam(22, "17:30:30"))
        one = air.start_now(air.desk.approved("Sau", 60))
        air.until(in_vietnam(22, "17:30:50"))
        air.take_back(one)
        air.until(in_vietnam(22, "17:33:00"))
        assert air.as_run() == [("Trước", "played", "", 60), ("Sau", "missed", "withdrawn", 0)]

    def test_what_began_late_stops_although_its_planned_end_has_passed(self, air: Air) -> None:
        air.at("2026-11-22T17:30:00", air.desk.approved("Trước", 60), late_s=0)
        air.until(in_vietnam(22, "17:30:30"))
        one = air.start_now(air.desk.approved("Sau", 60))
        air.until(in_vietnam(22, "17:31:40"))
        air.take_back(one)
        air.look()
        place = Place(air.desk.city.hai_chau.path)
        *_, cue = cues_of(decide([air.rundown()], air.now, place))
        assert (cue.end, cue.fade_out) == (sample_position(air.now + timedelta(milliseconds=400)), 48 * 200)
        air.until(in_vietnam(22, "17:33:00"))
        assert air.as_run() == [("Trước", "played", "", 60), ("Sau", "partial", "withdrawn", 40)]

    def test_what_an_emergency_had_cut_does_not_resume_once_it_is_stopped(self, air: Air) -> None:
        one = air.start_now(air.desk.approved("Dài", 600))
        air.until(air.now + timedelta(seconds=120))
        air.start_now(air.desk.approved("Lũ", 600), rank=Rank.EMERGENCY)
        air.until(air.now + timedelta(seconds=180))
        air.take_back(one)
        air.until(air.now + timedelta(minutes=20))
        assert air.as_run() == [("Dài", "partial", "withdrawn", 120), ("Lũ", "played", "", 600)]

    def test_a_programme_that_loses_its_approval_on_air_is_taken_off(self, air: Air) -> None:
        programme = air.desk.approved("Sai", 120)
        air.start_now(programme)
        air.until(air.now + timedelta(seconds=30))
        air.desk.unapprove(programme)
        air.look()
        (item,) = air.rundown().items
        assert item.expires == air.now + timedelta(milliseconds=400)
        assert air.as_run() == [("Sai", "partial", "withdrawn", 30)]
        assert air.playout.alarms == ()
        revision = air.row().revision
        air.until(air.now + timedelta(minutes=5))
        with air.desk.database.transaction() as session:
            mark_stale(session, [air.desk.city.hai_chau.id])
        air.look()
        assert (len(air.as_run()), air.row().revision) == (1, revision)

    def test_what_it_had_cut_resumes_where_it_was_cut_when_it_loses_its_approval(self, air: Air) -> None:
        air.at("2026-11-22T17:30:00", air.desk.approved("Dài", 300))
        air.until(in_vietnam(22, "17:31:00"))
        programme = air.desk.approved("Sai", 600)
        air.start_now(programme, rank=Rank.EMERGENCY)
        air.until(in_vietnam(22, "17:31:20"))
        air.desk.unapprove(programme)
        for seconds in (0, 60):
            air.until(in_vietnam(22, "17:31:20") + timedelta(seconds=seconds))
            with air.desk.database.transaction() as session:
                mark_stale(session, [air.desk.city.hai_chau.id])
            air.look()
            place = Place(air.desk.city.hai_chau.path)
            *_, rest = decide([air.rundown()], in_vietnam(22, "17:30:00"), place).spans
            assert (rest.item.title, rest.offset) == ("Dài", 48_000 * 60 + 48 * 400)
        air.until(in_vietnam(22, "17:36:00"))
        assert air.as_run() == [("Dài", "played", "", 300), ("Sai", "partial", "withdrawn", 20)]

    def test_what_is_mended_and_approved_again_in_time_is_written_down_as_it_went_out_at_last(self, air: Air) -> None:
        programme = air.desk.approved("Sai", 60)
        air.at("2026-11-22T17:30:00", programme)
        air.until(in_vietnam(22, "17:30:50"))
        air.desk.unapprove(programme)
        air.until(in_vietnam(22, "17:31:30"))
        with air.desk.database.transaction() as session:
            one = session.merge(programme)
            one.state, one.heard_sha256, one.approved_at = "approved", one.approved_sha256, air.now
            one.title, one.duration_ms = "Đúng", 30_000
            mark_stale(session, [air.desk.city.hai_chau.id])
        air.until(in_vietnam(22, "17:33:00"))
        assert air.as_run() == [("Đúng", "played", "", 30)]
        assert [episode.title for episode in air.episodes()] == ["Đúng"]

    def test_withdrawn_before_it_starts_it_leaves_no_trace(self, air: Air) -> None:
        one = air.at("2026-11-22T17:30:00")
        air.look()
        air.take_back(one)
        air.until(in_vietnam(22, "17:35:00"))
        assert air.rundown().items == ()
        assert air.as_run() == []


class TestSounds:
    """A missing or damaged file is an alarm before air and a fallback at air."""

    def test_a_missing_file_is_an_alarm_a_minute_before_air_and_is_missed(self, air: Air) -> None:
        programme = air.desk.approved("Mất tệp")
        air.desk.storage.rendition(programme.rendition_sha256).unlink()
        air.at("2026-11-22T17:30:00", programme)
        air.until(in_vietnam(22, "17:28:55"))
        assert air.playout.alarms == ()
        air.until(in_vietnam(22, "17:29:05"))
        assert [alarm.kind for alarm in air.playout.alarms] == ["sound_missing"]
        air.until(in_vietnam(22, "17:33:00"))
        assert air.as_run() == [("Mất tệp", "missed", "missing", 0)]
        assert air.episodes() == []
        assert air.playout.alarms == ()

    def test_a_damaged_file_is_missed_and_no_episode(self, air: Air) -> None:
        programme = air.desk.approved("Hỏng")
        air.desk.storage.rendition(programme.rendition_sha256).write_bytes(b"damaged")
        air.at("2026-11-22T17:30:00", programme)
        air.until(in_vietnam(22, "17:33:00"))
        assert air.as_run() == [("Hỏng", "missed", "missing", 0)]
        assert air.episodes() == []

    def test_a_file_that_comes_back_before_air_ends_the_alarm(self, air: Air) -> None:
        programme = air.desk.approved()
        path = air.desk.storage.rendition(programme.rendition_sha256)
        content = path.read_bytes()
        path.write_bytes(b"damaged")
        air.at("2026-11-22T17:30:00", programme)
        air.until(in_vietnam(22, "17:29:05"))
        assert [alarm.kind for alarm in air.playout.alarms] == ["sound_damaged"]
        path.write_bytes(content)
        air.until(in_vietnam(22, "17:29:55"))
        assert air.playout.alarms == ()


class TestTrouble:
    """One unit's trouble stays its own, and heals."""

    def test_a_rundown_that_cannot_be_read_stops_no_other(self, air: Air) -> None:
        for unit in (air.desk.city.hai_chau, air.desk.city.lien_chieu):
            air.at("2026-11-22T17:30:00", unit=unit)
        air.look()
        with air.desk.database.transaction() as session:
            of = RundownRow.unit_id == air.desk.city.hai_chau.id
            session.execute(update(RundownRow).where(of).values(message=b"\x00spoiled", stale=True))
        assert air.look().failed == 1
        air.until(in_vietnam(22, "17:31:30"), timedelta(minutes=20))
        assert len(air.as_run()) == 1
        assert air.playout.counts["failed"] > 1
        with air.desk.database.transaction() as session:
            session.execute(update(RundownRow).where(of).values(message=b""))
        air.until(in_vietnam(22, "17:32:00"), MINUTE)
        assert air.rundown().items

    def test_a_schedule_that_nobody_can_read_costs_only_itself(self, air: Air) -> None:
        bad = air.at("2026-11-23T04:00:00")
        strange = air.at("2026-11-23T04:30:00")
        air.at("2026-11-23T05:00:00", air.desk.approved("Tốt"))
        with air.desk.database.transaction() as session:
            session.execute(update(Schedule).where(Schedule.id == bad).values(timezone="Nowhere/City"))
            session.execute(update(Schedule).where(Schedule.id == strange).values(rank="loudest"))
        assert air.look().failed == 0
        assert [item.title for item in air.rundown().items] == ["Tốt"]

    def test_long_ended_schedules_are_no_longer_looked_through(self, air: Air) -> None:
        air.at("2026-11-22T17:30:00")
        air.until(air.now + timedelta(days=5), timedelta(hours=2))
        with air.desk.database.reading() as session:
            assert session.scalars(select(ScheduleTarget)).all() == []
        assert air.rundown().items == ()


async def test_the_loop_looks_again_at_once_after_a_hint_and_ends_when_told(
    air: Air, monkeypatch: pytest.MonkeyPatch
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


def test_hinting_a_playout_that_does_not_run_does_nothing(air: Air) -> None:
    hint: Callable[[], None] = air.playout.hint
    hint()
