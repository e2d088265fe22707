"""How dates, rules, lengths of time and sizes read: 24-hour time, days first, Vietnamese unless asked otherwise."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from broadcast.event import describe, rule_parts

CITY_ZONE = ZoneInfo("Asia/Ho_Chi_Minh")

_DAYS = {
    "vi": ("Thứ Hai", "Thứ Ba", "Thứ Tư", "Thứ Năm", "Thứ Sáu", "Thứ Bảy", "Chủ Nhật"),
    "en": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
}
_UNITS = {
    "vi": {"hour": " giờ", "minute": " phút", "second": " giây"},
    "en": {"hour": " h", "minute": " min", "second": " s"},
}
_RULE_DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_EACH = {"DAILY": "day", "WEEKLY": "week", "MONTHLY": "month", "YEARLY": "year"}
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


def rule(of: str, language: str = "vi") -> str:
    """A rule of RFC 5545 in words, `Monday, Thursday, every week, until 31/12/2026`."""
    if language == "vi":
        return describe(of)
    parts = dict(rule_parts(of))
    days = ", ".join(_DAYS[language][_RULE_DAYS.index(name[-2:])] for name in parts.get("BYDAY", "").split(",") if name)
    words = [days] if days else []
    words += [f"on day {parts['BYMONTHDAY']}"] if "BYMONTHDAY" in parts else []
    often, each = int(parts.get("INTERVAL", "1")), _EACH[parts["FREQ"]]
    words.append(f"every {each}" if often == 1 else f"every {often} {each}s")
    until = parts.get("UNTIL", "")
    words += [f"until {until[6:8]}/{until[4:6]}/{until[:4]}"] if until else []
    return ", ".join(words) + (f", {parts['COUNT']} times" if "COUNT" in parts else "")


def size(size_bytes: int, language: str = "vi") -> str:
    """`0,6 MB`, `500 MB`."""
    text = f"{size_bytes / 1e6:.1f} MB".replace(".0 ", " ")
    return text.replace(".", ",") if language == "vi" else text
