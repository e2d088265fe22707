"""What is planned in a tree of units, and what a new schedule would meet there."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from broadcast.administrative_unit import add_village
from broadcast.outlook import outlook, overlaps, upcoming


def test_the_city_sees_what_is_planned_anywhere_and_a_commune_what_it_hears(
    desk: Any, put: Callable[..., str], now: datetime
) -> None:
    with desk.database.transaction() as session:
        village = add_village(session, session.merge(desk.city.hai_chau), "Thôn Một", now)
    for hour, unit in enumerate((desk.city.city, desk.city.hai_chau, desk.city.lien_chieu, village)):
        put(f"2026-11-23T0{hour}:00:00", targets=[(unit.id, None)], title=unit.slug)
    with desk.database.reading() as session:
        day = (now, now + timedelta(days=1))
        assert len(outlook(session, desk.city.city, *day)) == 4
        heard = ["da-nang", "hai-chau", "hai-chau-thon-mot"]
        assert [one.title for one in outlook(session, desk.city.hai_chau, *day)] == heard
        assert [one.title for one in upcoming(session, desk.city.hai_chau, *day)] == heard
        assert [one.title for one in upcoming(session, desk.city.hai_chau, *day, below=False)] == heard[:2]
        assert [one.title for one in upcoming(session, desk.city.city, *day)] == heard[:1]


def test_what_began_before_and_still_lasts_is_told_and_what_is_not_ready_only_to_those_who_ask(
    desk: Any, put: Callable[..., str], now: datetime
) -> None:
    programme = desk.approved("Dài", 600)
    put("2026-11-22T17:30:00", programme=programme)
    began = now + timedelta(minutes=35)
    with desk.database.reading() as session:
        assert len(upcoming(session, desk.city.hai_chau, began, began + timedelta(hours=1))) == 1
        assert upcoming(session, desk.city.hai_chau, began + timedelta(minutes=5), began + timedelta(hours=1)) == []
    desk.unapprove(programme)
    with desk.database.reading() as session:
        hour = (began, began + timedelta(hours=1))
        assert upcoming(session, desk.city.hai_chau, *hour) == []
        (one,) = upcoming(session, desk.city.hai_chau, *hour, unready=True)
        assert not one.ready
        assert outlook(session, desk.city.hai_chau, *hour) == [one]


class TestOverlaps:
    """What a new schedule would meet is shown before it is saved."""

    def meets(self, desk: Any, now: datetime, wall: str, targets: Any = None, **more: Any) -> list[tuple[str, str]]:
        """(start, title) of what a five minutes' programme would meet."""
        programme = desk.approved("Mới", 300)
        with desk.database.reading() as session:
            found = overlaps(session, programme, targets or [(desk.city.hai_chau.id, None)], wall, now=now, **more)
        return [(f"{one.start:%d %H:%M:%S}", one.title) for one in found]

    def test_each_meeting_is_shown_with_its_time(self, desk: Any, put: Callable[..., str], now: datetime) -> None:
        put("2026-11-23T05:00:00", rule="FREQ=DAILY;COUNT=3", title="Sáng", seconds=120)
        assert self.meets(desk, now, "2026-11-24T05:01:00") == [("23 22:01:00", "Sáng")]
        assert len(self.meets(desk, now, "2026-11-23T04:58:00", rule="FREQ=DAILY")) == 3
        assert self.meets(desk, now, "2026-11-24T05:02:00") == []
        assert self.meets(desk, now, "2026-11-24T04:55:00") == []

    def test_a_long_programme_that_began_long_before_is_met_behind_short_ones(
        self, desk: Any, put: Callable[..., str], now: datetime
    ) -> None:
        put("2026-11-23T05:00:00", title="Dài", seconds=7_200)
        for minute in range(1, 20):
            put(f"2026-11-23T06:{minute:02}:00", title="Ngắn", seconds=10)
        assert self.meets(desk, now, "2026-11-23T06:30:00") == [("22 23:30:00", "Dài")]

    def test_what_the_city_sends_is_met_too(self, desk: Any, put: Callable[..., str], now: datetime) -> None:
        put("2026-11-23T05:00:00", targets=[(desk.city.city.id, None)], title="Thành phố")
        assert self.meets(desk, now, "2026-11-23T05:00:30") == [("22 22:00:30", "Thành phố")]

    def test_other_communes_and_other_clusters_are_not_met(
        self, desk: Any, put: Callable[..., str], now: datetime
    ) -> None:
        unit = desk.city.hai_chau.id
        put("2026-11-23T05:00:00", targets=[(desk.city.lien_chieu.id, None)])
        put("2026-11-23T05:00:00", targets=[(unit, "a")], title="Cụm a")
        assert self.meets(desk, now, "2026-11-23T05:00:00", [(unit, "b")]) == []
        assert [title for _, title in self.meets(desk, now, "2026-11-23T05:00:00", [(unit, "a")])] == ["Cụm a"]
        assert [title for _, title in self.meets(desk, now, "2026-11-23T05:00:00")] == ["Cụm a"]

    def test_the_schedule_that_is_being_changed_does_not_meet_itself(
        self, desk: Any, put: Callable[..., str], now: datetime
    ) -> None:
        one = put("2026-11-23T05:00:00")
        assert self.meets(desk, now, "2026-11-23T05:00:00", besides=one) == []

    def test_what_is_for_the_whole_city_meets_what_each_commune_has(
        self, desk: Any, put: Callable[..., str], now: datetime
    ) -> None:
        for unit in (desk.city.hai_chau, desk.city.lien_chieu):
            put("2026-11-23T17:00:00", targets=[(unit.id, None)], title=unit.slug)
        found = self.meets(desk, now, "2026-11-23T17:00:00", [(desk.city.city.id, None)])
        assert sorted(found) == [("23 10:00:00", "hai-chau"), ("23 10:00:00", "lien-chieu")]

    def test_what_is_planned_weeks_ahead_is_looked_at_there(
        self, desk: Any, put: Callable[..., str], now: datetime
    ) -> None:
        put("2026-12-18T05:00:00", title="Sáng")
        assert self.meets(desk, now, "2026-12-18T05:00:30") == [("17 22:00:30", "Sáng")]
