"""Rules become occurrences: wall time is kept, clock changes are met, nonsense is refused with a sentence."""

from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadcast.errors import ScheduleRefused
from broadcast.event import (
    Change,
    describe,
    first_start,
    last_start,
    occurrences,
    rule_parts,
    start_of,
    wall_time,
    walls,
)

VIETNAM = "Asia/Ho_Chi_Minh"
DAWN = datetime(2000, 1, 1, tzinfo=UTC)


def starts(wall: str, zone: str, rule: str = "", *changes: Change, days: int = 30) -> list[str]:
    """The starts within so many days of the first, in UTC, to the minute."""
    first = start_of(wall_time(wall), zone) - timedelta(days=1)
    found = occurrences(wall, zone, rule, changes, from_=first, to=first + timedelta(days=days + 1))
    return [f"{event.start:%Y-%m-%d %H:%M}" for event in found]


def test_once_is_one_instant() -> None:
    assert starts("2026-11-24T17:00:00", VIETNAM) == ["2026-11-24 10:00"]


def test_milliseconds_are_kept() -> None:
    (event,) = occurrences("2026-11-24T17:00:00.400", "UTC", "", (), from_=DAWN, to=datetime(2030, 1, 1, tzinfo=UTC))
    assert event.start == datetime(2026, 11, 24, 17, 0, 0, 400_000, tzinfo=UTC)
    assert event.occurrence == "2026-11-24T17:00:00.400"


def test_every_weekday_leaves_the_weekend_out() -> None:
    week = starts("2026-11-23T05:00:00", VIETNAM, "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR", days=8)
    assert week == [f"2026-11-{day} 22:00" for day in (22, 23, 24, 25, 26)] + ["2026-11-29 22:00"]


def test_several_times_a_day_are_one_rule() -> None:
    day = starts("2026-11-24T05:00:00", "UTC", "FREQ=DAILY;BYHOUR=5,17;BYMINUTE=0,30", days=1)
    assert day == ["2026-11-24 05:00", "2026-11-24 05:30", "2026-11-24 17:00", "2026-11-24 17:30"]


@pytest.mark.parametrize(
    ("rule", "count"),
    [
        ("FREQ=DAILY;COUNT=3", 3),
        ("FREQ=DAILY;UNTIL=20261126", 3),
        ("FREQ=DAILY;UNTIL=20261126T170000", 3),
        ("FREQ=DAILY;UNTIL=20261126T165959", 2),
        ("FREQ=DAILY;UNTIL=20261126T100000Z", 3),
        ("FREQ=DAILY;UNTIL=20261126T095959Z", 2),
        ("RRULE:freq=daily;interval=10", 3),
    ],
)
def test_rules_end_where_they_say(rule: str, count: int) -> None:
    assert len(starts("2026-11-24T17:00:00", VIETNAM, rule, days=29)) == count


def test_a_rule_begun_years_ago_goes_on() -> None:
    found = walls("2016-02-29T06:00:00", VIETNAM, "FREQ=YEARLY", date(2024, 1, 1), date(2030, 1, 1))
    assert [f"{wall:%Y-%m-%d}" for wall in found] == ["2024-02-29", "2028-02-29"]


