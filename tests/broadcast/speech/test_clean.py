"""Pasted text becomes plain text, says what was changed, and cleaning again changes nothing."""

import subprocess
import sys
import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from broadcast.speech.clean import (
    HTML_REMOVED,
    INVISIBLE_REMOVED,
    LETTERS_COMPOSED,
    LETTERS_REPLACED,
    MAX_CHARACTERS,
    SPACES_TIDIED,
    Cleaned,
    clean,
)
from broadcast.speech.errors import TextEmpty, TextTooLong


@pytest.mark.parametrize(
    ("raw", "text", "changes"),
    [
        ("Thông báo.\n\nMời họp lúc 7h30.", "Thông báo.\n\nMời họp lúc 7h30.", ()),
        ("Tho\u0302ng ba\u0301o", "Thông báo", (LETTERS_COMPOSED,)),
        ("Mời\u200b họp\ufeff\x00\x07", "Mời họp", (INVISIBLE_REMOVED,)),
        ("ph\u00adường", "phường", (INVISIBLE_REMOVED,)),
        ("Thứ\u0020\u00a0hai \t lúc", "Thứ hai lúc", (SPACES_TIDIED,)),
        ("một\n\n\n\n\nhai  ", "một\n\nhai", (SPACES_TIDIED,)),
        ("một\r\nhai\u2028ba", "một\nhai\nba", (INVISIBLE_REMOVED,)),
        ("Ðà Nẵng", "Đà Nẵng", (LETTERS_REPLACED,)),
        ("<p>Một</p><p>Hai &amp; <b>ba</b></p>", "Một\n\nHai & ba", (HTML_REMOVED, SPACES_TIDIED)),
        ("a<br>b<br/>c", "a\nb\nc", (HTML_REMOVED,)),
        ("<script>alert(1)</script>Chào<style>p{}</style>", "Chào", (HTML_REMOVED,)),
        ("Chào <!-- ẩn --> bà con", "Chào bà con", (HTML_REMOVED, SPACES_TIDIED)),
        ("&lt;script&gt;x&lt;/script&gt;Chào", "Chào", (HTML_REMOVED,)),
        ("&amp;amp;amp;lt;b&gt;Chào", "Chào", (HTML_REMOVED,)),
        ("nước < 5 m và > 3 m, tôi <3 bạn", "nước < 5 m và > 3 m, tôi <3 bạn", ()),
        ("thẻ <lạ> & <Hải Châu>", "thẻ <lạ> & <Hải Châu>", ()),
        ("<" + "a" * (MAX_CHARACTERS - 2) + ">", "<" + "a" * (MAX_CHARACTERS - 2) + ">", ()),
        ("Chào\ud800", "Chào", (INVISIBLE_REMOVED,)),
    ],
)
def test_a_text_is_cleaned_and_the_changes_are_named(raw, text, changes):
    assert clean(raw) == Cleaned(text, changes)


@pytest.mark.parametrize("raw", ["", "  \n\t", "\u200b\u200b", "<p></p>", "***", "<script>alert(1)</script>"])
def test_a_text_without_words_is_refused(raw):
    with pytest.raises(TextEmpty):
        clean(raw)


def test_twenty_thousand_characters_pass_and_one_more_is_refused():
    assert len(clean("a" * MAX_CHARACTERS).text) == MAX_CHARACTERS
    with pytest.raises(TextTooLong, match=r"20\.000"):
        clean("a" * (MAX_CHARACTERS + 1))
    with pytest.raises(TextTooLong):
        clean("<b></b>" * 1_000_000)


@pytest.mark.parametrize("raw", ["'<' + 'a' * 199_999", "'</a' * 50_000", "'<a ' * 66_666", "'a' + '.' * 19_998 + 'x'"])
def test_a_hostile_text_of_the_greatest_length_is_looked_through_in_one_go(raw):
    text = f"""
from contextlib import suppress
from broadcast.speech.clean import clean
from broadcast.speech.errors import TextTooLong
from broadcast.speech.sentence import sentences
with suppress(TextTooLong):
    sentences(clean({raw}).text)
"""
    subprocess.run([sys.executable, "-c", text], check=True, timeout=60)  # minutes, when it goes back and forth


def test_what_shrinks_below_the_limit_passes():
    assert len(clean("o\u0323\u0302" * MAX_CHARACTERS).text) == MAX_CHARACTERS


MARKUP = st.lists(
    st.sampled_from(
        ["<", ">", "&", "amp;", "lt;", "gt;", "#60;", "b", "p", "/", "script", "!--", "-->", " ", "\n", "a", "ð"]
    )
).map("".join)


@settings(deadline=None)
@given(st.text() | MARKUP)
@example("<" * 5000 + "b>" * 5000)
@example("&" + "amp;" * 10_000)
@example("<!--" * 10_000)
@example("<<b>b>" * 3000)
def test_cleaning_again_changes_nothing_and_leaves_only_what_can_be_seen(raw):
    try:
        cleaned = clean(raw)
    except (TextEmpty, TextTooLong):
        return
    assert clean(cleaned.text) == Cleaned(cleaned.text)
    assert unicodedata.is_normalized("NFC", cleaned.text)
    assert all(character == "\n" or unicodedata.category(character)[0] != "C" for character in cleaned.text)
    assert "<script>" not in cleaned.text.lower()
