"""From a rule to dated occurrences: wall time, zone and RFC 5545 rule in, instants out. Pure.

Wall times that a clock change leaves out (spring) move forward by the gap; of those that come twice (autumn) the
first is taken. An occurrence is named by its wall time by the rule, so it keeps its name when it is moved.
Where schedules come from: `broadcast.schedule`; what becomes of the occurrences: `broadcast.agenda`.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import product, takewhile
from zoneinfo import ZoneInfo

from dateutil.rrule import rrulestr

from broadcast.errors import ScheduleRefused

FREQUENCIES = ("DAILY", "WEEKLY", "MONTHLY", "YEARLY")
MOST_STARTS_A_DAY = 48
MOST_TIMES = 5_000

_PARTS = {"FREQ", "INTERVAL", "COUNT", "UNTIL", "BYDAY", "BYMONTH", "BYMONTHDAY", "BYSETPOS", "BYHOUR", "BYMINUTE"}
_YEARLY_PARTS = {"BYWEEKNO", "BYYEARDAY"}
_RANGES = {
    "BYMONTH": range(1, 13), "BYHOUR": range(24), "BYMINUTE": range(60), "BYMONTHDAY": range(1, 32),
    "BYSETPOS": range(1, 367), "BYWEEKNO": range(1, 54), "BYYEARDAY": range(1, 367),
}  # fmt: skip
_FROM_THE_END = {"BYMONTHDAY", "BYSETPOS", "BYWEEKNO", "BYYEARDAY"}  # may be counted from the end, with a minus
_LEAP_YEAR_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_DAY = timedelta(days=1)
_NOTHING = timedelta(0)
_ALWAYS = datetime.max  # noqa: DTZ901 - a wall time has no zone
_FARTHEST = timedelta(days=250 * 365)


@dataclass(frozen=True, slots=True)
class Change:
    """One occurrence that differs: moved to `wall_start`, or cancelled when that is empty; maybe another programme."""

    occurrence: str
    wall_start: str
    programme_id: str | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """One dated occurrence. `occurrence` is its wall time by the rule, `start` the aware UTC instant."""

    occurrence: str
    start: datetime
    programme_id: str | None = None


@lru_cache(maxsize=1024)
def zone(name: str) -> ZoneInfo:
    """The time zone of a name such as `Asia/Ho_Chi_Minh`. Raises ScheduleRefused for any other text."""
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError):
        raise ScheduleRefused(f"Không có múi giờ «{name}». Múi giờ của Việt Nam là Asia/Ho_Chi_Minh.") from None


@lru_cache(maxsize=4096)
def wall_time(text: str) -> datetime:
    """The naive wall time of `2026-11-24T17:00:00`. Raises ScheduleRefused, also for 31 February."""
    try:
        wall = datetime.fromisoformat(text)
    except ValueError:
        raise ScheduleRefused(
            f"Không có ngày giờ «{text}». Xin chọn một ngày có trong lịch và giờ theo 24 giờ."
        ) from None
    if wall.tzinfo is not None:
        raise ScheduleRefused("Giờ phát là giờ địa phương, không kèm múi giờ.")
    if not 2000 <= wall.year <= 2100:
        raise ScheduleRefused(f"Năm {wall.year} nằm ngoài lịch của hệ thống (2000 đến 2100).")
    return wall


def wall_text(wall: datetime) -> str:
    """How a wall time is kept: `2026-11-24T17:00:00`, with milliseconds only where there are some."""
    return wall.isoformat(timespec="milliseconds" if wall.microsecond else "seconds")


def start_of(wall: datetime, timezone: str) -> datetime:
    """The UTC instant of a wall time. Python takes the offset before a change: forward in a gap, first in a fold."""
    return wall.replace(tzinfo=zone(timezone), fold=0).astimezone(UTC)


@lru_cache(maxsize=4096)
def rule_parts(rule: str) -> tuple[tuple[str, str], ...]:
    """The checked parts of a rule, in their order. Raises ScheduleRefused with the reason."""
    pairs = [part.partition("=") for part in rule.upper().removeprefix("RRULE:").split(";") if part]
    parts = {name.strip(): value.strip() for name, _, value in pairs}
    if len(parts) != len(pairs) or parts.get("FREQ") not in FREQUENCIES:
        raise ScheduleRefused("Quy tắc lặp phải là hằng ngày, hằng tuần, hằng tháng hoặc hằng năm.")
    allowed = _PARTS | {"WKST"} | (_YEARLY_PARTS if parts["FREQ"] == "YEARLY" else set())
    unknown = sorted(parts.keys() - allowed)
    if unknown:
        raise ScheduleRefused(f"Quy tắc lặp có phần «{unknown[0]}» không dùng được ở đây.")
    _check_numbers(parts)
    return tuple(parts.items())


def canonical(rule: str) -> str:
    """A rule as it is kept. Raises ScheduleRefused."""
    return ";".join(f"{name}={value}" for name, value in rule_parts(rule)) if rule.strip() else ""


def _check_numbers(parts: dict[str, str]) -> None:
    for name, there in _RANGES.items():
        for number in _numbers(parts, name):
            if (abs(number) if name in _FROM_THE_END else number) not in there:
                raise ScheduleRefused(f"Phần «{name}={parts[name]}» của quy tắc lặp nằm ngoài lịch.")
    hours, minutes = _numbers(parts, "BYHOUR"), _numbers(parts, "BYMINUTE")
    if max(1, len(hours)) * max(1, len(minutes)) > MOST_STARTS_A_DAY:
        raise ScheduleRefused(f"Mỗi ngày một lịch phát không quá {MOST_STARTS_A_DAY} lần.")
    if not 1 <= min(_numbers(parts, "INTERVAL") or [1]) <= max(_numbers(parts, "INTERVAL") or [1]) <= 1000:
        raise ScheduleRefused("Khoảng cách giữa các lần lặp phải từ 1 đến 1000.")
    if not 1 <= min(_numbers(parts, "COUNT") or [1]) <= max(_numbers(parts, "COUNT") or [1]) <= MOST_TIMES:
        raise ScheduleRefused(f"Số lần phát phải từ 1 đến {MOST_TIMES}.")
    if "UNTIL" in parts:
        _until_wall(parts["UNTIL"], "UTC")
    days, months = _numbers(parts, "BYMONTHDAY"), _numbers(parts, "BYMONTH")
    if days and months and all(abs(day) > _LEAP_YEAR_DAYS[month - 1] for day, month in product(days, months)):
        raise ScheduleRefused(f"Không có ngày {abs(days[0])} tháng {months[0]}, nên lịch này không bao giờ phát.")


def _numbers(parts: dict[str, str], name: str) -> list[int]:
    try:
        return [int(value) for value in parts[name].split(",")] if name in parts else []
    except ValueError:
        raise ScheduleRefused(f"Phần «{name}={parts[name]}» của quy tắc lặp không phải là số.") from None


def _until_wall(text: str, timezone: str) -> datetime:
    """The last wall time that UNTIL allows: a day (all of it), a local time, or an instant in UTC."""
    for form in ("%Y%m%d", "%Y%m%dT%H%M%S", "%Y%m%dT%H%M%SZ"):
        try:
            wall = datetime.strptime(text, form)  # noqa: DTZ007 - a wall time has no zone
        except ValueError:
            continue
        if form == "%Y%m%d":
            return datetime.combine(wall, time.max)
        if form.endswith("Z"):
            return wall.replace(tzinfo=UTC).astimezone(zone(timezone)).replace(tzinfo=None)
        return wall
    raise ScheduleRefused(f"Ngày kết thúc «{text}» không đọc được.")


def _years_to_shift(year: int) -> int:
    """The Gregorian calendar repeats after 400 years, weekdays included. Rules are walked through in the last such
    cycle that Python knows, because dateutil looks for the next occurrence of an impossible rule up to the year 9999.
    """
    return (9_999 - year) // 400 * 400


@lru_cache(maxsize=16_384)
def _rule_walls(first: datetime, rule: str, after: date, before: date) -> tuple[datetime, ...]:
    """Wall times by the rule on days in [after, before); UNTIL is not looked at here."""
    shift = _years_to_shift(first.year)
    far = first.replace(year=first.year + shift)
    text = ";".join(f"{name}={value}" for name, value in rule_parts(rule) if name != "UNTIL")
    try:
        walls: Iterable[datetime] = rrulestr(text, dtstart=far)
        end = datetime.combine(before.replace(year=before.year + shift), time.min)
        begin = datetime.combine(after.replace(year=after.year + shift), time.min)
        inside = takewhile(lambda wall: wall < end, walls)
        return tuple(wall.replace(year=wall.year - shift) for wall in inside if wall >= begin)
    except (ValueError, TypeError, KeyError, AttributeError, IndexError):
        raise ScheduleRefused("Quy tắc lặp này không đọc được. Xin chọn lại cách lặp.") from None


def walls(wall_start: str, timezone: str, rule: str, after: date, before: date) -> Iterator[datetime]:
    """The wall times of a schedule on days in [after, before), in order, without changes. Raises ScheduleRefused."""
    first = wall_time(wall_start)
    if not rule:
        if after <= first.date() < before:
            yield first
        return
    parts = dict(rule_parts(rule))
    last = _until_wall(parts["UNTIL"], timezone) if "UNTIL" in parts else _ALWAYS
    if "BYHOUR" in parts or "BYMINUTE" in parts:
        found: Iterable[datetime] = _rule_walls(first, rule, after, before)
    else:  # the days do not depend on the time of day: schedules of the same days share one expansion
        midnight = datetime.combine(first, time.min)
        time_of_day = first - midnight
        found = [day + time_of_day for day in _rule_walls(midnight, rule, after, before)]
    for wall in found:
        if first <= wall <= last:
            yield wall


def occurrences(
    wall_start: str, timezone: str, rule: str, changes: Iterable[Change], *, from_: datetime, to: datetime
) -> Iterator[Event]:
    """Events that start in [from_, to), in order of start. Raises ScheduleRefused for a rule that cannot be read."""
    local = zone(timezone)
    changed = {change.occurrence: change for change in changes}
    after = from_.astimezone(local).date() - _DAY  # a day more: gaps move wall times forward
    before = to.astimezone(local).date() + _DAY
    first, end = from_.astimezone(UTC).replace(tzinfo=None), to.astimezone(UTC).replace(tzinfo=None)
    found = []
    for wall in walls(wall_start, timezone, rule, after, before):
        start = wall - (local.utcoffset(wall) or _NOTHING)  # as `start_of`, without an aware value for each
        if first <= start < end and (key := wall_text(wall)) not in changed:
            found.append(Event(key, start.replace(tzinfo=UTC)))
    for change in changed.values():
        if change.wall_start:
            start = start_of(wall_time(change.wall_start), timezone)
            if from_ <= start < to:
                found.append(Event(change.occurrence, start, change.programme_id))
    return iter(sorted(found, key=lambda event: (event.start, event.occurrence)))


def first_start(wall_start: str, timezone: str, rule: str, from_: datetime, *, years: int = 10) -> datetime | None:
    """The first start at or after `from_`, None when there is none within `years`."""
    step = timedelta(days=40)
    at = max(from_, start_of(wall_time(wall_start), timezone) - _DAY)
    end = at + timedelta(days=366 * years)
    while at < end:
        event = next(occurrences(wall_start, timezone, rule, (), from_=at, to=min(at + step, end)), None)
        if event is not None:
            return event.start
        at, step = at + step, timedelta(days=366)
    return None


def last_start(wall_start: str, timezone: str, rule: str) -> datetime | None:
    """The last instant at which a rule that ends may start (once, COUNT or UNTIL); None for one that goes on."""
    first = wall_time(wall_start)
    if not rule:
        return start_of(first, timezone)
    parts = dict(rule_parts(rule))
    if "UNTIL" in parts:
        return start_of(_until_wall(parts["UNTIL"], timezone), timezone)
    if "COUNT" not in parts:
        return None
    last = max(walls(wall_start, timezone, rule, first.date(), first.date() + _FARTHEST), default=first)
    return start_of(last, timezone)


# In words.

_WEEKDAYS = {
    "MO": "thứ Hai", "TU": "thứ Ba", "WE": "thứ Tư", "TH": "thứ Năm", "FR": "thứ Sáu", "SA": "thứ Bảy",
    "SU": "Chủ nhật",
}  # fmt: skip
_NTH = {"1": "đầu tiên", "2": "thứ hai", "3": "thứ ba", "4": "thứ tư", "5": "thứ năm", "-1": "cuối cùng"}
_EVERY = {"DAILY": "ngày", "WEEKLY": "tuần", "MONTHLY": "tháng", "YEARLY": "năm"}


def _weekday_words(value: str) -> str:
    days = value.split(",")
    if days == ["MO", "TU", "WE", "TH", "FR"]:
        return "từ thứ Hai đến thứ Sáu"
    words = []
    for day in days:
        nth = day[:-2]
        name = _WEEKDAYS.get(day[-2:], day)
        words.append(f"{name} {_NTH.get(nth.lstrip('+'), f'lần {nth}')}" if nth else name)
    return ", ".join(words)


def _day_words(parts: dict[str, str]) -> list[str]:
    words = []
    if "BYDAY" in parts:
        words.append(_weekday_words(parts["BYDAY"]))
    if "BYMONTHDAY" in parts:
        days = ["cuối tháng" if day == "-1" else day.lstrip("+") for day in parts["BYMONTHDAY"].split(",")]
        words.append(f"ngày {', '.join(days)}")
    if "BYMONTH" in parts:
        words.append(f"tháng {parts['BYMONTH'].replace(',', ', ')}")
    return words


def describe(rule: str) -> str:
    """A rule as a Vietnamese phrase: «thứ Hai, thứ Tư hằng tuần đến hết ngày 31/12/2026». Empty rule: «một lần».

    Raises ScheduleRefused for a rule that cannot be read.
    """
    if not rule:
        return "một lần"
    parts = dict(rule_parts(rule))
    every, interval = _EVERY[parts["FREQ"]], int(parts.get("INTERVAL", "1"))
    words = _day_words(parts)
    words.append(f"hằng {every}" if interval == 1 else f"{interval} {every} một lần")
    if "BYHOUR" in parts:
        minutes = parts.get("BYMINUTE", "0").split(",")
        words.append("lúc " + ", ".join(f"{int(h)}:{int(m):02}" for h in parts["BYHOUR"].split(",") for m in minutes))
    if "UNTIL" in parts:
        words.append(f"đến hết ngày {_until_wall(parts['UNTIL'], 'UTC'):%d/%m/%Y}")
    if "COUNT" in parts:
        words.append(f"trong {parts['COUNT']} lần")
    return " ".join(words)
