"""The running station seen from outside: a thread that has died or only fails is noticed."""

import time
from types import SimpleNamespace

import pytest

from monitoring.overview import BEAT_STOPPED_S, _Beat


@pytest.mark.parametrize("stopped", ["beats", "prepared"])
def test_a_beat_is_well_only_while_both_of_its_threads_do_their_work(
    stopped: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = SimpleNamespace(beats=0, prepared=0)
    beat = _Beat(SimpleNamespace(state=lambda: state))  # type: ignore[arg-type]
    passed_s = 1_000.0
    monkeypatch.setattr(time, "monotonic", lambda: passed_s)
    for _ in range(10):
        assert beat.runs()
        passed_s += 1
        state.beats += 1
        state.prepared += 1
    standing = getattr(state, stopped)
    for _ in range(round(BEAT_STOPPED_S) + 1):
        beat.runs()
        passed_s += 1
        state.beats += 1
        state.prepared += 1
        setattr(state, stopped, standing)
    assert not beat.runs()
