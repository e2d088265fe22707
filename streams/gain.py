"""How loud, sample by sample: decibels, ramps, fades, ducks, the ceiling of a mix and the limiter of a rendition.

Pure arithmetic on positions and arrays; a level that does not change over a block is a plain number, not an array.
The player asks `cue_gain`, the mixer `under_ceiling`, the rendition `limit`.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from streams.cue import Cue, Duck
from streams.frame import Samples, samples_of_ms

Gain = float | Samples
"""One level for a whole block, or one for each of its samples."""

DUCK_ATTACK_SAMPLES = samples_of_ms(80)
DUCK_RELEASE_SAMPLES = samples_of_ms(500)

# Above the -1.5 dB that a rendition may reach, so that one sound alone is never touched.
_KNEE = 0.85
_CEILING = 0.98
_FLOOR_DB = -120.0


def amplitude(level_db: float) -> float:
    """The factor of a level: 0 dB is 1.0, -6.02 dB is 0.5."""
    return float(10.0 ** (level_db / 20.0))


def decibels(factor: float) -> float:
    """The level of a factor; silence is -120 dB, so that it can be written down."""
    return max(_FLOOR_DB, 20.0 * float(np.log10(factor))) if factor > 0 else _FLOOR_DB


def rise(since: int, count: int, length: int) -> Gain:
    """A linear rise of `length` samples: the levels of its samples `since` to `since + count`, 0 before and 1 after.

    Sample k of the rise has the level (k + 1) / (length + 1): the first is heard, the last is not yet full, and
    `1 - rise` is the same slope falling.
    """
    if since >= length:
        return 1.0
    if since + count <= 0:
        return 0.0
    steps = np.arange(since + 1, since + count + 1, dtype=np.float32)
    slope: Samples = np.clip(steps / np.float32(length + 1), np.float32(0), np.float32(1))
    return slope


def cue_gain(cue: Cue, position: int, count: int) -> Gain:
    """The level of a cue over `count` samples from `position`, all of them inside the cue: level, fades and ducks."""
    gain: Gain = amplitude(cue.gain_db)
    if position < cue.start + cue.fade_in:
        gain = gain * rise(position - cue.start, count, cue.fade_in)
    if position + count > cue.end - cue.fade_out:
        gain = gain * (1.0 - rise(position - (cue.end - cue.fade_out), count, cue.fade_out))
    if cue.ducks:
        gain = gain * ducked(cue.ducks, position, count)
    return gain


def ducked(ducks: Sequence[Duck], position: int, count: int) -> Gain:
    """The level that ducks leave: falling in 80 ms from `start`, rising in 500 ms from `end`; the lowest one counts."""
    level: Gain = 1.0
    for duck in ducks:
        if duck.start < position + count and position < duck.end + DUCK_RELEASE_SAMPLES:
            other = _one_duck(duck, position, count)
            both_flat = isinstance(level, float) and isinstance(other, float)
            level = min(level, other) if both_flat else np.minimum(level, other, dtype=np.float32)
    return level


def _one_duck(duck: Duck, position: int, count: int) -> Gain:
    low = amplitude(duck.gain_db)
    down = duck.start + DUCK_ATTACK_SAMPLES
    if down <= position and position + count <= duck.end:
        return low
    bottom = low + (1.0 - low) * max(0.0, (down - duck.end) / DUCK_ATTACK_SAMPLES)
    corners = (duck.start, min(down, duck.end), duck.end, duck.end + DUCK_RELEASE_SAMPLES)
    shifted = [corner - position for corner in corners]
    return np.interp(np.arange(count), shifted, (1.0, bottom, bottom, 1.0)).astype(np.float32)


def under_ceiling(samples: Samples) -> Samples:
    """Bends what exceeds 0.85 softly so that nothing exceeds 0.98; needs no memory and adds no delay.

    For the sum of a mix, where two sounds at full level meet for a moment. Sound below the knee is left as it is.
    """
    if samples.size == 0 or max(float(samples.max()), -float(samples.min())) <= _KNEE:
        return samples
    room = _CEILING - _KNEE
    over = np.abs(samples) - np.float32(_KNEE)
    bent = np.float32(_KNEE) + np.float32(room) * np.tanh(over / np.float32(room))
    return np.where(over > 0, np.copysign(bent, samples), samples).astype(np.float32, copy=False)


def limit(peaks: Samples, ceiling: float, look_samples: int) -> Samples | None:
    """The levels that keep a sound whose peaks are `peaks` under `ceiling`; None when it needs no limiting.

    `peaks` is the peak at each sample (of shape (n,)), with `2 * look_samples` samples of context at both ends; the
    levels come back for the n - 4 * look_samples samples between. They fall and rise smoothly over `look_samples`
    before and after each peak, and are never higher than the peak allows.
    """
    if float(peaks.max(initial=0.0)) <= ceiling:
        return None
    allowed: Samples = np.divide(np.float32(ceiling), np.maximum(peaks, np.float32(ceiling)), dtype=np.float32)
    lowest = _sliding_minimum(allowed, 2 * look_samples + 1)
    return _sliding_mean(lowest, 2 * look_samples + 1)


def _sliding_minimum(values: Samples, width: int) -> Samples:
    """The minimum of each `width` neighbours; the result is `width - 1` shorter. Doubles its reach at each step."""
    reach = 1
    while reach * 2 <= width:
        values = np.minimum(values[:-reach], values[reach:])
        reach *= 2
    rest = width - reach
    return np.minimum(values[:-rest], values[rest:]) if rest else values


def _sliding_mean(values: Samples, width: int) -> Samples:
    """The mean of each `width` neighbours; the result is `width - 1` shorter."""
    sums: npt.NDArray[np.float64] = np.cumsum(np.concatenate(([0.0], values)), dtype=np.float64)
    return ((sums[width:] - sums[:-width]) / width).astype(np.float32)
