"""What sound measures: peak, true peak, RMS, loudness, and where it is silent. Pure arithmetic on arrays.

Loudness follows ITU-R BS.1770: `KLoudness` gathers the power of K-weighted sound in 100 ms steps and gates it; the
weighting itself is a filter and is done where the sound is decoded (`streams.analysis`).
"""

import numpy as np
import numpy.typing as npt

from streams.frame import SAMPLE_RATE_HZ, Samples
from streams.gain import decibels

SILENCE_DB = -50.0
"""Sound whose 10 ms blocks stay below this RMS counts as silence at the ends of a recording."""

STEP_SAMPLES = SAMPLE_RATE_HZ // 10
UNMEASURABLE_LUFS = -70.0

_ABSOLUTE_GATE_LUFS = -70.0
_RELATIVE_GATE_LU = -10.0
_STEPS_PER_BLOCK = 4  # gating blocks of 400 ms that overlap by three quarters

_PHASES = 4
_TAPS = 12
_NEIGHBOURS = 4
TRUE_PEAK_REACH = _TAPS // 2
"""How many samples on either side an inter-sample value depends on."""


def peak(samples: Samples) -> float:
    """The largest sample, as a factor of full scale."""
    return max(float(samples.max()), -float(samples.min())) if samples.size else 0.0


def rms(samples: Samples) -> float:
    """The root of the mean power, as a factor of full scale."""
    return float(np.sqrt(np.dot(samples, samples) / samples.size)) if samples.size else 0.0


def _interpolators() -> list[Samples]:
    """Windowed-sinc filters for the values at 1/4, 1/2 and 3/4 between two samples."""
    filters = []
    for phase in range(1, _PHASES):
        at = np.arange(_TAPS) - (_TAPS // 2 - 1) - phase / _PHASES
        window = np.cos(np.pi * at / (_TAPS + 1)) ** 2
        taps = np.sinc(at) * window
        filters.append((taps / taps.sum())[::-1].astype(np.float32))
    return filters


_INTERPOLATORS = _interpolators()
_INTERPOLATE = np.stack([taps[::-1] for taps in _INTERPOLATORS], axis=1)


def peaks_between(samples: Samples, above: float = 0.0) -> Samples:
    """The peak at and just after each sample, between the samples too (4 times oversampled), for shape (n,) -> (n,).

    Only neighbourhoods of samples over `above` are oversampled; the others have their sample peaks. The first and
    last TRUE_PEAK_REACH samples see silence beyond the ends.
    """
    highest: Samples = np.abs(samples)
    near = np.flatnonzero(_spread(highest > above))
    padded = np.concatenate((np.zeros(_TAPS // 2 - 1, np.float32), samples, np.zeros(_TAPS // 2, np.float32)))
    if near.size * 4 > samples.size:
        for taps in _INTERPOLATORS:
            np.maximum(highest, np.abs(np.convolve(padded, taps, "valid")), out=highest)
    elif near.size:
        between = np.abs(padded[near[:, np.newaxis] + np.arange(_TAPS)] @ _INTERPOLATE)
        highest[near] = np.maximum(highest[near], between.max(axis=1))
    return highest


def _spread(marks: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """The marks and the _NEIGHBOURS places on either side of each."""
    spread = marks.copy()
    for by in range(1, _NEIGHBOURS + 1):
        spread[by:] |= marks[:-by]
        spread[:-by] |= marks[by:]
    return spread


class PeakMeter:
    """The true peak of a long sound, given in blocks. Only what could raise it is oversampled."""

    # An inter-sample peak of real sound is at most about 3 dB above the samples around it.
    _HOPE = 0.7

    def __init__(self) -> None:
        self._tail = np.zeros(0, dtype=np.float32)
        self.highest = 0.0

    def add(self, samples: Samples) -> None:
        """The next block of the sound, of any length."""
        joined = np.concatenate((self._tail, samples))
        self.highest = max(self.highest, peak(samples))
        # The ends are left out: what lies between their samples depends on samples that are not here.
        between = peaks_between(joined, self._HOPE * self.highest)[TRUE_PEAK_REACH:-TRUE_PEAK_REACH]
        self.highest = max(self.highest, float(between.max(initial=0.0)))
        self._tail = joined[-2 * TRUE_PEAK_REACH :]

    @property
    def dbtp(self) -> float:
        """The true peak so far in dB of full scale."""
        return decibels(self.highest)


class KLoudness:
    """Integrated loudness (BS.1770-4, mono) of K-weighted sound given in blocks."""

    def __init__(self) -> None:
        self._rest = np.zeros(0, dtype=np.float32)
        self._steps: list[npt.NDArray[np.float64]] = []

    def add(self, weighted: Samples) -> None:
        """The next block of K-weighted sound, of any length."""
        joined = np.concatenate((self._rest, weighted))
        whole = joined.size - joined.size % STEP_SAMPLES
        steps = joined[:whole].reshape(-1, STEP_SAMPLES).astype(np.float64)
        self._steps.append(np.einsum("ij,ij->i", steps, steps) / STEP_SAMPLES)
        self._rest = joined[whole:]

    def integrated_lufs(self) -> float:
        """The gated loudness of all that was added (ungated under 400 ms); UNMEASURABLE_LUFS when it is silent."""
        steps = np.concatenate(self._steps) if self._steps else np.zeros(0)
        width = max(1, min(steps.size, _STEPS_PER_BLOCK))
        blocks = np.convolve(steps, np.full(width, 1 / width), "valid") if steps.size else steps
        loud = blocks[blocks > _power(_ABSOLUTE_GATE_LUFS)]
        if not loud.size:
            return UNMEASURABLE_LUFS
        gate = _power(_lufs(float(loud.mean())) + _RELATIVE_GATE_LU)
        return _lufs(float(loud[loud > gate].mean()))


def _lufs(power: float) -> float:
    return -0.691 + 10.0 * float(np.log10(power))


def _power(loudness_lufs: float) -> float:
    return float(10.0 ** ((loudness_lufs + 0.691) / 10.0))


class SilenceMeter:
    """How much silence a sound has at its two ends, given in blocks; measured in steps of 10 ms."""

    _STEP = SAMPLE_RATE_HZ // 100

    def __init__(self) -> None:
        self._rest = np.zeros(0, dtype=np.float32)
        self._threshold = 10.0 ** (SILENCE_DB / 10.0)
        self._seen = 0
        self._first: int | None = None
        self._last = 0

    def add(self, samples: Samples) -> None:
        """The next block of the sound, of any length."""
        joined = np.concatenate((self._rest, samples))
        whole = joined.size - joined.size % self._STEP
        steps = joined[:whole].reshape(-1, self._STEP)
        sounding = np.flatnonzero(np.einsum("ij,ij->i", steps, steps) / self._STEP > self._threshold)
        if sounding.size:
            if self._first is None:
                self._first = self._seen + int(sounding[0])
            self._last = self._seen + int(sounding[-1]) + 1
        self._seen += steps.shape[0]
        self._rest = joined[whole:]

    @property
    def leading_ms(self) -> int:
        """Silence before the first sound; all of it when there is none."""
        return 10 * (self._seen if self._first is None else self._first)

    @property
    def trailing_ms(self) -> int:
        """Silence after the last sound; none is counted twice when all is silent."""
        return 0 if self._first is None else 10 * (self._seen - self._last)
