"""What begins and ends at once: «Phát ngay», «Dừng», and what is taken off the air."""

from datetime import timedelta
from typing import Any

from broadcast.onair import Place, cues_of, decide
from broadcast.plan import mark_stale
from broadcast.priority import Rank
from streams.frame import sample_position

MINUTE = timedelta(minutes=1)


class TestNow:
    """«Phát ngay» and «Dừng»."""

    def test_it_is_in_the_rundown_of_the_next_look_and_starts_after_the_lead(self, air: Any) -> None:
        air.start_now(air.desk.approved(seconds=20))
        assert air.look().signed == 1
        (item,) = air.rundown().items
        assert item.start == air.now + timedelta(milliseconds=400)
        assert item.latest_start == item.start + MINUTE

    def test_withdrawn_while_on_air_it_stops_at_once_everywhere_and_is_partly_heard(self, air: Any) -> None:
        one = air.start_now(air.desk.approved("Nhầm", 120))
        air.until(air.now + timedelta(seconds=30))
        air.take_back(one)
        air.look()
        (item,) = air.rundown().items
        assert item.expires == air.now + timedelta(milliseconds=400)
        air.until(air.now + timedelta(seconds=5))
        assert air.as_run() == [("Nhầm", "partial", "withdrawn", 30)]
        assert air.episodes() == []

    def test_what_a_withdrawn_emergency_had_cut_resumes_at_the_right_sample(self, air: Any) -> None:
        air.at("2026-11-22T17:30:00", air.desk.approved("Dài", 300))
        air.until(air.clock(22, "17:31:00"))
        one = air.start_now(air.desk.approved("Báo động nhầm", 600), rank=Rank.EMERGENCY)
        air.until(air.clock(22, "17:31:20"))
        air.take_back(one)
        air.look()
        place = Place(air.desk.city.hai_chau.path)
        *_, rest = decide([air.rundown()], air.clock(22, "17:30:00"), place).spans
        assert (rest.item.title, rest.offset) == ("Dài", 48_000 * 60 + 48 * 400)
        air.until(air.clock(22, "17:36:00"))
        assert air.as_run() == [("Dài", "played", "", 300), ("Báo động nhầm", "partial", "withdrawn", 20)]

    def test_what_waits_for_the_air_is_stopped_too(self, air: Any) -> None:
        air.at("2026-11-22T17:30:00", air.desk.approved("Trước", 60), late_s=0)
        air.until(air.clock(22, "17:30:30"))
        one = air.start_now(air.desk.approved("Sau", 60))
        air.until(air.clock(22, "17:30:50"))
        air.take_back(one)
        air.until(air.clock(22, "17:33:00"))
        assert air.as_run() == [("Trước", "played", "", 60), ("Sau", "missed", "withdrawn", 0)]

    def test_what_began_late_stops_although_its_planned_end_has_passed(self, air: Any) -> None:
        air.at("2026-11-22T17:30:00", air.desk.approved("Trước", 60), late_s=0)
        air.until(air.clock(22, "17:30:30"))
        one = air.start_now(air.desk.approved("Sau", 60))
        air.until(air.clock(22, "17:31:40"))
        air.take_back(one)
        air.look()
        place = Place(air.desk.city.hai_chau.path)
        *_, cue = cues_of(decide([air.rundown()], air.now, place))
        assert (cue.end, cue.fade_out) == (sample_position(air.now + timedelta(milliseconds=400)), 48 * 200)
        air.until(air.clock(22, "17:33:00"))
        assert air.as_run() == [("Trước", "played", "", 60), ("Sau", "partial", "withdrawn", 40)]

    def test_what_an_emergency_had_cut_does_not_resume_once_it_is_stopped(self, air: Any) -> None:
        one = air.start_now(air.desk.approved("Dài", 600))
        air.until(air.now + timedelta(seconds=120))
        air.start_now(air.desk.approved("Lũ", 600), rank=Rank.EMERGENCY)
        air.until(air.now + timedelta(seconds=180))
        air.take_back(one)
        air.until(air.now + timedelta(minutes=20))
        assert air.as_run() == [("Dài", "partial", "withdrawn", 120), ("Lũ", "played", "", 600)]

    def test_a_programme_that_loses_its_approval_on_air_is_taken_off(self, air: Any) -> None:
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

    def test_what_it_had_cut_resumes_where_it_was_cut_when_it_loses_its_approval(self, air: Any) -> None:
        air.at("2026-11-22T17:30:00", air.desk.approved("Dài", 300))
        air.until(air.clock(22, "17:31:00"))
        programme = air.desk.approved("Sai", 600)
        air.start_now(programme, rank=Rank.EMERGENCY)
        air.until(air.clock(22, "17:31:20"))
        air.desk.unapprove(programme)
        for seconds in (0, 60):
            air.until(air.clock(22, "17:31:20") + timedelta(seconds=seconds))
            with air.desk.database.transaction() as session:
                mark_stale(session, [air.desk.city.hai_chau.id])
            air.look()
            place = Place(air.desk.city.hai_chau.path)
            *_, rest = decide([air.rundown()], air.clock(22, "17:30:00"), place).spans
            assert (rest.item.title, rest.offset) == ("Dài", 48_000 * 60 + 48 * 400)
        air.until(air.clock(22, "17:36:00"))
        assert air.as_run() == [("Dài", "played", "", 300), ("Sai", "partial", "withdrawn", 20)]

    def test_what_is_mended_and_approved_again_in_time_is_written_down_as_it_went_out_at_last(self, air: Any) -> None:
        programme = air.desk.approved("Sai", 60)
        air.at("2026-11-22T17:30:00", programme)
        air.until(air.clock(22, "17:30:50"))
        air.desk.unapprove(programme)
        air.until(air.clock(22, "17:31:30"))
        with air.desk.database.transaction() as session:
            one = session.merge(programme)
            one.state, one.heard_sha256, one.approved_at = "approved", one.approved_sha256, air.now
            one.title, one.duration_ms = "Đúng", 30_000
            mark_stale(session, [air.desk.city.hai_chau.id])
        air.until(air.clock(22, "17:33:00"))
        assert air.as_run() == [("Đúng", "played", "", 30)]
        assert [episode.title for episode in air.episodes()] == ["Đúng"]

    def test_withdrawn_before_it_starts_it_leaves_no_trace(self, air: Any) -> None:
        one = air.at("2026-11-22T17:30:00")
        air.look()
        air.take_back(one)
        air.until(air.clock(22, "17:35:00"))
        assert air.rundown().items == ()
        assert air.as_run() == []