class TestClockChanges:
    """Wall time stays; what the clock leaves out moves forward, what it says twice is taken at the first."""

    def test_the_instant_follows_the_wall_clock(self) -> None:
        days = starts("2026-03-28T05:00:00", "Europe/Berlin", "FREQ=DAILY;COUNT=2")
        assert days == ["2026-03-28 04:00", "2026-03-29 03:00"]

    @pytest.mark.parametrize(
        ("wall", "zone", "utc"),
        [
            ("2026-03-29T02:30:00", "Europe/Berlin", "2026-03-29 01:30"),  # 03:30 summer time
            ("2026-03-08T02:30:00", "America/New_York", "2026-03-08 07:30"),  # 03:30 summer time
            ("2026-10-04T02:15:00", "Australia/Lord_Howe", "2026-10-03 15:45"),  # a gap of half an hour: 02:45
            ("2026-10-25T02:30:00", "Europe/Berlin", "2026-10-25 00:30"),  # the first 02:30
            ("2026-11-01T01:30:00", "America/New_York", "2026-11-01 05:30"),  # the first 01:30
            ("2026-04-05T01:45:00", "Australia/Lord_Howe", "2026-04-04 14:45"),  # the first 01:45
        ],
    )
    def test_gaps_move_forward_and_the_first_of_two_is_taken(self, wall: str, zone: str, utc: str) -> None:
        assert starts(wall, zone, days=2) == [utc]

    @given(
        st.sampled_from((VIETNAM, "Europe/Berlin", "America/New_York", "Australia/Lord_Howe")),
        st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31)),  # noqa: DTZ001 - wall times
    )
    def test_every_wall_time_of_a_daily_rule_goes_on_air_once_a_day(self, zone: str, wall: datetime) -> None:
        text = wall.isoformat(timespec="seconds")
        first = start_of(wall_time(text), zone)
        found = list(occurrences(text, zone, "FREQ=DAILY", (), from_=first, to=first + timedelta(days=370)))
        assert len({event.occurrence for event in found}) == len(found)
        gaps = [after.start - before.start for before, after in pairwise(found)]
        assert all(timedelta(hours=22, minutes=59) < gap < timedelta(hours=25, minutes=1) for gap in gaps)


class TestChanges:
    """Single occurrences differ from the rule and keep their name."""

    def test_one_occurrence_is_moved_and_one_is_cancelled(self) -> None:
        moved = Change("2026-11-25T17:00:00", "2026-11-25T19:30:00", "another")
        cancelled = Change("2026-11-26T17:00:00", "")
        rule = "FREQ=DAILY;COUNT=4"
        until = datetime(2027, 1, 1, tzinfo=UTC)
        found = list(occurrences("2026-11-24T17:00:00", VIETNAM, rule, (moved, cancelled), from_=DAWN, to=until))
        assert [(e.occurrence[8:13], f"{e.start:%d %H:%M}", e.programme_id) for e in found] == [
            ("24T17", "24 10:00", None),
            ("25T17", "25 12:30", "another"),
            ("27T17", "27 10:00", None),
        ]

    def test_an_occurrence_moved_into_the_window_is_found_although_its_day_is_outside(self) -> None:
        moved = Change("2026-11-24T17:00:00", "2026-12-24T17:00:00")
        day = datetime(2026, 12, 24, tzinfo=UTC)
        found = list(occurrences("2026-11-24T17:00:00", VIETNAM, "", (moved,), from_=day, to=day + timedelta(days=1)))
        assert [event.occurrence for event in found] == ["2026-11-24T17:00:00"]


@pytest.mark.parametrize(
    "wall", ["2026-02-31T05:00:00", "2026-02-29T05:00:00", "24/11/2026", "", "2026-11-24T17:00:00+07:00", "1026-01-01"]
)
def test_a_day_that_is_in_no_calendar_is_refused(wall: str) -> None:
    with pytest.raises(ScheduleRefused):
        wall_time(wall)


@pytest.mark.parametrize("zone", ["Asia/Saigon-2", "", "../../etc/passwd", "/etc/localtime", "Asia", "a\0b"])
def test_a_zone_that_does_not_exist_is_refused(zone: str) -> None:
    with pytest.raises(ScheduleRefused, match="múi giờ"):
        list(occurrences("2026-11-24T17:00:00", zone, "", (), from_=DAWN, to=DAWN))


