"""The transcript of a spoken programme: each written sentence with the time at which it is heard. Pure."""

import html
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sentence:
    """`text` as written; heard from `start_ms` to `end_ms` after the beginning of the speech."""

    text: str
    start_ms: int
    end_ms: int


def transcript_vtt(sentences: Iterable[Sentence]) -> str:
    """The sentences as a WebVTT file, one cue each; markup in the text is shown, not obeyed."""
    cues = [
        f"{number}\n{_timestamp(sentence.start_ms)} --> {_timestamp(max(sentence.end_ms, sentence.start_ms + 1))}\n"
        f"{html.escape(' '.join(sentence.text.split()), quote=False)}\n"
        for number, sentence in enumerate(sentences, start=1)
    ]
    return "\n".join(["WEBVTT\n", *cues])


def _timestamp(position_ms: int) -> str:
    seconds, milliseconds = divmod(max(position_ms, 0), 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}.{milliseconds:03}"
