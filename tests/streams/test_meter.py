"""Meters against what is known, and against FFmpeg's own."""

import av
import av.filter
import numpy as np
import pytest

from streams.analysis import Analyser
from streams.frame import SAMPLE_RATE_HZ, Samples
from streams.meter import PeakMeter, SilenceMeter, peak, peaks_between, rms


def noise(seconds: float, level: float = 0.1, seed: int = 1) -> Samples:
    count = round(seconds * SAMPLE_RATE_HZ)
    return (level * np.random.default_rng(seed).standard_normal(count)).astype(np.float32)


def sine(frequency_hz: float, seconds: float, level: float, phase: float = 0.0) -> Samples:
    times = np.arange(round(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    return (level * np.sin(2 * np.pi * frequency_hz * times + phase)).astype(np.float32)


def measured(samples: Samples, block: int = 7_001) -> Analyser:
    analyser = Analyser()
    for begin in range(0, samples.size, block):
        analyser.add(samples[begin : begin + block])
    return analyser


def loudness_and_peak_by_ffmpeg(samples: Samples) -> tuple[float, float]:
    graph = av.filter.Graph()
    source = graph.add("abuffer", f"sample_rate={SAMPLE_RATE_HZ}:sample_fmt=flt:channel_layout=mono")
    graph.link_nodes(source, graph.add("ebur128", "metadata=1:peak=true"), graph.add("abuffersink")).configure()
    frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="flt", layout="mono")
    frame.sample_rate = SAMPLE_RATE_HZ
    graph.push(frame)
    graph.push(None)
    facts: dict[str, str] = {}
    while True:
        try:
            facts = dict(graph.pull().metadata)
        except (av.BlockingIOError, av.EOFError):
            break
    return float(facts["lavfi.r128.I"]), 20 * float(np.log10(float(facts["lavfi.r128.true_peak"])))


def test_a_sine_at_full_scale_measures_three_decibels_less_than_its_peak() -> None:
    tone = sine(1000, 1, 1.0)
    assert peak(tone) == pytest.approx(1.0)
    assert rms(tone) == pytest.approx(np.sqrt(0.5), abs=1e-4)
    assert rms(tone[:0]) == peak(tone[:0]) == 0.0


def test_a_peak_between_the_samples_is_found() -> None:
    # A quarter of the rate at 45 degrees: every sample is 0.707, the sound reaches 1.0 between them.
    tone = sine(SAMPLE_RATE_HZ / 4, 0.2, 1.0, np.pi / 4)
    meter = PeakMeter()
    for begin in range(0, tone.size, 333):
        meter.add(tone[begin : begin + 333])
    assert peak(tone) == pytest.approx(0.7071, abs=1e-3)
    assert meter.highest == pytest.approx(1.0, abs=0.03)


def test_oversampling_only_the_loud_parts_finds_the_same_peak() -> None:
    sound = noise(2) * np.linspace(0, 1, 2 * SAMPLE_RATE_HZ, dtype=np.float32)
    assert peaks_between(sound, 0.2).max() == pytest.approx(peaks_between(sound).max(), rel=1e-6)


@pytest.mark.parametrize("seed", [1, 2])
def test_loudness_and_true_peak_agree_with_ffmpeg(seed: int) -> None:
    shape = np.repeat([0.02, 0.3, 1.0, 0.0, 0.6], SAMPLE_RATE_HZ).astype(np.float32)
    sound = noise(5, 0.15, seed) * shape + sine(220, 5, 0.2) * shape
    result = measured(sound).result()
    loudness, true_peak = loudness_and_peak_by_ffmpeg(sound)
    assert result.integrated_lufs == pytest.approx(loudness, abs=0.1)
    assert result.true_peak_dbtp == pytest.approx(true_peak, abs=0.25)
    assert result.duration_samples == sound.size


def test_the_reference_tone_of_the_standard_measures_as_the_standard_says() -> None:
    # BS.1770: 997 Hz at 0 dBFS in one channel is -3.01 LKFS.
    assert measured(sine(997, 4, 1.0)).result().integrated_lufs == pytest.approx(-3.01, abs=0.05)


def test_a_sound_shorter_than_a_gating_block_still_has_a_loudness() -> None:
    assert measured(sine(997, 0.25, 1.0)).result().integrated_lufs == pytest.approx(-3.0, abs=0.5)


def test_silence_has_no_loudness_and_is_counted_once() -> None:
    result = measured(np.zeros(SAMPLE_RATE_HZ, dtype=np.float32)).result()
    assert (result.integrated_lufs, result.true_peak_dbtp) == (-70.0, -120.0)
    assert (result.leading_silence_ms, result.trailing_silence_ms) == (1000, 0)


def test_silence_at_the_ends_is_measured_and_silence_between_is_not() -> None:
    still = np.zeros(SAMPLE_RATE_HZ, dtype=np.float32)
    meter = SilenceMeter()
    sound = np.concatenate((still[:24_000], noise(1), still, noise(1), still[:12_000]))
    for begin in range(0, sound.size, 1001):
        meter.add(sound[begin : begin + 1001])
    assert (meter.leading_ms, meter.trailing_ms) == (500, 250)
