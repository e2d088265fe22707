"""Whole numbers and strings of digits as Vietnamese words, the way an announcer says them.

`spoken_number(2026)` is «hai nghìn không trăm hai mươi sáu», `spoken_digits("0905")` is «không chín không năm».
Pure arithmetic on words; what a string of digits means is decided in `clock` and `quantity`.
"""

DIGIT_WORDS = ("không", "một", "hai", "ba", "bốn", "năm", "sáu", "bảy", "tám", "chín")
MAX_SPOKEN_NUMBER = 10**15 - 1
_BILLION = 10**9


def spoken_number(value: int) -> str:
    """A number from 0 to MAX_SPOKEN_NUMBER in words; beyond that, and below zero, ValueError."""
    if not 0 <= value <= MAX_SPOKEN_NUMBER:
        raise ValueError(f"{value} cannot be said as a number. Use spoken_digits for its digits.")
    billions, rest = divmod(value, _BILLION)
    if billions == 0:
        return _below_billion(rest, full=False)
    words = f"{_below_billion(billions, full=False)} tỷ"
    return words if rest == 0 else f"{words} {_below_billion(rest, full=True)}"


def spoken_digits(text: str) -> str:
    """Every decimal digit of `text` as one word; other characters are left out."""
    return " ".join(DIGIT_WORDS[int(character)] for character in text if character in "0123456789")


def _below_billion(value: int, *, full: bool) -> str:
    """Millions, thousands and ones; `full` says the leading zeros of the first group that is not empty."""
    words: list[str] = []
    for size, name in ((1_000_000, "triệu"), (1_000, "nghìn"), (1, "")):
        group, value = divmod(value, size)
        if group or (size == 1 and not words):
            words.append(_three_digits(group, full=full or bool(words)))
            if name:
                words.append(name)
    return " ".join(words)


def _three_digits(value: int, *, full: bool) -> str:
    hundreds, rest = divmod(value, 100)
    words = [f"{DIGIT_WORDS[hundreds]} trăm"] if hundreds or full else []
    if rest or not words:
        words.append(_two_digits(rest, after_hundreds=bool(words)))
    return " ".join(words)


def _two_digits(value: int, *, after_hundreds: bool) -> str:
    tens, ones = divmod(value, 10)
    if tens == 0:
        return f"linh {DIGIT_WORDS[ones]}" if after_hundreds else DIGIT_WORDS[ones]
    words = "mười" if tens == 1 else f"{DIGIT_WORDS[tens]} mươi"
    if ones == 0:
        return words
    last = {1: "mốt" if tens > 1 else "một", 5: "lăm"}.get(ones, DIGIT_WORDS[ones])
    return f"{words} {last}"
