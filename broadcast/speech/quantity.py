"""Written numbers with what they count as spoken words: money, percent, units, ranges, phone numbers, the rest.

Runs after `clock`. A construct that no rule knows («17h60», «192.168.1.1») is read digit by digit; after this
pass no digit is left. The Vietnamese dot groups thousands and the comma begins the decimals.
"""

import re

from broadcast.speech.number import MAX_SPOKEN_NUMBER, spoken_digits, spoken_number

UNITS = {
    "%": "phần trăm", "‰": "phần nghìn", "°C": "độ xê", "oC": "độ xê", "độ C": "độ xê", "°": "độ",
    "km/h": "ki lô mét trên giờ", "km/giờ": "ki lô mét trên giờ", "m/s": "mét trên giây",
    "km2": "ki lô mét vuông", "m2": "mét vuông", "m3": "mét khối",
    "cm2": "xăng ti mét vuông", "cm3": "xăng ti mét khối",
    "km": "ki lô mét", "m": "mét", "dm": "đề xi mét", "cm": "xăng ti mét", "mm": "mi li mét", "ha": "héc ta",
    "kg": "ki lô gam", "g": "gam", "mg": "mi li gam", "l": "lít", "h": "giờ", "ml": "mi li lít", "lít": "lít",
    "kWh": "ki lô oát giờ", "kW": "ki lô oát", "MW": "mê ga oát", "kV": "ki lô vôn", "kVA": "ki lô vôn am pe",
    "đ": "đồng", "Đ": "đồng", "₫": "đồng", "đồng": "đồng", "VND": "đồng", "VNĐ": "đồng", "vnđ": "đồng", "vnd": "đồng",
    "USD": "đô la Mỹ", "k": "nghìn", "K": "nghìn", "tr": "triệu", "triệu": "triệu", "tỷ": "tỷ", "tỉ": "tỷ",
    "nghìn": "nghìn", "ngàn": "nghìn", "giây": "giây", "phút": "phút", "giờ": "giờ", "tháng": "tháng", "năm": "năm",
    "người": "người", "hộ": "hộ", "tấn": "tấn", "ngày": "ngày", "lần": "lần",
}  # fmt: skip
_MONEY = frozenset({"đ", "Đ", "₫", "đồng", "VND", "VNĐ", "vnđ", "vnd"})
_SAYABLE_DIGITS = len(str(MAX_SPOKEN_NUMBER))
_LONG_DIGITS = 7
"""From here on a bare string of digits is a code or a telephone number, not a quantity."""

_NUMBER = r"(?:\d{1,3}(?:\.\d{3})+(?:,\d+)?|\d{1,3}(?:,\d{3}){2,}|\d+,\d+|\d+)"
_NO_DECIMALS = frozenset(["h", "giờ", "giây", "phút", "ngày", "tháng", "năm", "lần", "người", "hộ"])
_MEASURE = "|".join(re.escape(unit) for unit in sorted(UNITS.keys() - _NO_DECIMALS, key=len, reverse=True))
_UNIT = "(?:" + "|".join(re.escape(unit) for unit in sorted(UNITS, key=len, reverse=True)) + r")(?![\wÀ-ỹ])"
_ALONE = r"(?<!\d)(?<!\d[.,:/-])(?<![A-Za-z])"

