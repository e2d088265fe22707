"""Numbers in words, checked by a reader that goes the other way."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadcast.speech.number import DIGIT_WORDS, MAX_SPOKEN_NUMBER, spoken_digits, spoken_number

_VALUES = {word: value for value, word in enumerate(DIGIT_WORDS)} | {"mốt": 1, "lăm": 5}


def value_of(words: str) -> int:
    """What a Vietnamese listener understands: ones add up, mươi and trăm multiply, nghìn and triệu close a group."""
    billions, _, rest = words.rpartition("tỷ") if "tỷ" in words else ("", "", words)
    total, group, ones = 0, 0, 0
    for word in rest.split():
        if word in _VALUES:
            ones = _VALUES[word]
        elif word == "mười":
            group, ones = group + 10, 0
        elif word == "mươi":
            group, ones = group + 10 * ones, 0
        elif word == "trăm":
            group, ones = group + 100 * ones, 0
        elif word in {"nghìn", "triệu"}:
            total += (group + ones) * {"nghìn": 1000, "triệu": 1_000_000}[word]
            group = ones = 0
        else:
            assert word == "linh"
    return (value_of(billions) * 10**9 if billions else 0) + total + group + ones


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (0, "không"),
        (5, "năm"),
        (10, "mười"),
        (11, "mười một"),
        (15, "mười lăm"),
        (21, "hai mươi mốt"),
        (55, "năm mươi lăm"),
        (105, "một trăm linh năm"),
        (110, "một trăm mười"),
        (1005, "một nghìn không trăm linh năm"),
        (2026, "hai nghìn không trăm hai mươi sáu"),
        (1_000_000, "một triệu"),
        (1_500_000, "một triệu năm trăm nghìn"),
        (2_000_000_001, "hai tỷ không trăm linh một"),
        (48_000_000_000, "bốn mươi tám tỷ"),
    ],
)
def test_a_number_is_said_as_an_announcer_says_it(number, words):
    assert spoken_number(number) == words


@given(st.integers(0, MAX_SPOKEN_NUMBER))
def test_a_listener_understands_the_number_that_was_written(number):
    assert value_of(spoken_number(number)) == number


def test_every_number_to_ten_thousand_is_understood():
    assert all(value_of(spoken_number(number)) == number for number in range(10_000))


@pytest.mark.parametrize("number", [-1, MAX_SPOKEN_NUMBER + 1])
def test_what_is_no_such_number_is_an_error(number):
    with pytest.raises(ValueError, match="spoken_digits"):
        spoken_number(number)


@given(st.text())
def test_digits_are_said_one_by_one(text):
    assert len(spoken_digits(text).split()) == sum(character in "0123456789" for character in text)
