"""From wall clock to sample position. The beat asks nothing else about time.

Time is counted on the monotonic clock. Against the wall clock it is compared once a second: a small difference is
slewed away (at most 50 ppm, so sound never jumps), a step of more than 50 ms is followed at once and counted.
`HandClock` is the same clock with hands that a test winds.
"""

import time
from collections.abc import Callable
from threading import Lock

from streams.frame import SAMPLE_RATE_HZ

MAX_SLEW_PPM = 50
STEP_NS = 50_000_000
COMPARE_EVERY_NS = 1_000_000_000

_NS = 1_000_000_000


class Clock:
    """The real clock. `steps` counts how often the wall clock was seen to jump. Safe to share between threads."""

    def __init__(
        self, wall_ns: Callable[[], int] = time.time_ns, monotonic_ns: Callable[[], int] = time.monotonic_ns
    ) -> None:
        self._wall_ns = wall_ns
        self._monotonic_ns = monotonic_ns
        self._lock = Lock()
        self._anchor_monotonic = monotonic_ns()
        self._anchor_wall = wall_ns()
        self._slew_ppm = 0.0
        self.steps = 0

    def position(self) -> int:
        """The sample position of this instant; never goes back, except after a step of the wall clock."""
        with self._lock:
            return self._now_ns() * SAMPLE_RATE_HZ // _NS

    def seconds_until(self, position: int) -> float:
        """How long it is until `position`; negative when it is past. For those who wait in their own way."""
        return (position - self.position()) / SAMPLE_RATE_HZ

    def _now_ns(self) -> int:
        monotonic = self._monotonic_ns()
        passed = monotonic - self._anchor_monotonic
        now = self._anchor_wall + passed + int(passed * self._slew_ppm / 1e6)
        if passed < COMPARE_EVERY_NS:
            return now
        error = self._wall_ns() - now
        if abs(error) > STEP_NS:
            self.steps += 1
            now += error
            error = 0
        self._anchor_monotonic, self._anchor_wall = monotonic, now
        # An error of 1 µs is gone after one second at 1 ppm.
        self._slew_ppm = max(-MAX_SLEW_PPM, min(MAX_SLEW_PPM, error / 1000))
        return now


class HandClock(Clock):
    """A clock that stands still until it is wound."""

    def __init__(self, position: int = 0) -> None:
        super().__init__()
        self._position = position

    def position(self) -> int:
        """Where the hands are."""
        return self._position

    def wind(self, samples: int) -> None:
        """Moves the hands by `samples` (back, if negative). For one thread, any one."""
        self._position += samples
