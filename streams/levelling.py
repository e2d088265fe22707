"""A held recording -> the samples to encode: one static gain, then nothing over the ceiling.

The limiter looks 5 ms ahead and behind. What it takes from the loudness is given back by more gain
(`made_up_gain_db`). It looks at samples and not between them, since the codec makes other peaks anyway: those that a
listener gets are measured by `streams.opusfile`, and frames that become too loud are taken down by themselves
(`turn_down`), so that one plosive does not make an hour quieter.
"""

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import BinaryIO

import numpy as np

from streams.analysis import KWeighting
from streams.frame import FRAME_SAMPLES, Samples, samples_of_ms
from streams.gain import amplitude, decibels, limit
from streams.media import BLOCK_SAMPLES
from streams.meter import rms

_LOOK_SAMPLES = samples_of_ms(5)
_REACH = 2 * _LOOK_SAMPLES
_SAMPLE_BYTES = 4

_MOST_MAKE_UP_DB = 9.0
_MAKE_UP_ROUNDS = 4
_LISTENED_BLOCKS = 20


class Levelling:
    """The sound of a file of float32 samples, `length` of them, as often as wanted."""

    def __init__(self, held: BinaryIO, length: int, ceiling: float) -> None:
        """`ceiling` is the true peak, as a factor, that the samples will have at most."""
        self._held = held
        self._length = length
        self._ceiling = ceiling
        self._boosts = np.ones(length // FRAME_SAMPLES + 1, dtype=np.float32)

    def blocks(self, gain_db: float) -> Iterator[Samples]:
        """All of it, in blocks of BLOCK_SAMPLES, the last one shorter."""
        for begin in range(0, self._length, BLOCK_SAMPLES):
            yield self.piece(begin, min(begin + BLOCK_SAMPLES, self._length), gain_db)

    def piece(self, begin: int, end: int, gain_db: float) -> Samples:
        """Samples `begin` to `end`; silence after the last. The limiter sees what is beyond the ends, too."""
        around = self._samples(begin - _REACH, end + _REACH) * np.float32(amplitude(gain_db))
        piece: Samples = around[_REACH:-_REACH]
        peaks: Samples = np.abs(around)
        boosts = self._boosts_at(begin - _REACH, end + _REACH)
        if boosts is not None:
            peaks = np.where(boosts > 1.0, np.maximum(peaks, np.float32(self._ceiling)) * boosts, peaks)
        levels = limit(peaks, self._ceiling, _LOOK_SAMPLES)
        return piece if levels is None else piece * levels

    def sample(self, gain_db: float) -> Samples:
        """A few seconds from five places of the recording, one after the other."""
        length = min(self._length // 5, 2 * BLOCK_SAMPLES) if self._length > BLOCK_SAMPLES else self._length
        starts = np.linspace(0, self._length - length, 5 if length < self._length else 1).astype(int)
        return np.concatenate([self.piece(int(begin), int(begin) + length, gain_db) for begin in starts])

    def made_up_gain_db(self, gain_db: float, first_guess_db: float | None = None) -> float:
        """The gain that with the limiter makes the sound as loud as `gain_db` without it; 9 dB more at most.

        Listens to twenty seconds, spread over the whole.
        """
        made_up_db = gain_db if first_guess_db is None else first_guess_db
        for _ in range(_MAKE_UP_ROUNDS):
            missing_db = gain_db + self._lost_db(made_up_db) - made_up_db
            if missing_db < 0.1:
                break
            # The limiter takes about half of what is added away again.
            made_up_db = min(made_up_db + 2 * missing_db, gain_db + _MOST_MAKE_UP_DB)
        return made_up_db

    def turn_down(self, loud_frames: Mapping[int, float]) -> None:
        """Lowers each of these frames, and its neighbours, by the factor (over 1) given for it and a little more."""
        boosts = np.ones_like(self._boosts)
        for frame, factor in loud_frames.items():
            around = slice(max(0, frame - 1), frame + 2)
            boosts[around] = np.maximum(boosts[around], factor**1.5 * 1.05)
        self._boosts *= boosts

    def _lost_db(self, gain_db: float) -> float:
        """How much quieter the limiter makes what is listened to, as the ear weighs it."""
        power, power_left = 0.0, 0.0
        for peaks, weighted in self._listened:
            levels = limit(peaks * np.float32(amplitude(gain_db)), self._ceiling, _LOOK_SAMPLES)
            power += rms(weighted) ** 2
            # Levels change slowly, so they do the same after the weighting as before it, where they belong.
            power_left += rms(weighted if levels is None else weighted * levels) ** 2
        return decibels(float(np.sqrt(power / power_left))) if power_left > 0 else 0.0

    @cached_property
    def _listened(self) -> list[tuple[Samples, Samples]]:
        """Seconds from all over the recording: how high each sample is, and the sound as the ear weighs it."""
        weighting = KWeighting()
        starts = range(0, self._length, BLOCK_SAMPLES)
        listened = []
        for begin in starts[:: max(1, len(starts) // _LISTENED_BLOCKS)]:
            around = self._samples(begin - _REACH, min(begin + BLOCK_SAMPLES, self._length) + _REACH)
            listened.append((np.abs(around), weighting.weighted(around[_REACH:-_REACH])))
        return listened

    def _boosts_at(self, begin: int, end: int) -> Samples | None:
        """The factor of each sample's frame, None when all are 1."""
        first, last = max(0, begin // FRAME_SAMPLES), (end - 1) // FRAME_SAMPLES + 1
        if float(self._boosts[first:last].max(initial=1.0)) <= 1.0:
            return None
        frames = np.clip(np.arange(begin, end) // FRAME_SAMPLES, 0, self._boosts.size - 1)
        boosts: Samples = self._boosts[frames]
        return boosts

    def _samples(self, begin: int, end: int) -> Samples:
        """Samples `begin` to `end` as they are held; silence before the first and after the last."""
        first, last = max(0, begin), max(0, begin, min(end, self._length))
        self._held.seek(first * _SAMPLE_BYTES)
        samples = np.frombuffer(self._held.read((last - first) * _SAMPLE_BYTES), dtype=np.float32)
        return np.pad(samples, (first - begin, end - last))
