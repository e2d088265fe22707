"""How dates, lengths of time and numbers read: 24-hour time, days first, Vietnamese unless asked otherwise."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

CITY_ZONE = ZoneInfo("Asia/Ho_Chi_Minh")

_DAYS = {
    "vi": ("Thứ Hai", "Thứ Ba", "Thứ Tư", "Thứ Năm", "Thứ Sáu", "Thứ Bảy", "Chủ Nhật"),
    "en": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
}
_UNITS = {
    "vi": {"hour": " giờ", "minute": " phút", "second": " giây"},
    "en": {"hour": " h", "minute": " min", "second": " s"},
}
_NEAR = {"vi": {-1: "hôm qua", 0: "hôm nay", 1: "ngày mai"}, "en": {-1: "yesterday", 0: "today", 1: "tomorrow"}}


def day(at: datetime | date, language: str = "vi", zone: ZoneInfo = CITY_ZONE) -> str:
    """`Thứ Ba, 24/11/2026`, as the day is in `zone`."""
    on = at.astimezone(zone).date() if isinstance(at, datetime) else at
    return f"{_DAYS[language][on.weekday()]}, {on:%d/%m/%Y}"


def weekday(number: int, language: str = "vi") -> str:
    """The name of a weekday, 0 being Monday."""
    return _DAYS[language][number]


def clock(at: datetime, zone: ZoneInfo = CITY_ZONE) -> str:
    """`17:00`."""
    return f"{at.astimezone(zone):%H:%M}"


def clock_to_second(at: datetime, zone: ZoneInfo = CITY_ZONE) -> str:
    """`17:00:05`."""
    return f"{at.astimezone(zone):%H:%M:%S}"


def moment(at: datetime, now: datetime, language: str = "vi", zone: ZoneInfo = CITY_ZONE) -> str:
    """`17:00 hôm nay`, or `17:00 Thứ Ba, 24/11/2026` when the day is further away."""
    days = (at.astimezone(zone).date() - now.astimezone(zone).date()) // timedelta(days=1)
    return f"{clock(at, zone)} {_NEAR[language].get(days) or day(at, language, zone)}"


def span(length_ms: int, language: str = "vi") -> str:
    """`3 phút 20 giây`; whole seconds, at least one."""
    seconds = max(1, round(length_ms / 1000))
    parts = {"hour": seconds // 3600, "minute": seconds % 3600 // 60, "second": seconds % 60}
    return " ".join(f"{value}{_UNITS[language][name]}" for name, value in parts.items() if value)


def ago(since: datetime, now: datetime, language: str = "vi") -> str:
    """`5 phút`: the time that has passed, in its largest unit."""
    seconds = max(1, int((now - since).total_seconds()))
    if seconds >= 2 * 86400:
        return f"{seconds // 86400} ngày" if language == "vi" else f"{seconds // 86400} days"
    for name, length in (("hour", 3600), ("minute", 60), ("second", 1)):
        if seconds >= length:
            return f"{seconds // length}{_UNITS[language][name]}"
    raise AssertionError("At least one second has passed.")


def number(value: int, language: str = "vi") -> str:
    """`1.500.000` in Vietnamese, `1,500,000` in English."""
    grouped = f"{value:,}"
    return grouped.replace(",", ".") if language == "vi" else grouped


def size(size_bytes: int, language: str = "vi") -> str:
    """`0,6 MB`, `500 MB`."""
    text = f"{size_bytes / 1e6:.1f} MB".replace(".0 ", " ")
    return text.replace(".", ",") if language == "vi" else text
