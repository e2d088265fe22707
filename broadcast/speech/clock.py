"""Written times and dates as spoken words: «17h30», «7:30-8:00», «24/11/2026», «ngày 2/9», «tháng 11/2026».

A wrong hour is worse than an ugly one. What looks like a time or a date but cannot be one («25:30», «31/2/2026»)
is read digit by digit, and a bare «1/2» or «8-3», which may be anything, is left to `quantity`.
"""

import re
from calendar import monthrange

from broadcast.speech.number import spoken_digits, spoken_number

_MINUTES = r"\s?(?:['’′]|(?:phút|ph|p)(?!\w|\.[mM](?!\w)))"
_TIME = (
    r"(?P<{0}h>\d{{1,3}})(?:"
    r"[hHgG:](?P<{0}m>\d{{2}})(?::(?P<{0}s>\d{{2}}))?(?:" + _MINUTES + r")?"  # 17h30  17:30  17:30:15  17g30'
    r"|\s?(?:[hHgG]|giờ)\s?(?P<{0}n>\d{{1,2}})" + _MINUTES + r"|\s?[hH{1}](?!\w)"  # 17h 5'  17 giờ 30 phút  17h
    r"|(?=\s?[AaPp]\.?[Mm](?!\w)))(?:\s?(?P<{0}half>[AaPp]\.?[Mm]|SA|CH)(?!\w))?"  # 5 PM  5 p.m
)
_DATE = r"(?P<{0}d>\d{{1,2}})(?P<{0}sep>[/.-])(?P<{0}mo>\d{{1,2}})(?:(?P={0}sep)(?P<{0}y>\d{{4}}|\d{{2}}))?"
_ALONE = r"(?<!\d)(?<!\d[.,:/])"
_ENDS = r"(?!\d|[.,:/]\d)"

_ON_THE_HOUR = re.compile(r"(?<=\d)\s?giờ\s?00(?!\w|[.,:/]\d|\s?phút)")  # 9 giờ 00
_ALWAYS_OPEN = re.compile(_ALONE + r"24/(24|7)(?:\s?h)?(?![\w/])")
_TIMES_PARTED = re.compile(r"(?:(?<=[hHgG:]\d\d)|(?<=\d[hHgG]))[,/](?=\d{1,2}[hHgG:/])")
_NUMBER_BEFORE_TIME = re.compile(
    r"(?<=\d)['’′\s/]{0,8}['’′\s]/?(?=\d{1,2}(?:[hHgG:]\d\d|[hH](?!\w)|\s?giờ|\s?[AaPp][Mm](?!\w)))"
)
_HALF_DAYS = re.compile(r"(?<!\w)(sáng|trưa|chiều|tối|đêm)\s?-\s?(?=\d)", re.IGNORECASE)
_TIME_RANGE = re.compile(_ALONE + _TIME.format("a", "") + r"\s?-\s?" + _TIME.format("b", "gG") + _ENDS)
_HOUR_RANGE = re.compile(
    _ALONE + r"(?<!\d-)(?<![A-Za-z])(?P<first>\d{1,2})\s?-\s?(?=\d{1,2}(?:[hH](?!\w)|[hHgG:]\d{2}|\s?giờ))"
)
_SINGLE_TIME = re.compile(_ALONE + _TIME.format("a", "") + _ENDS)
_SOUTHERN_HOUR = re.compile(_ALONE + r"(?P<h>\d{1,2})g(?:\s?-\s?(?P<to>\d{1,2})g)?(?!\w)")
_ISO_DATE = re.compile(_ALONE + r"(?<!-)(?P<y>\d{4})-(?P<mo>\d{2})-(?P<d>\d{2})(?![\d-])")
_DATE_RANGE = re.compile(_ALONE + _DATE.format("a") + r"\s?-\s?" + _DATE.format("b") + r"(?!\d|[/.-]\d)")
_DAY_RANGE = re.compile(_ALONE + r"(?<!-)(?P<first>\d{1,2})\s?-\s?" + _DATE.format("b") + r"(?!\d|[/.-]\d)")
_SINGLE_DATE = re.compile(_ALONE + r"(?<!\d-)(?<![hHgG])" + _DATE.format("a") + r"(?!\d|[/.:-]\d|[hHgG]|/[A-ZĐ])")
_MONTH = re.compile(_ALONE + r"(?P<mo>\d{1,2})/(?P<y>\d{4})(?![\d/])")
_YEARS = re.compile(_ALONE + r"(?<!-)((?:19|20)\d\d)\s?-\s?((?:19|20)\d\d)(?![\d/.-])")
_WEEKDAYS = re.compile(r"(?<!\w)(thứ\s+\w+)\s?-\s?(?=thứ|chủ nhật)", re.IGNORECASE)
_ORDINAL_FOUR = re.compile(r"(?<!\w)(thứ|tháng)\s+0?4(?![\d.,:/-]*\d|\s?%)", re.IGNORECASE)