@pytest.mark.parametrize(
    "rule",
    [
        "every day",
        "FREQ=SECONDLY",
        "FREQ=HOURLY;BYMONTH=2",
        "FREQ=DAILY;FREQ=DAILY",
        "FREQ=DAILY;BYWEEKNO=1",
        "FREQ=DAILY;BYEASTER=0",
        "FREQ=DAILY;INTERVAL=0",
        "FREQ=DAILY;INTERVAL=x",
        "FREQ=DAILY;COUNT=0",
        "FREQ=DAILY;COUNT=100000",
        "FREQ=DAILY;UNTIL=soon",
        "FREQ=DAILY;BYHOUR=0,1,2,3,4,5,6,7,8,9,10,11;BYMINUTE=0,10,20,30,40,50",
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=31",
        "FREQ=DAILY;BYMONTH=4,6;BYMONTHDAY=31",
        "FREQ=DAILY;BYMONTH=13",
        "FREQ=DAILY;BYMONTH=0",
        "FREQ=MONTHLY;BYMONTHDAY=99",
        "FREQ=MONTHLY;BYMONTHDAY=0",
        "FREQ=DAILY;BYHOUR=25",
        "FREQ=DAILY;BYMINUTE=-1",
        "FREQ=YEARLY;BYWEEKNO=54",
    ],
)
def test_a_rule_that_cannot_be_kept_is_refused(rule: str) -> None:
    with pytest.raises(ScheduleRefused):
        rule_parts(rule)


@pytest.mark.parametrize("rule", ["FREQ=WEEKLY;BYDAY=XX", "FREQ=WEEKLY;BYDAY=", "FREQ=MONTHLY;BYDAY=1,MO"])
def test_a_rule_with_days_of_no_week_is_refused(rule: str) -> None:
    with pytest.raises(ScheduleRefused):
        first_start("2026-11-24T17:00:00", VIETNAM, rule, DAWN)


def test_days_may_be_counted_from_the_end_of_the_month() -> None:
    assert starts("2026-11-24T17:00:00", VIETNAM, "FREQ=MONTHLY;BYMONTHDAY=-1", days=40)[0] == "2026-11-30 10:00"


@pytest.mark.parametrize("rule", ["FREQ=MONTHLY;BYMONTHDAY=1;BYSETPOS=2", "FREQ=YEARLY;BYWEEKNO=1;BYMONTH=7"])
def test_a_rule_that_never_occurs_is_found_out(rule: str) -> None:
    assert first_start("2026-11-24T17:00:00", VIETNAM, rule, datetime(2026, 11, 1, tzinfo=UTC)) is None


def test_a_rule_of_leap_days_occurs() -> None:
    found = first_start("2026-03-01T05:00:00", "UTC", "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29", DAWN)
    assert found == datetime(2028, 2, 29, 5, 0, tzinfo=UTC)


def test_the_last_start_is_known_where_there_is_one() -> None:
    assert last_start("2026-11-24T17:00:00", VIETNAM, "FREQ=DAILY") is None
    assert last_start("2026-11-24T17:00:00", VIETNAM, "") == datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
    assert last_start("2026-11-24T17:00:00", VIETNAM, "FREQ=DAILY;COUNT=3") == datetime(2026, 11, 26, 10, tzinfo=UTC)


@given(st.text(max_size=60))
def test_any_text_is_a_rule_or_is_refused(text: str) -> None:
    with suppress(ScheduleRefused):
        first_start("2026-11-24T17:00:00", VIETNAM, f"FREQ=DAILY;{text}", DAWN, years=1)


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("", "một lần"),
        ("FREQ=DAILY", "hằng ngày"),
        ("FREQ=DAILY;INTERVAL=2", "2 ngày một lần"),
        ("FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR", "từ thứ Hai đến thứ Sáu hằng tuần"),
        ("FREQ=WEEKLY;BYDAY=MO,SU;UNTIL=20261231", "thứ Hai, Chủ nhật hằng tuần đến hết ngày 31/12/2026"),
        ("FREQ=MONTHLY;BYDAY=1MO", "thứ Hai đầu tiên hằng tháng"),
        ("FREQ=MONTHLY;BYMONTHDAY=1,15;COUNT=6", "ngày 1, 15 hằng tháng trong 6 lần"),
        ("FREQ=YEARLY;BYMONTHDAY=2;BYMONTH=9", "ngày 2 tháng 9 hằng năm"),
        ("FREQ=DAILY;BYHOUR=5,17", "hằng ngày lúc 5:00, 17:00"),
    ],
)
def test_a_rule_is_said_in_words(rule: str, words: str) -> None:
    assert describe(rule) == words
