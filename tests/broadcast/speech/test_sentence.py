"""Sentences are spans of the text: in order, apart, and nothing that is spoken lies outside them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broadcast.speech.reading import spoken
from broadcast.speech.sentence import MAX_SENTENCE_CHARACTERS, sentences


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Một. Hai! Ba? Bốn… Năm", ["Một.", "Hai!", "Ba?", "Bốn…", "Năm"]),
        ("Giá 1.500.000 đồng lúc 17.30. Hết.", ["Giá 1.500.000 đồng lúc 17.30.", "Hết."]),
        ("UBND TP. Đà Nẵng và P. Hải Châu họp.", ["UBND TP. Đà Nẵng và P. Hải Châu họp."]),
        ("1. Nội dung\n2. Thời gian", ["1. Nội dung", "2. Thời gian"]),
        ("Hẹn ngày 24/11. Xin cảm ơn.", ["Hẹn ngày 24/11.", "Xin cảm ơn."]),
        ("Ông nói: «Xong rồi.» Mọi người về.", ["Ông nói: «Xong rồi.»", "Mọi người về."]),
        ("Dòng một\nDòng hai", ["Dòng một", "Dòng hai"]),
        ("***\nChào bà con.\n🙂", ["Chào bà con."]),
        ("", []),
    ],
)
def test_a_text_is_cut_where_people_pause(text, expected):
    assert [span.text for span in sentences(text)] == expected


def test_an_empty_line_ends_a_paragraph():
    assert [span.paragraph for span in sentences("Một. Hai.\n\nBa.\nBốn.")] == [False, True, False, False]
    assert [span.paragraph for span in sentences("Một.\n\n***\n\nHai.")] == [True, False]


def test_a_sentence_carries_the_words_that_are_said():
    assert [span.spoken for span in sentences("Họp lúc 7h. Mời TDP 5.")] == ["họp lúc bảy giờ.", "mời tổ dân phố năm."]


def test_a_very_long_sentence_is_cut_at_a_comma():
    spans = sentences("một hai ba bốn năm sáu, " * 60)
    assert all(len(span.text) <= MAX_SENTENCE_CHARACTERS for span in spans)
    assert all(span.text.endswith(",") for span in spans)


@settings(deadline=None)
@given(st.text(alphabet="aàĐP1.,!?\n «»🙂*", max_size=300) | st.text())
def test_spans_are_in_order_and_leave_out_only_what_is_not_spoken(text):
    end = 0
    for span in sentences(text):
        assert span.start >= end
        assert not any(character.isalnum() and spoken(character) for character in text[end : span.start])
        assert text[span.start : span.end] == span.text == span.text.strip()
        assert span.spoken == spoken(span.text) != ""
        assert len(span.text) <= MAX_SENTENCE_CHARACTERS
        end = span.end
    assert not any(character.isalnum() and spoken(character) for character in text[end:])
