"""Cleaning of what people type or paste into a notice: plain, composed, printable text with its paragraphs.

`clean` says what it changed, because the person must see it before approval, and it is stable: cleaning a
clean text changes nothing. It does not read anything aloud; `reading` turns the clean text into spoken words.
"""

import html
import re
import unicodedata
from dataclasses import dataclass
from itertools import count

from broadcast.speech.errors import TextEmpty, TextTooLong

MAX_CHARACTERS = 20_000
_MAX_RAW_CHARACTERS = 10 * MAX_CHARACTERS
"""Decomposed letters and HTML shrink; beyond this nothing can shrink to a text that is allowed."""

HTML_REMOVED = "Đã bỏ các thẻ HTML, chỉ giữ lại chữ."
INVISIBLE_REMOVED = "Đã bỏ các ký tự không nhìn thấy được."
LETTERS_COMPOSED = "Đã ghép lại các dấu thanh và dấu mũ bị tách rời."
LETTERS_REPLACED = "Đã sửa chữ «đ» gõ bằng ký tự nước ngoài."
SPACES_TIDIED = "Đã bỏ khoảng trắng và dòng trống thừa."

_TAG = re.compile(r"<(!--|[!?]|/?(?P<name>[A-Za-z][A-Za-z0-9:]{0,30})(?![A-Za-z0-9:]))[^<>]*>")
"""No part may take back what another took: a text of nothing but «<aaa…» is looked through once."""
_ENTITY = re.compile(r"&(?:amp;)*(#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,30});")
_BLOCK = (
    "address article aside blockquote body br dd div dl dt footer form h1 h2 h3 h4 h5 h6 head header hr html li main "
    "nav ol option p pre section table tbody td tfoot th thead title tr ul"
)
_INLINE = (
    "a abbr audio b base big button canvas center cite code del em embed fieldset figure font i iframe img input ins "
    "kbd label legend link mark meta noscript object picture q s select small source span strike strong sub sup svg "
    "textarea tt u var video wbr"
)
_BLOCK_TAGS, _INLINE_TAGS = frozenset(_BLOCK.split()), frozenset(_INLINE.split())
_HIDDEN_TAGS = frozenset({"script", "style", "template"})
_ETH = str.maketrans("ÐƉð", "ĐĐđ")
_LINE_BREAKS = re.compile("\r\n|[\r\v\f\x85\u2028\u2029]")
_UNSPOKEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
_PATIENT_ROUNDS = 6
"""Tags inside tags and letters inside entities come apart round by round; after these, no markup is left in peace."""


@dataclass(frozen=True, slots=True)
class Cleaned:
    """`text` as it is shown, hashed and spoken; `changes` are sentences for the person who wrote it."""

    text: str
    changes: tuple[str, ...] = ()


def clean(raw: str) -> Cleaned:
    """Clean a text. Raises TextEmpty when no letter or digit is left, TextTooLong beyond MAX_CHARACTERS."""
    if len(raw) > _MAX_RAW_CHARACTERS:
        raise TextTooLong
    text, changes = raw, dict[str, None]()
    for round_number in count():
        before = text
        if round_number >= _PATIENT_ROUNDS:
            text = text.replace("<", " ").replace("&", " ")
        for step, change in _STEPS:
            cleaned = step(text)
            if cleaned != text:
                changes[change] = None
            text = cleaned
        if text == before:
            break
    if len(text) > MAX_CHARACTERS:
        raise TextTooLong
    if not any(character.isalnum() for character in text):
        raise TextEmpty
    return Cleaned(text, tuple(changes))


def _without_html(text: str) -> str:
    """The text between known tags; «a < b», «<3» and unknown words in angle brackets stay as they are."""
    pieces: list[str] = []
    hidden: str | None = None
    end = 0
    for tag in _TAG.finditer(text):
        name = (tag["name"] or "!").lower()
        if hidden is None:
            pieces.append(text[end : tag.start()])
        end = tag.end()
        if name in _HIDDEN_TAGS and not tag[0].startswith("</"):
            hidden = hidden or name
        elif hidden is not None:
            hidden = None if tag[0].startswith("</") and name == hidden else hidden
        else:
            pieces.append(_in_place_of(name, tag[0]))
    pieces.append(text[end:] if hidden is None else "")
    return _ENTITY.sub(lambda entity: html.unescape(f"&{entity[1]};"), "".join(pieces))


def _in_place_of(name: str, tag: str) -> str:
    if name in _BLOCK_TAGS:
        return "\n\n" if name == "p" else "\n"
    known = name == "!" or ":" in name or name in _INLINE_TAGS or name in _HIDDEN_TAGS
    return "" if known else tag


def _without_invisible(text: str) -> str:
    text = _LINE_BREAKS.sub("\n", text)
    return "".join(
        character
        for character in text
        if character in "\n\t"
        or not (unicodedata.category(character) in _UNSPOKEN or "\ufe00" <= character <= "\ufe0f")
    )


def _composed(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def _with_real_letters(text: str) -> str:
    return text.translate(_ETH)


def _tidied(text: str) -> str:
    lines = (" ".join(line.split()) for line in text.split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


_STEPS = (
    (_without_html, HTML_REMOVED),
    (_without_invisible, INVISIBLE_REMOVED),
    (_composed, LETTERS_COMPOSED),
    (_with_real_letters, LETTERS_REPLACED),
    (_tidied, SPACES_TIDIED),
)
