"""How long a text will take when spoken, told while it is being written; pure, and quick enough for that.

Vietnamese is written one syllable a word, so the words of the reading are the syllables of the speech.
"""

from broadcast.speech.sentence import sentences

SENTENCE_PAUSE_MS = 350
PARAGRAPH_PAUSE_MS = 700
SLOWEST_RATE, FASTEST_RATE = 0.5, 2.0

_SYLLABLES_PER_SECOND = 3.9
"""Measured on the voice `vi` at its normal pace; the voices of the centre and the south are some 5 % slower."""
_PER_SENTENCE_MS = 60
_PER_COMMA_MS = 120


def sensible_rate(rate: float) -> float:
    """The pace within what can be understood."""
    return min(max(rate, SLOWEST_RATE), FASTEST_RATE)


def estimate_ms(text: str, rate: float = 1.0) -> int:
    """About how long `text` takes to speak, in ms; 0 when there is nothing to say. Never raises."""
    spans = sentences(text)
    syllables = sum(len(span.spoken.split()) for span in spans)
    commas = sum(span.spoken.count(",") for span in spans)
    speech_ms = 1000 * syllables / _SYLLABLES_PER_SECOND + _PER_COMMA_MS * commas + _PER_SENTENCE_MS * len(spans)
    pauses_ms = sum(PARAGRAPH_PAUSE_MS if span.paragraph else SENTENCE_PAUSE_MS for span in spans[:-1])
    return round(speech_ms / sensible_rate(rate) + pauses_ms)
