"""What is heard together is added; what is too loud together is bent."""

import numpy as np
import pytest

from streams.frame import FRAME_SAMPLES
from streams.mixer import Part, mix
from streams.source import SILENT_FRAME


def part(value: float, begin: int = 0, count: int = FRAME_SAMPLES) -> Part:
    return Part(begin, np.full(count, value, dtype=np.float32))


def test_two_sounds_that_overlap_are_added_where_they_do() -> None:
    frame = mix(960, [part(0.11), part(0.22, begin=480, count=100)])
    assert frame.position == 960
    assert frame.samples[:480] == pytest.approx(0.11)
    assert frame.samples[480:580] == pytest.approx(0.33)
    assert frame.samples[580:] == pytest.approx(0.11)


def test_one_sound_alone_is_passed_on_without_a_copy() -> None:
    alone = part(0.5)
    assert mix(0, [alone]).samples is alone.samples


def test_nothing_is_the_shared_silent_frame() -> None:
    assert mix(0, []).samples is SILENT_FRAME
    with pytest.raises(ValueError, match="read-only"):
        SILENT_FRAME[0] = 1.0


def test_no_sum_passes_full_scale() -> None:
    assert np.abs(mix(0, [part(0.9), part(0.9), part(0.9)]).samples).max() <= 0.981
    assert np.abs(mix(0, [part(2.0)]).samples).max() <= 0.981
