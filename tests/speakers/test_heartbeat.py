"""A device is online, late, lost or was never there; time alone makes it worse."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadcast.errors import NaiveInstant
from speakers.heartbeat import State, state_of

NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
WORSE = [State.ONLINE, State.LATE, State.LOST]


@pytest.mark.parametrize(
    ("alive", "silent_s", "state"),
    [
        (True, 0, State.ONLINE),
        (True, 149, State.ONLINE),
        (True, 151, State.LATE),
        (True, 301, State.LOST),
        (False, 1, State.LOST),
    ],
)
def test_the_state_follows_the_last_sign_of_life(alive: bool, silent_s: int, state: State) -> None:
    assert state_of(alive, NOW - timedelta(seconds=silent_s), NOW, 60) is state


def test_a_device_that_was_never_heard_is_said_to_be_so() -> None:
    assert state_of(False, None, NOW, 60) is State.NEVER


@given(st.booleans(), st.floats(0, 1e6), st.floats(0, 1e6), st.floats(1, 3600))
def test_silence_never_makes_a_device_better(alive: bool, first_s: float, more_s: float, heartbeat_s: float) -> None:
    seen = NOW - timedelta(seconds=first_s)
    before = state_of(alive, seen, NOW, heartbeat_s)
    after = state_of(alive, seen, NOW + timedelta(seconds=more_s), heartbeat_s)
    assert WORSE.index(after) >= WORSE.index(before)


def test_a_naive_instant_is_refused() -> None:
    with pytest.raises(NaiveInstant):
        state_of(True, NOW.replace(tzinfo=None), NOW, 60)
