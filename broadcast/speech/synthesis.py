"""A written notice becomes speech: clean, cut into sentences, read, spoken by an engine, joined with pauses.

The written sentences keep the exact times at which they are heard; they are the transcript. The result is a mono WAV
file at the engine's own rate; `streams.rendition` makes of it what goes on air.
"""

import errno
import wave
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from broadcast.speech.clean import clean
from broadcast.speech.engine import ENGINES, speak
from broadcast.speech.errors import TextEmpty, VoiceError
from broadcast.speech.estimate import PARAGRAPH_PAUSE_MS, SENTENCE_PAUSE_MS, sensible_rate
from broadcast.speech.pipe import Request
from broadcast.speech.sentence import Span, sentences
from broadcast.speech.transcript import Sentence
from broadcast.speech.voice import Voice, require_ready
from streams.errors import DiskFull

TIME_LIMIT_S = 900.0
STALL_LIMIT_S = 60.0
"""Piper takes seconds to load and a few for its longest sentence; after a minute without a sentence it hangs."""
_BYTES_PER_SAMPLE = 2
_EARLIEST_RATE_HZ = 22_050
"""A WAV file must have a rate to be closed, even when the engine dies before it names its own."""


@dataclass(frozen=True, slots=True)
class Speech:
    """A spoken text: the WAV file, how long it is, and when each written sentence is heard."""

    path: Path
    duration_ms: int
    sample_rate_hz: int
    sentences: tuple[Sentence, ...]


def synthesise(
    text: str,
    voice: Voice,
    *,
    voices_folder: Path,
    out_path: Path,
    rate: float = 1.0,
    time_limit_s: float = TIME_LIMIT_S,
    stall_limit_s: float = STALL_LIMIT_S,
    engines: Mapping[str, Sequence[str]] = ENGINES,
) -> Speech:
    """Speak `text` into `out_path` (which appears only when all of it is spoken); `rate` 0.5 to 2.0 is the pace.

    Blocks for as long as the engine needs: call it in a worker process or thread. Raises TextRefused, VoiceError,
    SpeechEngineError (all SpeechError) and streams.errors.DiskFull.
    """
    spans = sentences(clean(text).text)
    if not spans:
        raise TextEmpty
    if voice.engine not in engines:
        raise VoiceError(f"Giọng đọc «{voice.id}» cần bộ đọc «{voice.engine}» mà máy chủ này không có.")
    require_ready(voice, voices_folder)
    request = Request(voice.engine_name(voices_folder), sensible_rate(rate), tuple(span.spoken for span in spans))
    sounds = speak(engines[voice.engine], request, time_limit_s=time_limit_s, stall_limit_s=stall_limit_s)
    part = out_path.with_name(f"{out_path.name}.part")
    try:
        with closing(sounds):
            speech = _join(spans, sounds, part, out_path)
        part.replace(out_path)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise DiskFull from error
        raise
    finally:
        part.unlink(missing_ok=True)
    return speech


def _join(spans: Sequence[Span], sounds: Iterable[tuple[int, bytes]], part: Path, out_path: Path) -> Speech:
    """Write the sounds one after the other with their pauses; times are counted in samples, so they are exact."""
    timed: list[Sentence] = []
    position = sample_rate_hz = pause = 0
    with part.open("wb") as file, wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(_BYTES_PER_SAMPLE)
        sound.setframerate(_EARLIEST_RATE_HZ)
        for span, (sample_rate_hz, pcm) in zip(spans, sounds, strict=True):
            if not timed:
                sound.setframerate(sample_rate_hz)
            sound.writeframesraw(bytes(_BYTES_PER_SAMPLE * pause) + pcm)
            start = position + pause
            position = start + len(pcm) // _BYTES_PER_SAMPLE
            timed.append(Sentence(span.text, _ms(start, sample_rate_hz), _ms(position, sample_rate_hz)))
            pause = (PARAGRAPH_PAUSE_MS if span.paragraph else SENTENCE_PAUSE_MS) * sample_rate_hz // 1000
    return Speech(out_path, _ms(position, sample_rate_hz), sample_rate_hz, tuple(timed))


def _ms(samples: int, sample_rate_hz: int) -> int:
    return round(samples * 1000 / sample_rate_hz)
