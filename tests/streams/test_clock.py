"""Time becomes sample positions: steadily, slewed slowly, followed at once when it jumps."""

from itertools import pairwise

from streams.clock import MAX_SLEW_PPM, Clock, HandClock
from streams.frame import SAMPLE_RATE_HZ

SECOND_NS = 1_000_000_000
WALL_NS = 1_700_000_000 * SECOND_NS


class Hands:
    """A wall clock and a monotonic clock that are moved together, or apart."""

    def __init__(self) -> None:
        self.wall = WALL_NS
        self.monotonic = 5 * SECOND_NS
        self.clock = Clock(lambda: self.wall, lambda: self.monotonic)

    def move(self, seconds: float) -> None:
        self.wall += round(seconds * SECOND_NS)
        self.monotonic += round(seconds * SECOND_NS)


def position_of(wall_ns: int) -> int:
    return wall_ns * SAMPLE_RATE_HZ // SECOND_NS


def test_the_position_is_that_of_the_wall_clock() -> None:
    hands = Hands()
    assert hands.clock.position() == 1_700_000_000 * SAMPLE_RATE_HZ
    hands.move(2.5)
    assert hands.clock.position() == position_of(hands.wall)


def test_a_small_difference_is_slewed_away_without_a_jump() -> None:
    hands = Hands()
    hands.clock.position()
    hands.wall += 2_000_000
    positions = []
    for _ in range(600):
        hands.move(0.1)
        positions.append(hands.clock.position())
    most = 0.1 * SAMPLE_RATE_HZ * (1 + MAX_SLEW_PPM * 1e-6)
    assert all(0 < later - earlier <= most + 1 for earlier, later in pairwise(positions))
    assert abs(positions[-1] - position_of(hands.wall)) <= 1
    assert hands.clock.steps == 0


def test_the_clock_never_goes_back_while_it_slews_backwards() -> None:
    hands = Hands()
    hands.clock.position()
    hands.wall -= 40_000_000
    positions = []
    for _ in range(5_000):
        hands.move(0.0005)
        positions.append(hands.clock.position())
    assert positions == sorted(positions)


def test_a_step_of_the_wall_clock_is_followed_within_a_second_and_counted() -> None:
    hands = Hands()
    hands.clock.position()
    hands.wall += 3600 * SECOND_NS
    hands.move(1.1)
    assert hands.clock.position() == position_of(hands.wall)
    assert hands.clock.steps == 1


def test_how_long_it_is_until_a_position_is_negative_when_it_is_past() -> None:
    clock = HandClock(100)
    clock.wind(50)
    assert clock.position() == 150
    assert clock.seconds_until(150 + SAMPLE_RATE_HZ) == 1.0
    assert clock.seconds_until(150 - SAMPLE_RATE_HZ) == -1.0