_SAYS_DAY = re.compile(r"(?:ngày|mùng|mồng|đường|phố|công viên|quảng trường)\s*$", re.IGNORECASE)
_LIST_OF_DAYS = re.compile(r"ngày[\d\s,/.-]*(?:và|,|-|đến|hoặc)\s*$", re.IGNORECASE)
_DATE_COMES = re.compile(
    r"(?:hôm|sáng|trưa|chiều|tối|đêm|dịp|lễ|mừng|kỷ niệm|phụ nữ|nhà giáo|quốc khánh|lao động|thứ \w+,?|chủ nhật,?"
    r"|từ|trước|sau|hết|đến|tới|vào|giờ,?|phút,?|\()\s*$",
    re.IGNORECASE,
)
_NO_DATE = re.compile(
    r"(?:số|nhà|kiệt|hẻm|ngõ|ngách|lô|thửa|tổ|tỷ lệ|tỉ lệ|nghị định|quyết định|thông tư|luật|công văn|chỉ thị"
    r"|kế hoạch|nghị quyết)\s*:?\s*$",
    re.IGNORECASE,
)
_PART_OF = re.compile(r"\s*(?:dân số|số|diện tích|tổng|quãng|lượng|tài sản|chiều)", re.IGNORECASE)
_SCORE = re.compile(r"t[ỷỉ] (?:số|lệ)\s*:?\s*$", re.IGNORECASE)
_MONTH_COMES = re.compile(r"(?:tháng|từ|đến|tới|trước|sau|hết|vào|trong|cuối|đầu|giữa)\s*$", re.IGNORECASE)
_HOUR_CAME = re.compile(r"(?:lúc|hồi)\s*$", re.IGNORECASE)
_HOUR_MAY_COME = re.compile(r"(?:từ|đến|tới|trước|sau|khoảng|vào)\s*$", re.IGNORECASE)
_OF_A_DAY = re.compile(r"\s*(?:ngày|sáng|trưa|chiều|tối|đêm|hôm|mai|thứ|chủ nhật)(?!\w)", re.IGNORECASE)


def read_times_and_dates(text: str) -> str:
    """Replace every written time and date that is one by words; the rest is untouched. Total."""
    for pattern, reading in _PASSES:
        text = pattern.sub(reading, text)
    return text


def _before(match: re.Match[str]) -> str:
    return match.string[max(0, match.start() - 40) : match.start()]


def _spelled(written: str) -> str:
    """Digit by digit, with a pause where a sign stood."""
    return f" {', '.join(spoken_digits(part) for part in re.split(r'[^0-9]+', written) if part)} "


def _clock(match: re.Match[str], side: str) -> str | None:
    """The words of one time, None when there is no such time."""
    hour = int(match[f"{side}h"])
    minute_text = match[f"{side}m"] or match[f"{side}n"]
    minute, second, half = (
        int(minute_text or 0),
        int(match[f"{side}s"] or 0),
        (match[f"{side}half"] or "").upper().replace(".", ""),
    )
    if half in {"PM", "CH"} and hour < 12:
        hour += 12
    elif half in {"AM", "SA"}:
        hour = {12: 0}.get(hour, hour if hour < 12 else 99)
    if minute_text is None and not half:
        return f"{spoken_number(hour)} giờ"  # «48h» is a length, and as true as an hour
    if hour > 24 or minute > 59 or second > 59 or (hour == 24 and minute + second > 0):
        return None
    words = f"{spoken_number(hour)} giờ"
    words += f" {spoken_number(minute)} phút" if minute or second else ""
    return words + (f" {spoken_number(second)} giây" if second else "")


def _read_always_open(match: re.Match[str]) -> str:
    """«trực 24/24» and «phục vụ 24/7», but «ngày 24/7» is in July."""
    before = _before(match)
    if match[1] == "7" and (_SAYS_DAY.search(before) or _DATE_COMES.search(before)):
        return match[0]
    hours = "giờ " if match[0].endswith("h") else ""
    return f" hai mươi bốn trên {spoken_number(int(match[1]))} {hours}"


def _read_time(match: re.Match[str]) -> str:
    words = None if _SCORE.search(_before(match)) else _clock(match, "a")
    return _spelled(match[0]) if words is None else f" {words} "


def _read_time_range(match: re.Match[str]) -> str:
    first, last = _clock(match, "a"), _clock(match, "b")
    return _spelled(match[0]) if first is None or last is None else f" {first} đến {last} "


def _read_hour_range(match: re.Match[str]) -> str:
    return f" {spoken_number(int(match['first']))} đến "


