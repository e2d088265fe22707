"""Tones that need no file: `tone:<hertz>` is an endless sine, `tone:chime` the attention signal before speech.

A tone is computed from its sample numbers, so any offset gives the same samples as playing up to it.
"""

import numpy as np

from streams.errors import SoundMissing
from streams.frame import SAMPLE_RATE_HZ, Samples, samples_of_ms
from streams.source import Sound

TONE_LEVEL = 0.125
"""Peak of a sine tone: -18 dB of full scale, the alignment level of the EBU."""

TONE_LENGTH = 24 * 3600 * SAMPLE_RATE_HZ
_HERTZ = range(20, 20_001)

# Four falling notes (A5, F#5, D5, A4), each struck as the one before rings on: what a railway station plays.
_CHIME_NOTES_HZ = (880.0, 739.99, 587.33, 440.0)
_CHIME_STEP = samples_of_ms(450)
_CHIME_RING = samples_of_ms(1200)
_CHIME_LEVEL = 0.22


class ToneReader:
    """Reads on through a tone; the sine is computed, the chime is cut from its waveform."""

    def __init__(self, tone: "SineTone | Chime", offset: int) -> None:
        self._tone = tone
        self._offset = offset

    def read(self, count: int) -> Samples:
        """The next `count` samples, fewer at the end."""
        samples = self._tone.samples(self._offset, max(0, min(count, self._tone.length - self._offset)))
        self._offset += samples.size
        return samples

    def close(self) -> None:
        """Nothing is held."""


class SineTone:
    """A sine of `frequency_hz` at TONE_LEVEL, a day long; the same second repeats, since hertz are whole."""

    def __init__(self, frequency_hz: int) -> None:
        self._frequency_hz = frequency_hz
        self.length = TONE_LENGTH

    def samples(self, offset: int, count: int) -> Samples:
        """Samples `offset` to `offset + count`."""
        turns = (np.arange(offset, offset + count) * self._frequency_hz % SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ
        return (TONE_LEVEL * np.sin(2 * np.pi * turns)).astype(np.float32)

    def decode(self, offset: int) -> ToneReader:
        """A reader from sample `offset`."""
        return ToneReader(self, offset)


class Chime:
    """The attention signal, 2.55 s."""

    def __init__(self) -> None:
        self._waveform = _chime()
        self.length = self._waveform.size

    def samples(self, offset: int, count: int) -> Samples:
        """Samples `offset` to `offset + count`."""
        return self._waveform[offset : offset + count]

    def decode(self, offset: int) -> ToneReader:
        """A reader from sample `offset`."""
        return ToneReader(self, offset)


def _chime() -> Samples:
    waveform = np.zeros(_CHIME_STEP * (len(_CHIME_NOTES_HZ) - 1) + _CHIME_RING)
    seconds = np.arange(_CHIME_RING) / SAMPLE_RATE_HZ
    struck = np.minimum(1.0, seconds / 0.004) * np.exp(-seconds / 0.35)
    struck *= np.minimum(1.0, (seconds[-1] - seconds) / 0.05)
    for number, note_hz in enumerate(_CHIME_NOTES_HZ):
        ring = np.sin(2 * np.pi * note_hz * seconds) + 0.3 * np.sin(4 * np.pi * note_hz * seconds)
        waveform[number * _CHIME_STEP : number * _CHIME_STEP + _CHIME_RING] += _CHIME_LEVEL * struck * ring
    samples = waveform.astype(np.float32)
    samples.flags.writeable = False
    return samples


def open_tone(name: str) -> Sound:
    """The tone called `name` ("chime", or whole hertz such as "1000"). Raises SoundMissing for another name."""
    if name == "chime":
        return Chime()
    if name.isascii() and name.isdecimal() and len(name) <= 5 and int(name) in _HERTZ:
        return SineTone(int(name))
    raise SoundMissing(f"Không có âm hiệu nào tên là «{name}».")
