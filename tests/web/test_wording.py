"""How dates, lengths and numbers read, in both languages; and that every word on a page has its English."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from broadcast import audit
from broadcast.permission import ROLE_NAMES
from web import page, wish, wording
from web.pages import audit_log, cluster, compose
from web.translation import ENGLISH, translate

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)


def test_a_day_is_named_as_it_is_in_da_nang() -> None:
    assert wording.day(NOW) == "Thứ Ba, 24/11/2026"
    assert wording.day(datetime(2026, 11, 24, 18, 0, tzinfo=UTC)) == "Thứ Tư, 25/11/2026"
    assert wording.day(NOW, "en") == "Tuesday, 24/11/2026"


@pytest.mark.parametrize(
    ("length_ms", "vietnamese", "english"),
    [
        (0, "1 giây", "1 s"),
        (200_000, "3 phút 20 giây", "3 min 20 s"),
        (3_600_000, "1 giờ", "1 h"),
        (3_661_400, "1 giờ 1 phút 1 giây", "1 h 1 min 1 s"),
        (59_600, "1 phút", "1 min"),
    ],
)
def test_a_length_reads_as_people_say_it(length_ms: int, vietnamese: str, english: str) -> None:
    assert wording.span(length_ms) == vietnamese
    assert wording.span(length_ms, "en") == english


def test_a_moment_near_by_is_named_by_its_nearness() -> None:
    assert wording.moment(NOW, NOW) == "10:00 hôm nay"
    assert wording.moment(NOW + timedelta(days=1), NOW) == "10:00 ngày mai"
    assert wording.moment(NOW - timedelta(days=1), NOW, "en") == "10:00 yesterday"
    assert wording.moment(NOW + timedelta(days=2), NOW) == "10:00 Thứ Năm, 26/11/2026"


@pytest.mark.parametrize(
    ("rule", "vietnamese", "english"),
    [
        ("FREQ=DAILY", "hằng ngày", "every day"),
        ("FREQ=DAILY;INTERVAL=2", "2 ngày một lần", "every 2 days"),
        (
            "FREQ=WEEKLY;BYDAY=TU,TH;UNTIL=20261231",
            "thứ Ba, thứ Năm hằng tuần đến hết ngày 31/12/2026",
            "Tuesday, Thursday, every week, until 31/12/2026",
        ),
        ("FREQ=MONTHLY;BYMONTHDAY=24;COUNT=3", "ngày 24 hằng tháng trong 3 lần", "on day 24, every month, 3 times"),
    ],
)
def test_a_rule_reads_as_people_say_it_in_both_languages(rule: str, vietnamese: str, english: str) -> None:
    assert (wording.rule(rule), wording.rule(rule, "en")) == (vietnamese, english)


def test_one_of_a_thing_is_not_many_in_english() -> None:
    told = [translate("en", "{count} cụm loa", count=count) for count in (0, 1, 2)]
    assert told == ["0 clusters", "1 cluster", "2 clusters"]


def test_sizes_are_written_as_the_language_does() -> None:
    assert (wording.size(600_000), wording.size(600_000, "en")) == ("0,6 MB", "0.6 MB")


def test_every_word_of_the_templates_has_its_english() -> None:
    said = set()
    for template in (page.HERE / "templates").glob("*.html"):
        said |= set(re.findall(r"""\bt\((["'])(.*?)\1""", template.read_text()))
    assert sorted(text for _, text in said if text not in ENGLISH) == []


def test_every_name_in_a_list_has_its_english() -> None:
    names = [
        *(name for _, name in compose.SHELVES),
        *(name for _, name in compose.RATES),
        *(name for _, name in wish.REPEATS),
        *(name for _, *both in wish.RANKS for name in both),
        *(name for _, name in cluster.STATE_NAMES.values()),
        *ROLE_NAMES.values(),
        *audit_log.ACT_NAMES.values(),
        "Hôm nay", "Soạn", "Duyệt", "Lịch phát", "Cụm loa", "Nghe", "Gửi",
    ]  # fmt: skip
    assert [name for name in names if name not in ENGLISH] == []


def test_every_act_that_is_recorded_has_a_name() -> None:
    root = Path(audit.__file__).parents[1]
    code = "".join(
        path.read_text() for room in ("broadcast", "speakers", "web") for path in (root / room).rglob("*.py")
    )
    acts = set(
        re.findall(r'"((?:account|sign_in|programme|media|schedule|cluster|speaker|enrolment|episode)\.[a-z_]+)"', code)
    )
    tables = {"account.id", "programme.id", "schedule.id", "cluster.id", "speaker.id"}
    pages = {"account.html", "schedule.html", "cluster.html", "sign_in.html"}
    assert sorted(act for act in acts - tables - pages if audit_log.act_name(act) == "việc khác") == []


def test_what_the_catalogue_lacks_stays_vietnamese() -> None:
    assert translate("en", "Chưa ai dịch câu này") == "Chưa ai dịch câu này"
    assert translate("en", "từ {moment}", moment="5") == "since 5"
    assert translate("vi", "{không phải chỗ trống}") == "{không phải chỗ trống}"
