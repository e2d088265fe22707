"""What is about to be sent, in words."""

from datetime import UTC, datetime

import pytest

from broadcast.read_back import read_back


@pytest.mark.parametrize(
    ("start", "sentence"),
    [
        (datetime(2026, 11, 22, 10, 0, tzinfo=UTC), "3 phút 20 giây, 12 cụm loa, phường Hải Châu, 17:00 hôm nay"),
        (datetime(2026, 11, 22, 22, 5, tzinfo=UTC), "3 phút 20 giây, 12 cụm loa, phường Hải Châu, 5:05 ngày mai"),
        (
            datetime(2026, 11, 30, 10, 0, tzinfo=UTC),
            "3 phút 20 giây, 12 cụm loa, phường Hải Châu, 17:00 thứ Hai 30/11/2026",
        ),
        (None, "3 phút 20 giây, 12 cụm loa, phường Hải Châu, ngay bây giờ"),
    ],
)
def test_what_is_about_to_be_sent_is_read_back(start: datetime | None, sentence: str) -> None:
    now = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
    words = read_back(duration_ms=200_000, clusters=12, places=["Phường Hải Châu"], start=start, now=now)
    assert words.sentence == sentence


def test_many_places_and_a_rule_are_read_back_short() -> None:
    now = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
    places = ["Phường Hải Châu", "Xã Hòa Vang", "Phường Sơn Trà", "Phường An Hải"]
    words = read_back(duration_ms=3_600_000, clusters=40, places=places, start=now, now=now, repeats="hằng ngày")
    assert words.sentence == (
        "1 giờ, 40 cụm loa, phường Hải Châu, xã Hòa Vang và 2 nơi khác, lần đầu 16:00 hôm nay, hằng ngày"
    )
