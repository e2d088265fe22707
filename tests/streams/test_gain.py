"""Levels, sample by sample: fades, ducks, the soft ceiling, the limiter."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from streams.cue import Cue, Duck
from streams.frame import Samples
from streams.gain import (
    DUCK_ATTACK_SAMPLES,
    DUCK_RELEASE_SAMPLES,
    amplitude,
    cue_gain,
    decibels,
    ducked,
    limit,
    rise,
    under_ceiling,
)


def levels(gain: float | Samples, count: int) -> Samples:
    return np.broadcast_to(np.asarray(gain, dtype=np.float32), (count,))


def test_decibels_and_factors_are_each_other_s_inverse() -> None:
    assert amplitude(0.0) == 1.0
    assert amplitude(-6.0206) == pytest.approx(0.5, abs=1e-5)
    assert decibels(amplitude(-17.5)) == pytest.approx(-17.5)
    assert decibels(0.0) == -120.0


def test_a_rise_is_heard_at_its_first_sample_and_full_after_its_last() -> None:
    assert list(levels(rise(-2, 8, 4), 8)) == pytest.approx([0, 0, 0.2, 0.4, 0.6, 0.8, 1, 1])
    assert rise(4, 100, 4) == 1.0
    assert rise(-100, 100, 4) == 0.0
    assert rise(0, 10, 0) == 1.0


@given(some.integers(-500, 500), some.integers(1, 300), some.integers(0, 400))
def test_a_rise_and_its_opposite_always_add_up_to_one(since: int, count: int, length: int) -> None:
    slope = levels(rise(since, count, length), count)
    assert np.all((slope >= 0) & (slope <= 1))
    assert np.all(np.diff(slope) >= 0)


def test_a_cue_has_its_fades_inside_itself_and_a_flat_level_between() -> None:
    cue = Cue("a", "tone:1000", start=1000, offset=0, length=1000, gain_db=-6.0206, fade_in=4, fade_out=4)
    assert cue_gain(cue, 1100, 500) == pytest.approx(0.5, abs=1e-5)
    assert list(levels(cue_gain(cue, 1000, 6), 6)) == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5, 0.5], abs=1e-5)
    assert list(levels(cue_gain(cue, 1994, 6), 6)) == pytest.approx([0.5, 0.5, 0.4, 0.3, 0.2, 0.1], abs=1e-5)


@given(some.integers(0, 200_000), some.integers(1, 2_000))
def test_a_block_of_a_duck_is_the_same_as_its_samples_one_by_one(position: int, count: int) -> None:
    ducks = (Duck(50_000, 60_000, -12.0), Duck(52_000, 120_000, -20.0), Duck(125_000, 126_000, -30.0))
    block = levels(ducked(ducks, position, count), count)
    singles = [float(np.asarray(ducked(ducks, position + at, 1)).reshape(-1)[0]) for at in range(0, count, 97)]
    assert list(block[::97]) == pytest.approx(singles, abs=1e-5)


def test_a_duck_falls_stays_and_rises_without_a_jump() -> None:
    duck = Duck(10_000, 60_000, -20.0)
    curve = levels(ducked((duck,), 0, 100_000), 100_000)
    assert np.all(curve[:10_000] == 1.0)
    assert np.all(np.diff(curve[10_000 : 10_000 + DUCK_ATTACK_SAMPLES]) < 0)
    assert curve[10_000 + DUCK_ATTACK_SAMPLES : 60_000] == pytest.approx(0.1)
    assert np.all(curve[60_000 + DUCK_RELEASE_SAMPLES :] == 1.0)
    assert np.abs(np.diff(curve)).max() < 1e-3


def test_a_duck_shorter_than_its_attack_goes_only_as_deep_as_it_has_time_for() -> None:
    duck = Duck(1_000, 1_000 + DUCK_ATTACK_SAMPLES // 2, -20.0)
    curve = levels(ducked((duck,), 0, 40_000), 40_000)
    assert curve.min() == pytest.approx(1 - 0.9 / 2, abs=1e-3)
    assert np.abs(np.diff(curve)).max() < 1e-3


def test_what_is_below_the_knee_is_left_alone_and_nothing_passes_the_ceiling() -> None:
    quiet = np.linspace(-0.84, 0.84, 960, dtype=np.float32)
    assert under_ceiling(quiet) is quiet
    loud = np.linspace(-3, 3, 961, dtype=np.float32)
    bent = under_ceiling(loud)
    assert np.abs(bent).max() <= 0.981
    assert np.all(np.diff(bent) >= 0)
    inside = np.abs(loud) <= 0.85
    assert np.array_equal(bent[inside], loud[inside])


@given(some.integers(0, 2**32 - 1), some.floats(0.1, 1.0))
def test_the_limiter_never_lets_a_peak_pass_and_moves_smoothly(seed: int, ceiling: float) -> None:
    look = 24
    peaks = np.abs(np.random.default_rng(seed).standard_cauchy(1200)).astype(np.float32) * 0.05
    allowed = limit(peaks, ceiling, look)
    if allowed is None:
        assert peaks.max() <= ceiling
        return
    inner = peaks[2 * look : -2 * look]
    assert allowed.shape == inner.shape
    assert np.all(allowed * inner <= ceiling * (1 + 1e-5))
    assert np.abs(np.diff(allowed)).max() <= 1.001 / (2 * look + 1)
