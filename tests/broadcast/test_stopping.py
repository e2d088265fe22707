"""«Dừng» ends what is on air, and only that: the rest of the rule, and what was moved behind it, still comes."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from broadcast.administrative_unit import AdministrativeUnit
from broadcast.errors import NotAllowed
from broadcast.event import describe
from broadcast.outlook import upcoming
from broadcast.permission import Person
from broadcast.plan import Schedule
from broadcast.schedule import change_occurrence, schedule
from broadcast.stopping import stop

ON_AIR = datetime(2026, 11, 24, 22, 30, 20, tzinfo=UTC)  # 05:30:20 on the 25th in Đà Nẵng


@pytest.fixture
def stopped(desk: Any) -> Callable[..., Schedule | None]:
    """A function that stops a schedule at ON_AIR, and gives what follows."""

    def stop_it(one: str) -> Schedule | None:
        with desk.database.transaction() as session:
            return stop(session, schedule(session, one), desk.editor, ON_AIR)

    return stop_it


def days(desk: Any, unit: Any = None) -> list[str]:
    """When something is planned after ON_AIR, by the clock of Đà Nẵng."""
    with desk.database.reading() as session:
        planned = upcoming(session, unit or desk.city.hai_chau, ON_AIR, ON_AIR + timedelta(days=60))
    return [f"{one.start + timedelta(hours=7):%m-%d %H:%M}" for one in planned]


def test_what_is_said_once_is_over(desk: Any, put: Callable[..., str], stopped: Callable[..., Any]) -> None:
    assert stopped(put("2026-11-25T05:30:00")) is None
    assert days(desk) == []


def test_stopping_twice_makes_one_successor(desk: Any, put: Callable[..., str], stopped: Callable[..., Any]) -> None:
    one = put("2026-11-25T05:30:00", rule="FREQ=DAILY;COUNT=3")
    assert stopped(one) is not None
    assert stopped(one) is None
    assert days(desk) == ["11-26 05:30", "11-27 05:30"]


def test_a_counted_rule_goes_on_to_its_last_occurrence_and_says_so(
    desk: Any, put: Callable[..., str], stopped: Callable[..., Any]
) -> None:
    successor = stopped(put("2026-11-25T05:30:00", rule="FREQ=DAILY;COUNT=5"))
    assert days(desk) == ["11-26 05:30", "11-27 05:30", "11-28 05:30", "11-29 05:30"]
    assert describe(successor.rule) == "hằng ngày đến hết ngày 29/11/2026"


def test_changed_occurrences_stay_changed_and_what_was_moved_behind_the_stop_still_comes(
    desk: Any, put: Callable[..., str], stopped: Callable[..., Any], now: datetime
) -> None:
    one = put("2026-11-23T05:30:00", rule="FREQ=DAILY;COUNT=5")
    with desk.database.transaction() as session:
        for occurrence, to in (("24T05:30", "2026-11-25T19:00:00"), ("26T05:30", ""), ("27T05:30", "2026-12-01T06:00")):
            rule = schedule(session, one)
            change_occurrence(session, rule, f"2026-11-{occurrence}:00", to, person=desk.editor, now=now)
    stopped(one)
    assert days(desk) == ["11-25 19:00", "12-01 06:00"]


def test_what_was_moved_behind_the_end_of_the_rule_still_comes(
    desk: Any, put: Callable[..., str], stopped: Callable[..., Any], now: datetime
) -> None:
    one = put("2026-11-24T05:30:00", rule="FREQ=DAILY;COUNT=2")
    with desk.database.transaction() as session:
        rule = schedule(session, one)
        change_occurrence(session, rule, "2026-11-24T05:30:00", "2026-11-30T06:00", person=desk.editor, now=now)
    stopped(one)
    assert days(desk) == ["11-30 06:00"]


def test_a_unit_that_has_ended_meanwhile_neither_undoes_the_stop_nor_ends_the_rule_elsewhere(
    desk: Any, put: Callable[..., str], stopped: Callable[..., Any]
) -> None:
    units = (desk.city.hai_chau, desk.city.lien_chieu)
    one = put("2026-11-25T05:30:00", rule="FREQ=DAILY;COUNT=2", targets=[(unit.id, None) for unit in units])
    with desk.database.transaction() as session:
        session.get_one(AdministrativeUnit, units[1].id).valid_to = date(2026, 11, 25)
    stopped(one)
    assert (days(desk), days(desk, units[1])) == (["11-26 05:30"], [])


def test_a_programme_that_is_not_approved_any_more_does_not_undo_the_stop(
    desk: Any, put: Callable[..., str], stopped: Callable[..., Any]
) -> None:
    programme = desk.approved()
    one = put("2026-11-25T05:30:00", rule="FREQ=DAILY", programme=programme)
    desk.unapprove(programme)
    assert stopped(one) is None
    with desk.database.reading() as session:
        assert schedule(session, one).withdrawn_at == ON_AIR


def test_nobody_stops_what_is_not_theirs(desk: Any, put: Callable[..., str], person: Callable[..., Person]) -> None:
    one, neighbour = put("2026-11-25T05:30:00"), person("lan", "editor", desk.city.lien_chieu)
    with desk.database.transaction() as session, pytest.raises(NotAllowed):
        stop(session, schedule(session, one), neighbour, ON_AIR)
