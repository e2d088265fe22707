"""Where sentences begin and end in a clean text, so that each is spoken, timed and shown by itself.

A sentence is a span of the written text: what the transcript shows is what was written, what the engine gets is
`reading.spoken` of it. A full stop in «TP. Đà Nẵng», «1.500» or «1. Nội dung» ends nothing; a new line does.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from broadcast.speech.reading import spoken

MAX_SENTENCE_CHARACTERS = 400
"""Longer sentences are cut at a pause: engines slow down, and a transcript line should be readable."""

_STOP = re.compile(r"(?<![.!?…])[.!?…]+[\"'”’»)\]]*(?=\s|$)|\n+")
_NO_STOP = re.compile(
    r"(?:(?<!\w)(?:TP|Tp|TX|TT|GS|PGS|TS|ThS|BS|KTS|NSND|NSƯT|[A-ZĐ])|(?:^|\n)\s*(?:\d{1,2}|[IVX]{1,4}|[a-zđ]))\.$"
)


@dataclass(frozen=True, slots=True)
class Span:
    """Characters `start` to `end` of the text, the words said for them; `paragraph`: an empty line follows."""

    start: int
    end: int
    text: str
    spoken: str
    paragraph: bool = False


def sentences(text: str) -> tuple[Span, ...]:
    """The sentences of `text` in order; what says nothing aloud («***», «🙂») belongs to no sentence."""
    spans: list[Span] = []
    start = 0
    for stop in _STOP.finditer(text):
        line_break = "\n" in stop[0]
        if not line_break and _NO_STOP.search(text[max(start - 1, 0, stop.end() - 12) : stop.end()]):
            continue
        spans += _spans(text, start, stop.end())
        if spans and stop[0].count("\n") > 1:
            spans[-1] = replace(spans[-1], paragraph=True)
        start = stop.end()
    spans += _spans(text, start, len(text))
    return tuple(spans)


def _spans(text: str, start: int, end: int) -> Iterator[Span]:
    """One sentence, in several spans when it is too long."""
    while start < end:
        cut = end if end - start <= MAX_SENTENCE_CHARACTERS else _cut(text, start)
        piece = text[start:cut]
        written = piece.strip()
        words = spoken(written)
        if words:
            first = start + len(piece) - len(piece.lstrip())
            yield Span(first, first + len(written), written, words)
        start = cut


def _cut(text: str, start: int) -> int:
    """The last good place to breathe: after a semicolon or colon, a comma, a space, or nowhere in particular."""
    window = text[start : start + MAX_SENTENCE_CHARACTERS]
    for sign in ("; ", ": ", ", ", " "):
        at = window.rfind(sign, MAX_SENTENCE_CHARACTERS // 4)
        if at > 0:
            return start + at + len(sign)
    return start + MAX_SENTENCE_CHARACTERS