_CALL = re.compile(
    r"(?P<words>(?<!\w)(?:gọi|điện thoại|số máy|sđt|đt|hotline|đường dây nóng|tổng đài|zalo|fax|cấp cứu)"
    r"(?:\s+(?:số|ngay|đến|tới|theo|cho|điện|thoại|máy))*(?:\s*:\s*|\s+))"
    r"(?P<digits>\d{3,5}(?:(?:,\s?|\s?-\s?|\s?/\s?|\s+hoặc\s+|\s+và\s+)\d{3,5})*)(?![\d.,:/-]*\d| \d|\s?%)",
    re.IGNORECASE,
)
_TELEPHONE = re.compile(
    r"(?<![\d.,])(?:\(\+?84\)|\+84|\(0\d{1,3}\)|0\d{1,3})(?:[ .-]?\d{2,4}){1,4}(?!\d|[.,]\d)"
    r"|(?<![\d.,])1[89]00(?:[ .]?\d{2,4}){1,3}(?!\d|[.,]\d)"
)
_SPACED_THOUSANDS = re.compile(r"(?<![\d.,:/-])(?<!\d )[1-9]\d{0,2}(?: \d{3})+(?![\d.:/-]| \d)")
_OR_EMERGENCY = re.compile(
    r"(?P<words>(?<!\w)(?:hoặc|hay)(?:\s+số)?\s+)(?P<digits>11[1-5])(?=\s*(?:[.,;:!?)]|$|(?:để|khi|nếu|ngay)(?!\w)))",
    re.IGNORECASE,
)
_POINT = re.compile(_ALONE + rf"(\d{{1,3}})\.(?=\d{{1,2}}\s?(?:{_MEASURE})(?![\wÀ-ỹ]))")  # 3.5 km, as abroad
_HEIGHT = re.compile(_ALONE + r"(\d)m(\d{2})(?!\w)")
_DEGREES_BELOW = re.compile(r"(?<![\w)])-(?=" + _NUMBER + r"\s?(?:°|độ|oC))")
_RANGE = re.compile(_ALONE + rf"({_NUMBER})(\s?{_UNIT})?\s?-\s?({_NUMBER})(\s?{_UNIT})?(?![\w]|[.,:/-]\d)")
_COUNTS = re.compile(
    r"(?<!\w)(?:tháng|tổ|thôn|lớp|khối|cấp|tuần|trang|bài|điều|khoản|chương|từ|khu phố|kiệt|mũi|tuổi)\s*$",
    re.IGNORECASE,
)
_WITH_UNIT = re.compile(_ALONE + rf"({_NUMBER})\s?({_UNIT})(?:/({_UNIT}))?(?:/({_UNIT}))?")
_CLUSTER = re.compile(r"(?<![^\W_])[^\W_]*\d[^\W_]*(?:[.,:/-][^\W_]*\d[^\W_]*)*")
_PLAIN = re.compile(_NUMBER)
_LETTERS_THEN_NUMBER = re.compile(r"([^\W\d_]+)(\d{1,4})([^\W\d_]?)|(\d{1,4})([^\W\d_]+)")
_FRACTION = re.compile(r"[A-Za-zĐđ]{0,3}\d{1,4}(?:/\d{1,4}[A-Za-z]?)+")
_SIGNS = {".": " chấm ", ",": " phẩy ", "/": " trên ", ":": ", ", "-": ", "}


def read_quantities(text: str) -> str:
    """Replace every digit of `text` (ASCII digits) by words. Total: afterwards no digit is left."""
    for pattern, reading in _PASSES:
        text = pattern.sub(reading, text)
    return text


def spoken_amount(written: str, *, money: bool = False) -> str:
    """One written number in words: «1.500.000», «3,5», «05», «0905123456» (digit by digit)."""
    whole, _, decimals = written.replace(".", "").partition(",")
    if written.count(",") > 1 or (money and re.fullmatch(r"\d{1,3},\d{3}", written)):
        whole, decimals = written.replace(",", ""), ""
    coded = (whole.startswith("0") and len(whole) > 2) or whole == "00" or (len(whole) >= _LONG_DIGITS and not money)
    if coded and "." not in written and "," not in written:
        return _grouped_digits(whole)
    words = spoken_number(int(whole)) if len(whole) <= _SAYABLE_DIGITS else spoken_digits(whole)
    return f"{words} phẩy {spoken_digits(decimals)}" if decimals else words


def _grouped_digits(digits: str) -> str:
    """Digits with a breath where people take one: 4-3-3 for ten digits, by three otherwise."""
    first = len(digits) % 3 or 3
    first = first + 3 if first == 1 and len(digits) > 3 else first
    groups = [digits[:first], *(digits[at : at + 3] for at in range(first, len(digits), 3))]
    return ", ".join(spoken_digits(group) for group in groups)


def _read_call(match: re.Match[str]) -> str:
    return match["words"] + re.sub(r"\d+", lambda run: f" {spoken_digits(run[0])} ", match["digits"])


def _read_telephone(match: re.Match[str]) -> str:
    if not 8 <= sum(character.isdigit() for character in match[0]) <= 12:
        return match[0]
    groups = re.findall(r"\d+", match[0])
    words = _grouped_digits(groups[0]) if len(groups) == 1 else ", ".join(spoken_digits(group) for group in groups)
    return f" {'cộng ' if '+' in match[0] else ''}{words} "


