"""Written Vietnamese as the words that are spoken: abbreviations, then `clock`, then `quantity`, then signs.

`spoken(text)` is total and deterministic and leaves no digit and no sign but , . ? ! behind, so every engine says the
same words. It is the minimal reading: what it does not know it says digit by digit or letter by letter.
"""

import re
import unicodedata
from importlib.resources import files

from broadcast.speech.clock import read_times_and_dates
from broadcast.speech.quantity import read_quantities

LETTER_NAMES = {
    "A": "a", "B": "bê", "C": "xê", "D": "dê", "Đ": "đê", "E": "e", "F": "ép", "G": "gờ", "H": "hát", "I": "i",
    "J": "di", "K": "ca", "L": "lờ", "M": "mờ", "N": "nờ", "O": "o", "P": "pê", "Q": "quy", "R": "rờ", "S": "ét",
    "T": "tê", "U": "u", "V": "vê", "W": "vê kép", "X": "ích", "Y": "i dài", "Z": "dét",
}  # fmt: skip
_SPOKEN_SIGNS = str.maketrans(
    {"&": " và ", "+": " cộng ", "=": " bằng ", "@": " a còng ", "$": " đô la ", "€": " ơ rô ", "~": " khoảng ",
     "%": " phần trăm ", "≥": " lớn hơn hoặc bằng ", "≤": " nhỏ hơn hoặc bằng ", "→": " đến ", "°": " độ ",
     "(": ", ", ")": ", ", "[": ", ", "]": ", ", ":": ",", ";": ",", "…": ".", "\n": ", "}
)  # fmt: skip
_DASHES = re.compile("[‐‑‒–—―−]")
_RULES = re.compile("-{2,}|/{2,}|={2,}|_{2,}")
_ROMAN = re.compile(
    r"(?<!\w)((?:quý|khóa|khoá|kỳ|lần thứ|thứ|chương|phần|mục|đợt|vùng|hạng|loại|khu vực|thế kỷ)\s+)([IVX]{1,5})(?!\w)",
    re.IGNORECASE,
)
_ROMAN_VALUES = {"I": 1, "V": 5, "X": 10}
_CAPITALS = re.compile(r"(?<!\w)[A-ZĐ]{2,5}(?!\w)")
_SYLLABLE = re.compile(
    r"(?:[BDĐHKLMRSTVX]|CH?|GH?|GI|KH|NG?|NGH|NH|P|PH|QU|TH|TR)?(?:[AEIOUY]|[IUYOA][AEOU]|OA[IY]|UO[IU]|[IY]EU|UYE|UY)"
    r"(?:C|CH|M|N|NG|NH|P|T|[IOUY])?"
)


def _load_abbreviations(where: str) -> dict[str, str]:
    lines = files("broadcast.speech").joinpath("abbreviations.tsv").read_text(encoding="utf-8").splitlines()
    rows = [line.split("\t") for line in lines if line and not line.startswith("#")]
    return {written: words for written, words, place in rows if place == where}


_EVERYWHERE, _BEFORE_NAMES, _BEFORE_NUMBERS = (_load_abbreviations(where) for where in ("word", "name", "number"))


def _any_of(written: dict[str, str]) -> str:
    return "|".join(re.escape(short) for short in sorted(written, key=len, reverse=True))


_DOTTED = {short: words for short, words in _EVERYWHERE.items() if not short.isalnum()}
_DOTTED_ABBREVIATION = re.compile(rf"(?<!\w)({_any_of(_DOTTED)})(?!\w)")
_NAME_ABBREVIATION = re.compile(rf"(?<!\w)({_any_of(_BEFORE_NAMES)})\.\s?(?=\w)")
_NUMBER_ABBREVIATION = re.compile(rf"(?<!\w)({_any_of(_BEFORE_NUMBERS)})(?=\d{{1,3}}(?!\d)(?![A-Z]\d))")
_WORD_ABBREVIATION = re.compile(rf"(?<!\w)({_any_of(_EVERYWHERE)})(?!\w)")


def spoken(text: str) -> str:
    """The words that are said for `text`, lower case, one line; empty when there is nothing to say."""
    text = _with_plain_digits(unicodedata.normalize("NFC", text))
    text = _RULES.sub(", ", _DASHES.sub("-", text))
    text = _ROMAN.sub(lambda match: match[1] + str(_roman(match[2])), text)
    text = _NUMBER_ABBREVIATION.sub(lambda match: f"{_BEFORE_NUMBERS[match[1]]} ", text)
    text = _NAME_ABBREVIATION.sub(_expand_before_name, _DOTTED_ABBREVIATION.sub(_expand, text))
    text = read_quantities(read_times_and_dates(text))
    text = _CAPITALS.sub(_letter_by_letter, _WORD_ABBREVIATION.sub(_expand, text))
    return _with_pauses(text).lower()


def _with_plain_digits(text: str) -> str:
    """Every digit and number sign of Unicode as ASCII digits: «²», «½», «Ⅳ», «٣», «①»."""
    if text.isascii():
        return text
    return "".join(
        _plain_digit(character) if unicodedata.category(character)[0] == "N" else character for character in text
    )


def _plain_digit(character: str) -> str:
    value = unicodedata.numeric(character, None)
    if value is not None and value == int(value) and value >= 0:
        return str(int(value))
    return unicodedata.normalize("NFKC", character).replace("\u2044", "/")


def _roman(numeral: str) -> int:
    values = [_ROMAN_VALUES[letter] for letter in numeral.upper()]
    pairs = zip(values, [*values[1:], 0], strict=True)
    return sum(-value if value < following else value for value, following in pairs)


def _expand_before_name(match: re.Match[str]) -> str:
    following = match.string[match.end() : match.end() + 1]
    return f"{_BEFORE_NAMES[match[1]]} " if following.isupper() or following.isdigit() else match[0]


def _expand(match: re.Match[str]) -> str:
    return f" {_EVERYWHERE[match[1]]} "


def _letter_by_letter(match: re.Match[str]) -> str:
    """«XYZ» is spelled; a capitalised Vietnamese syllable («BAN», «TRONG») is a word of a headline."""
    if _SYLLABLE.fullmatch(match[0]):
        return match[0]
    return f" {' '.join(LETTER_NAMES[letter] for letter in match[0])} "


def _with_pauses(text: str) -> str:
    """Signs as words or pauses; every other sign is dropped; spaces and repeated pauses folded."""
    text = re.sub(r"(?<=[a-z])\.(?=[a-z])", " chấm ", text)
    text = re.sub(r"(?<=\s)-(?=\s)|(?<=\w)\s*/\s*(?=\w)", ", ", text)
    text = text.translate(_SPOKEN_SIGNS)
    text = "".join(character if _is_said(character) else " " for character in text)
    text = re.sub(r"\s+", " ", text)
    text = re.sub(r" ?([,.?!])(?: ?[,.?!])* ?", r"\1 ", text)
    text = text.strip(" ,.?!") + _ending(text)
    return text if any(character.isalpha() for character in text) else ""


def _is_said(character: str) -> bool:
    return character in ",.?!" or unicodedata.category(character)[0] in "LM"


def _ending(text: str) -> str:
    last = text.rstrip()[-1:]
    return last if last in {".", "?", "!"} else "."
