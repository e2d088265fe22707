"""What went out is in the log and the archive within seconds, once, whatever happened meanwhile."""

from typing import Any

from broadcast.plan import mark_stale
from broadcast.priority import Rank
from broadcast.schedule import add


class TestWritingDown:
    """What went out is in the log and the archive within seconds."""

    def test_an_aired_item_is_in_the_log_and_an_episode(self, air: Any) -> None:
        programme = air.desk.approved("Bản tin chiều", 90)
        air.at("2026-11-22T17:30:00", programme)
        air.until(air.clock(22, "17:31:35"))
        assert air.as_run() == [("Bản tin chiều", "played", "", 90)]
        (episode,) = air.episodes()
        assert (episode.unit_path, episode.programme_id) == (air.desk.city.hai_chau.path, programme.id)
        assert (episode.aired_at, episode.duration_ms) == (air.clock(22, "17:30:00"), 90_000)
        assert (episode.text, episode.sentences) == ("Kính thưa bà con.", [["Kính thưa bà con.", 0, 90_000]])

    def test_nothing_is_written_twice_however_often_it_looks_and_restarts(self, air: Any) -> None:
        air.at("2026-11-22T17:30:00", rule="FREQ=DAILY")
        for moment in ("17:29:30", "17:30:30", "17:31:00", "17:31:05", "17:40:00"):
            air.restart()
            air.until(air.clock(22, moment))
            air.restart()
            air.look()
        with air.desk.database.transaction() as session:
            mark_stale(session, [air.desk.city.hai_chau.id])
        air.look()
        assert len(air.as_run()) == len(air.episodes()) == 1

    def test_a_station_killed_before_the_item_and_back_after_it_writes_it_down(self, air: Any) -> None:
        air.at("2026-11-22T17:30:00")
        air.look()
        air.now = air.clock(22, "20:00:00")
        air.restart()
        air.look()
        assert air.as_run() == [("Bản tin", "played", "", 60)]
        assert len(air.episodes()) == 1

    def test_what_an_emergency_of_the_city_cut_is_written_down_when_it_has_resumed(self, air: Any) -> None:
        air.at("2026-11-22T17:30:00", air.desk.approved("Dài", 300))
        air.until(air.clock(22, "17:31:00"))
        air.start_now(air.desk.approved("Lũ", 60), air.desk.city.city, rank=Rank.EMERGENCY)
        air.until(air.clock(22, "17:35:30"))
        assert air.as_run() == [("Lũ", "played", "", 60)]
        air.until(air.clock(22, "17:36:05"))
        assert air.as_run() == [("Dài", "played", "", 300), ("Lũ", "played", "", 60)]

    def test_who_does_not_resume_is_partly_heard(self, air: Any) -> None:
        air.at("2026-11-22T17:30:00", air.desk.approved("Dài", 300), resume="missed")
        air.until(air.clock(22, "17:31:00"))
        air.start_now(air.desk.approved("Lũ", 60), rank=Rank.EMERGENCY)
        air.until(air.clock(22, "17:33:00"))
        assert air.as_run() == [("Dài", "partial", "cut", 60), ("Lũ", "played", "", 60)]

    def test_clusters_play_their_own_items_at_the_same_time(self, air: Any) -> None:
        unit = air.desk.city.hai_chau.id
        for title, cluster in (("A", "a"), ("B", "b")):
            programme = air.desk.approved(title, 30)
            with air.desk.database.transaction() as session:
                targets = [(unit, cluster)]
                add(session, programme, targets, "2026-11-22T17:30:00", late_s=0, person=air.desk.editor, now=air.now)
        air.until(air.clock(22, "17:31:00"))
        assert sorted(air.as_run()) == [("A", "played", "", 30), ("B", "played", "", 30)]