def _join_thousands(match: re.Match[str]) -> str:
    """«10 000 đồng» is one number; «12 345 678» may be a code and stays in groups."""
    money = re.match(
        rf"\s?(?:{'|'.join(sorted(_MONEY, key=len, reverse=True))})(?!\w)", match.string[match.end() : match.end() + 8]
    )
    return match[0].replace(" ", ".") if money or " 000" in match[0] else match[0]


def _read_range(match: re.Match[str]) -> str:
    first, first_unit, last, last_unit = match[1], (match[2] or "").strip(), match[3], (match[4] or "").strip()
    ascending = _value(first) < _value(last) or (first_unit and first_unit != last_unit)
    counted = first_unit or last_unit or re.match(r" [a-zà-ỹđ]{2,}", match.string[match.end() : match.end() + 8])
    counted = counted or _COUNTS.search(match.string[max(0, match.start() - 10) : match.start()])
    scored = re.search(r"(?:số|nhà|tỷ số|tỉ số)\s*$", match.string[max(0, match.start() - 10) : match.start()])
    if not (ascending and counted) or scored:
        return match[0]
    return f" {_amount_with_unit(first, first_unit)} đến {_amount_with_unit(last, last_unit)} "


def _value(written: str) -> float:
    if written.count(",") > 1:
        return float(written.replace(",", ""))
    return float(written.replace(".", "").replace(",", "."))


def _amount_with_unit(written: str, unit: str) -> str:
    counted = unit in UNITS and not (len(written) > _LONG_DIGITS and unit not in _MONEY)
    return f"{spoken_amount(written, money=counted and unit in _MONEY)} {UNITS.get(unit, '')}"


def _read_with_unit(match: re.Match[str]) -> str:
    words = _amount_with_unit(match[1], match[2])
    for per in (match[3], match[4]):
        words += f" một {UNITS[per]}" if per else ""
    return f" {words} "


def _read_cluster(match: re.Match[str]) -> str:
    written = match[0]
    if _PLAIN.fullmatch(written):
        return f" {spoken_amount(written)} "
    if lettered := _LETTERS_THEN_NUMBER.fullmatch(written):
        head, number, tail, number_first, letters = lettered.groups()
        if number_first:
            return f" {spoken_amount(number_first)} {letters} "
        return f" {head} {spoken_amount(number)} {tail} "
    if _FRACTION.fullmatch(written):
        return " " + " trên ".join(_read_cluster_part(part) for part in written.split("/")) + " "
    return " " + "".join(_read_sign(character) for character in written) + " "


def _read_cluster_part(part: str) -> str:
    return re.sub(r"\d+", lambda run: f" {spoken_amount(run[0])} ", part).strip()


def _read_sign(character: str) -> str:
    return f" {spoken_digits(character)} " if character.isdigit() else _SIGNS.get(character, f" {character} ")


_PASSES = (
    (re.compile(r"±\s?(?=\d)"), lambda _: " cộng trừ "),
    (re.compile(r"<\s?(?=\d)"), lambda _: " nhỏ hơn "),
    (re.compile(r">\s?(?=\d)"), lambda _: " lớn hơn "),
    (_CALL, _read_call),
    (_OR_EMERGENCY, _read_call),
    (_TELEPHONE, _read_telephone),
    (_POINT, lambda match: f"{match[1]},"),
    (_SPACED_THOUSANDS, _join_thousands),
    (re.compile(r"(?<=\d)['’′\s/]{0,8}['’′\s]/?(?=\d)"), lambda _: ", "),  # two numbers side by side are never one
    (_HEIGHT, lambda match: f" {spoken_number(int(match[1]))} mét {spoken_number(int(match[2]))} "),
    (_DEGREES_BELOW, lambda _: " âm "),
    (_RANGE, _read_range),
    (re.compile(r"(?<=\d)\s?[x×]\s?(?=\d)"), lambda _: " nhân "),
    (_WITH_UNIT, _read_with_unit),
    (_CLUSTER, _read_cluster),
    (re.compile(r"[0-9]"), lambda match: f" {spoken_digits(match[0])} "),
)
