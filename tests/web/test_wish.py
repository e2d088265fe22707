"""Plain choices become rules, and dates typed by hand are understood."""

import pytest

from broadcast.errors import ScheduleRefused
from broadcast.priority import Rank
from web.form import Form, FormTooLong, parsed
from web.wish import clock_of, day_of, wish_of

LATER = {"noi": ["don_vi:a"], "khi": ["dat-lich"], "ngay": ["2026-11-24"], "gio": ["17:00"]}


@pytest.mark.parametrize(
    ("chosen", "rule"),
    [
        ({}, ""),
        ({"lap": ["mot-lan"], "den": ["2026-12-31"]}, ""),
        ({"lap": ["hang-ngay"]}, "FREQ=DAILY"),
        ({"lap": ["ngay-lam-viec"]}, "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR"),
        ({"lap": ["cac-thu"], "thu": ["SU", "MO", "XX"]}, "FREQ=WEEKLY;BYDAY=MO,SU"),
        ({"lap": ["hang-thang"], "den": ["31/12/2026"]}, "FREQ=MONTHLY;BYMONTHDAY=24;UNTIL=20261231"),
    ],
)
def test_a_plain_choice_becomes_a_rule(chosen: dict[str, list[str]], rule: str) -> None:
    wish = wish_of(Form({**LATER, **chosen}))
    assert (wish.wall_start, wish.rule, wish.rank) == ("2026-11-24T17:00:00", rule, Rank.NORMAL)


def test_a_cluster_of_a_unit_that_is_meant_as_a_whole_is_not_named_twice() -> None:
    form = Form({**LATER, "noi": ["don_vi:a", "cum:a:1", "cum:b:2", "cum:b:2"], "khi": ["ngay-bay-gio"]})
    assert wish_of(form).targets == (("a", None), ("b", "2"))


@pytest.mark.parametrize("wrong", [{"noi": []}, {"hang": ["to nhất"]}, {"gio": [""]}, {"lap": ["cac-thu"]}])
def test_a_wish_that_lacks_something_says_what(wrong: dict[str, list[str]]) -> None:
    with pytest.raises(ScheduleRefused):
        wish_of(Form({**LATER, **wrong}))


@pytest.mark.parametrize("typed", ["24/11/2026", "24-11-2026", "24.11.2026", "2026-11-24"])
def test_a_day_typed_by_hand_is_understood(typed: str) -> None:
    assert day_of(typed) == "2026-11-24"


@pytest.mark.parametrize("typed", ["17:30", "17h30", "17 giờ 30", "17 giờ 30 phút", "1730", "17.30"])
def test_a_time_typed_by_hand_is_understood(typed: str) -> None:
    assert clock_of(typed) == "17:30:00"


def test_line_ends_of_browsers_become_plain_ones() -> None:
    assert parsed(b"a=1%0D%0A2&a=3&b=").fields == {"a": ["1\n2", "3"], "b": [""]}


def test_a_form_of_ten_thousand_fields_is_refused() -> None:
    with pytest.raises(FormTooLong):
        parsed(b"&".join(b"a=1" for _ in range(10_000)))