def _read_southern_hour(match: re.Match[str]) -> str:
    """«17g» is an hour after «lúc» or before «ngày», grams elsewhere, and only the letter where it may be either."""
    first, last = int(match["h"]), int(match["to"] or 0)
    certain = _HOUR_CAME.search(_before(match)) or _OF_A_DAY.match(match.string, match.end())
    if max(first, last) > 24 or not (certain or _HOUR_MAY_COME.search(_before(match))):
        return match[0]
    unit = "giờ" if certain else "gờ"
    return f" {spoken_number(first)} {unit} " + (f"đến {spoken_number(last)} {unit} " if match["to"] else "")


def _day_month_year(day: int, month: int, year: str | None) -> str | None:
    """«hai mươi bốn tháng mười một năm …», None when the calendar has no such day."""
    full_year = int(year) if year and len(year) == 4 else 2000
    if not (1 <= month <= 12 and 1900 <= full_year <= 2199 and 1 <= day <= monthrange(full_year, month)[1]):
        return None
    words = f"{spoken_number(day)} tháng {_month(month)}"
    if year is None:
        return words
    return f"{words} năm {spoken_number(int(year)) if len(year) == 4 else spoken_digits(year)}"


def _month(month: int) -> str:
    return "tư" if month == 4 else spoken_number(month)


def _date(match: re.Match[str], side: str) -> str | None:
    return _day_month_year(int(match[f"{side}d"]), int(match[f"{side}mo"]), match[f"{side}y"])


def _with_day(match: re.Match[str], words: str) -> str:
    said = _SAYS_DAY.search(_before(match)) or _LIST_OF_DAYS.search(_before(match))
    return f" {words} " if said else f" ngày {words} "


def _read_date(match: re.Match[str]) -> str:
    day, month, year, sign = int(match["ad"]), int(match["amo"]), match["ay"], match["asep"]
    before, words = _before(match), _date(match, "a")
    if year is not None and (len(year) == 4 or sign == "/"):
        return _spelled(match[0]) if words is None else _with_day(match, words)
    if year is not None or words is None or _NO_DATE.search(before):
        return match[0]
    if _SAYS_DAY.search(before) or _LIST_OF_DAYS.search(before):
        return _with_day(match, words)
    unmistakable = (day > 12 and day > month) or _DATE_COMES.search(before)
    if sign == "." or not unmistakable or _PART_OF.match(match.string, match.end()):
        return match[0]
    return _with_day(match, words)


def _read_date_range(match: re.Match[str]) -> str:
    first, last = _date(match, "a"), _date(match, "b")
    if first is None or last is None or match["asep"] != "/" or match["bsep"] != "/":
        return match[0]
    return _with_day(match, f"{first} đến ngày {last}")


def _read_day_range(match: re.Match[str]) -> str:
    first, last = int(match["first"]), _date(match, "b")
    if last is None or match["bsep"] != "/" or not 1 <= first < int(match["bd"]):
        return match[0]
    return _with_day(match, f"{spoken_number(first)} đến ngày {last}")


def _read_iso_date(match: re.Match[str]) -> str:
    words = _day_month_year(int(match["d"]), int(match["mo"]), match["y"])
    return _spelled(match[0]) if words is None else _with_day(match, words)


def _read_month(match: re.Match[str]) -> str:
    month, year, before = int(match["mo"]), int(match["y"]), _before(match)
    if re.search(r"quý\s*$", before, re.IGNORECASE) and 1 <= month <= 4:
        return f" {spoken_number(month)} năm {spoken_number(year)} "
    if not (1 <= month <= 12 and 1900 <= year <= 2199 and _MONTH_COMES.search(before)):
        return match[0]
    said = re.search(r"tháng\s*$", before, re.IGNORECASE)
    return f" {'' if said else 'tháng '}{_month(month)} năm {spoken_number(year)} "


def _read_years(match: re.Match[str]) -> str:
    return f" {spoken_number(int(match[1]))} đến {spoken_number(int(match[2]))} "


_PASSES = (
    (re.compile(r"(?<=\d) ?/ ?(?=\d)"), lambda _: "/"),
    (_ON_THE_HOUR, lambda _: " giờ 00 phút"),
    (_TIMES_PARTED, lambda _: ", "),
    (_NUMBER_BEFORE_TIME, lambda _: ", "),  # else «tổ 5 17h» would sound like one number
    (_HALF_DAYS, lambda m: f"{m[1]} đến "),
    (_ALWAYS_OPEN, _read_always_open),
    (_ISO_DATE, _read_iso_date),
    (_TIME_RANGE, _read_time_range),
    (_HOUR_RANGE, _read_hour_range),
    (_SINGLE_TIME, _read_time),
    (_SOUTHERN_HOUR, _read_southern_hour),
    (_DATE_RANGE, _read_date_range),
    (_DAY_RANGE, _read_day_range),
    (_SINGLE_DATE, _read_date),
    (_MONTH, _read_month),
    (_YEARS, _read_years),
    (_WEEKDAYS, lambda m: f"{m[1]} đến "),
    (_ORDINAL_FOUR, lambda m: f"{m[1]} tư "),
)
