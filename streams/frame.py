"""The atom of sound: 20 ms of mono float32 at 48 kHz and the place it has in time.

Positions are *sample positions*: whole samples since the Unix epoch (UTC) at 48 kHz, so that the
same instant is the same number on every machine. Rate, length and channel count are decided here once.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt

SAMPLE_RATE_HZ = 48_000
FRAME_SAMPLES = 960
FRAMES_PER_SECOND = SAMPLE_RATE_HZ // FRAME_SAMPLES

Samples = npt.NDArray[np.float32]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Frame:
    """`samples` is float32 of shape (FRAME_SAMPLES,), full scale at ±1.0; `position` is that of its first sample."""

    position: int
    samples: Samples


def sample_position(at: datetime) -> int:
    """The sample position nearest to an aware instant. Raises ValueError for a naive one."""
    if at.tzinfo is None:
        raise ValueError(f"The instant {at!r} has no time zone. Give an aware datetime.")
    microseconds = (at - _EPOCH) // _MICROSECOND
    return (microseconds * SAMPLE_RATE_HZ + 500_000) // 1_000_000


def instant(position: int) -> datetime:
    """The aware UTC instant of a sample position, to the microsecond."""
    return _EPOCH + timedelta(microseconds=position * 1_000_000 // SAMPLE_RATE_HZ)


def samples_of_ms(duration_ms: float) -> int:
    """How many samples last `duration_ms`."""
    return round(duration_ms * SAMPLE_RATE_HZ / 1000)


def ms_of_samples(samples: int) -> float:
    """How many milliseconds `samples` last."""
    return samples * 1000 / SAMPLE_RATE_HZ


def frame_floor(position: int) -> int:
    """The position of the frame that holds `position`: frames lie on one grid for all machines."""
    return position - position % FRAME_SAMPLES
