"""Schedules as people make them: what is refused and why, who may change what."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from sqlalchemy import delete, select

from broadcast.administrative_unit import end
from broadcast.audit import Audit
from broadcast.errors import NotAllowed, NotFound, ScheduleRefused
from broadcast.outlook import upcoming
from broadcast.permission import Person
from broadcast.plan import RundownRow, ScheduleTarget
from broadcast.priority import Rank
from broadcast.schedule import add, change_occurrence, changes_of, play_now, schedule, withdraw

WEEK = timedelta(days=7)


def test_a_daily_bulletin_is_planned_for_the_coming_days(desk: Any, put: Callable[..., str], now: datetime) -> None:
    put("2026-11-23T05:00:00", rule="FREQ=DAILY")
    with desk.database.reading() as session:
        planned = upcoming(session, desk.city.hai_chau, now, now + timedelta(days=3))
        assert upcoming(session, desk.city.lien_chieu, now, now + WEEK) == []
    assert [f"{one.start:%d %H:%M}" for one in planned] == ["22 22:00", "23 22:00", "24 22:00"]
    assert planned[0].targets == (f"unit:{desk.city.hai_chau.path}",)
    assert len({one.item_id for one in planned}) == 3


def test_what_is_for_the_whole_city_is_planned_for_each_commune(
    desk: Any, put: Callable[..., str], now: datetime
) -> None:
    put("2026-11-23T05:00:00", targets=[(desk.city.city.id, None)])
    with desk.database.reading() as session:
        assert len(upcoming(session, desk.city.lien_chieu, now, now + WEEK)) == 1
        assert len(upcoming(session, desk.city.city, now, now + WEEK)) == 1


def test_clusters_of_one_unit_are_one_item_with_several_targets(
    desk: Any, put: Callable[..., str], now: datetime
) -> None:
    unit = desk.city.hai_chau.id
    put("2026-11-23T05:00:00", targets=[(unit, "b"), (unit, "a"), (desk.city.lien_chieu.id, None)])
    with desk.database.reading() as session:
        (one,) = upcoming(session, desk.city.hai_chau, now, now + WEEK)
    assert one.targets == ("cluster:a", "cluster:b")


def test_saving_marks_the_rundowns_of_the_targets_and_writes_an_audit_row(desk: Any, put: Callable[..., str]) -> None:
    one = put("2026-11-23T05:00:00")
    with desk.database.reading() as session:
        row = session.get_one(RundownRow, desk.city.hai_chau.id)
        assert row.stale
        assert session.get(RundownRow, desk.city.lien_chieu.id) is None
        acts = session.scalars(select(Audit.act).where(Audit.object_id == one)).all()
    assert acts == ["schedule.add"]


@pytest.mark.parametrize(
    ("wall", "rule", "zone", "says"),
    [
        ("2026-11-22T16:59:00", "", "Asia/Ho_Chi_Minh", "đã qua"),
        ("2026-02-31T05:00:00", "", "Asia/Ho_Chi_Minh", "Không có ngày giờ"),
        ("2026-11-23T05:00:00", "", "Asia/Da_Nang", "múi giờ"),
        ("2026-11-23T05:00:00", "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=31", "Asia/Ho_Chi_Minh", "không bao giờ phát"),
        ("2026-11-23T05:00:00", "FREQ=MONTHLY;BYMONTHDAY=1;BYSETPOS=2", "Asia/Ho_Chi_Minh", "không có lần phát nào"),
        ("2026-11-01T05:00:00", "FREQ=DAILY;COUNT=3", "Asia/Ho_Chi_Minh", "không có lần phát nào"),
        ("2026-11-23T05:00:00", "FREQ=MINUTELY", "Asia/Ho_Chi_Minh", "Quy tắc lặp"),
    ],
)
def test_what_cannot_be_kept_is_refused_with_a_sentence(
    put: Callable[..., str], wall: str, rule: str, zone: str, says: str
) -> None:
    with pytest.raises(ScheduleRefused, match=says):
        put(wall, rule=rule, timezone=zone)


def test_an_unapproved_programme_is_refused(desk: Any, now: datetime) -> None:
    programme = desk.approved()
    desk.unapprove(programme)
    with desk.database.transaction() as session:
        one = session.merge(programme, load=True)
        session.refresh(one)
        for act in (
            lambda: play_now(session, one, [(desk.city.hai_chau.id, None)], desk.editor, now, lead_ms=400),
            lambda: add(
                session, one, [(desk.city.hai_chau.id, None)], "2026-11-23T05:00:00", person=desk.editor, now=now
            ),
        ):
            with pytest.raises(ScheduleRefused, match="duyệt"):
                act()


def test_nobody_schedules_for_units_that_are_not_theirs(
    desk: Any, person: Callable[..., Person], now: datetime
) -> None:
    programme, local = desk.approved(), person("lan", "editor", desk.city.hai_chau)
    with desk.database.transaction() as session:
        for unit in (desk.city.lien_chieu, desk.city.city):
            with pytest.raises(NotAllowed):
                play_now(session, programme, [(unit.id, None)], local, now, lead_ms=400)
        with pytest.raises(NotFound):
            play_now(session, programme, [("nowhere", None)], local, now, lead_ms=400)
        with pytest.raises(ScheduleRefused):
            play_now(session, programme, [], local, now, lead_ms=400)


def test_a_schedule_that_ended_long_ago_is_still_only_theirs_whose_units_it_aimed_at(
    desk: Any, put: Callable[..., str], person: Callable[..., Person], now: datetime
) -> None:
    one, neighbour = put("2026-11-23T05:00:00"), person("lan", "editor", desk.city.lien_chieu)
    with desk.database.transaction() as session:
        session.execute(delete(ScheduleTarget))  # as the playout does some days after the end
    for act in (
        lambda session: withdraw(session, schedule(session, one), neighbour, now),
        lambda session: change_occurrence(
            session, schedule(session, one), "2026-11-23T05:00:00", "", person=neighbour, now=now
        ),
    ):
        with desk.database.transaction() as session, pytest.raises(NotAllowed):
            act(session)


def test_now_may_be_told_in_any_zone(desk: Any, now: datetime) -> None:
    there = now.astimezone(timezone(timedelta(hours=7)))
    with desk.database.transaction() as session:
        play_now(session, desk.approved(), [(desk.city.hai_chau.id, None)], desk.editor, there, lead_ms=400)
        (one,) = upcoming(session, desk.city.hai_chau, now, now + WEEK)
    assert one.start == now + timedelta(milliseconds=400)


def test_nothing_is_scheduled_for_a_unit_that_has_ended(desk: Any, put: Callable[..., str], now: datetime) -> None:
    with desk.database.transaction() as session:
        end(session, session.merge(desk.city.hai_chau), now.date() + timedelta(days=1))
    put("2026-11-22T23:00:00")
    with desk.database.transaction() as session:
        session.merge(desk.city.hai_chau).valid_to = now.date()
    with pytest.raises(ScheduleRefused, match="không còn là đơn vị hành chính từ ngày 22/11/2026"):
        put("2026-11-22T23:00:00")


def test_now_is_an_instant_a_little_ahead(desk: Any, now: datetime) -> None:
    with desk.database.transaction() as session:
        play_now(session, desk.approved(), [(desk.city.hai_chau.id, None)], desk.editor, now, lead_ms=400)
    with desk.database.reading() as session:
        (one,) = upcoming(session, desk.city.hai_chau, now, now + WEEK)
    assert (one.start, one.late_s) == (now + timedelta(milliseconds=400), 60)


def test_now_in_the_hour_that_comes_twice_is_now(desk: Any) -> None:
    second = datetime(2027, 10, 31, 1, 30, tzinfo=UTC)  # 02:30 in Berlin, for the second time
    programme = desk.approved()
    with desk.database.transaction() as session:
        session.merge(desk.city.hai_chau).timezone = "Europe/Berlin"
        play_now(session, programme, [(desk.city.hai_chau.id, None)], desk.editor, second, lead_ms=0)
        planned = upcoming(session, desk.city.hai_chau, second, second + WEEK)
    assert [one.start for one in planned] == [second]


def test_a_withdrawn_schedule_is_planned_no_more(desk: Any, put: Callable[..., str], now: datetime) -> None:
    one = put("2026-11-23T05:00:00")
    with desk.database.transaction() as session:
        withdraw(session, schedule(session, one), desk.editor, now)
        withdraw(session, schedule(session, one), desk.editor, now)
    with desk.database.reading() as session:
        assert upcoming(session, desk.city.hai_chau, now, now + WEEK) == []
        acts = session.scalars(select(Audit.act).where(Audit.object_id == one)).all()
    assert sorted(acts) == ["schedule.add", "schedule.withdraw"]


class TestOccurrences:
    """Single occurrences are moved, cancelled, given another programme."""

    def test_one_day_is_moved_and_one_cancelled(self, desk: Any, put: Callable[..., str], now: datetime) -> None:
        one = put("2026-11-23T05:00:00", rule="FREQ=DAILY;COUNT=3")
        with desk.database.transaction() as session:
            rule = schedule(session, one)
            change_occurrence(session, rule, "2026-11-24T05:00:00", "2026-12-24T06:00:00", person=desk.editor, now=now)
            change_occurrence(session, rule, "2026-11-25T05:00:00", "", person=desk.editor, now=now)
        with desk.database.reading() as session:
            planned = upcoming(session, desk.city.hai_chau, now, now + timedelta(days=60))
            changes = changes_of(session, schedule(session, one))
        assert [f"{item.start:%m-%d %H:%M}" for item in planned] == ["11-22 22:00", "12-23 23:00"]
        assert len(changes) == 2

    def test_a_change_is_written_down(
        self, desk: Any, put: Callable[..., str], now: datetime, acts_on: Callable[..., Any]
    ) -> None:
        one, at = put("2026-11-23T05:00:00", rule="FREQ=DAILY;COUNT=3"), "2026-11-24T05:00:00"
        with desk.database.transaction() as session:
            change_occurrence(session, schedule(session, one), at, "", person=desk.editor, now=now)
        with desk.database.reading() as session:
            (row,) = [row for row in acts_on(session, "schedule", one) if row.act == "schedule.change"]
        assert (row.account_id, row.detail["occurrence"], row.detail["to"]) == (desk.editor.account_id, at, "")

    def test_the_other_programme_is_said_this_once(self, desk: Any, put: Callable[..., str], now: datetime) -> None:
        one, other = put("2026-11-23T05:00:00", rule="FREQ=DAILY;COUNT=2"), desk.approved("Tin riêng")
        at = "2026-11-24T05:00:00"
        with desk.database.transaction() as session:
            rule = schedule(session, one)
            change_occurrence(session, rule, at, at, programme=other, person=desk.editor, now=now)
        with desk.database.reading() as session:
            planned = upcoming(session, desk.city.hai_chau, now, now + WEEK)
        assert [item.title for item in planned] == ["Bản tin", "Tin riêng"]

    @pytest.mark.parametrize(
        ("occurrence", "to", "later_s"),
        [
            ("2026-11-23T05:30:00", "", 0),
            ("2026-11-30T05:00:00", "", 0),
            ("2026-11-23T05:00:00", "2026-11-22T05:00:00", 0),
            ("2026-11-23T05:00:00", "", 86_400),
        ],
    )
    def test_what_is_no_occurrence_or_is_over_cannot_be_changed(
        self, desk: Any, put: Callable[..., str], occurrence: str, to: str, later_s: int
    ) -> None:
        one = put("2026-11-23T05:00:00", rule="FREQ=DAILY;COUNT=3")
        now = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
        later = now + timedelta(seconds=later_s)
        with desk.database.transaction() as session, pytest.raises(ScheduleRefused):
            change_occurrence(session, schedule(session, one), occurrence, to, person=desk.editor, now=later)


def test_ranks_are_kept(desk: Any, put: Callable[..., str], now: datetime) -> None:
    put("2026-11-23T05:00:00", rank=Rank.EMERGENCY)
    with desk.database.reading() as session:
        (one,) = upcoming(session, desk.city.hai_chau, now, now + WEEK)
    assert one.rank is Rank.EMERGENCY
