"""Packets that became too loud are made again, and nobody hears where."""

import io

import av
import numpy as np
import pytest

from streams.analysis import Analyser
from streams.frame import FRAME_SAMPLES, SAMPLE_RATE_HZ, Samples
from streams.opusfile import Coding, PacketPeaks, encode, mend, ogg_file

SPEECH = Coding(24_000, "voip")
LENGTH = 12 * SAMPLE_RATE_HZ + 77


@pytest.fixture(scope="module")
def voice() -> Samples:
    times = np.arange(LENGTH) / SAMPLE_RATE_HZ
    turns = np.cumsum(130 + 20 * np.sin(2 * np.pi * 0.8 * times)) / SAMPLE_RATE_HZ
    tone = sum(np.sin(2 * np.pi * turns * harmonic + harmonic**2) / harmonic for harmonic in range(1, 15))
    hiss = np.random.default_rng(2).standard_normal(LENGTH) * 0.1
    return (0.15 * np.clip(np.sin(2 * np.pi * 2.7 * times), 0.02, 1) * (tone + hiss)).astype(np.float32)


def decoded(packets: list[bytes]) -> Samples:
    with av.open(io.BytesIO(ogg_file(packets, LENGTH))) as container:
        decoder = av.CodecContext.create("libopus", "r")
        decoder.extradata = container.streams.audio[0].codec_context.extradata
        decoder.options = {"request_sample_fmt": "flt"}
        frames = [frame.to_ndarray()[0] for packet in container.demux() for frame in decoder.decode(packet)]
    return np.concatenate(frames)


def test_the_peaks_of_the_packets_are_those_of_the_decoded_file(voice: Samples) -> None:
    packets = encode([voice], LENGTH, SPEECH)
    peaks = PacketPeaks(len(packets), 0.05)
    peaks.listen(packets, 0, len(packets))
    analyser = Analyser()
    analyser.add(decoded(packets))
    assert peaks.true_peak_dbtp == pytest.approx(analyser.result().true_peak_dbtp, abs=0.02)
    by_parts = PacketPeaks(len(packets), 0.05)
    by_parts.listen(packets, 0, 333)
    by_parts.listen(packets, 333, len(packets))
    assert by_parts.loud == pytest.approx(peaks.loud, rel=0.02)


def test_blocks_of_any_size_give_the_same_packets(voice: Samples) -> None:
    blocks = [voice[begin : begin + 7_777] for begin in range(0, LENGTH, 7_777)]
    assert encode(blocks, LENGTH, SPEECH) == encode([voice], LENGTH, SPEECH)


def test_mending_with_the_same_samples_is_not_heard(voice: Samples) -> None:
    packets = encode([voice], LENGTH, SPEECH)
    mended = packets.copy()

    def samples(begin: int, end: int) -> Samples:
        piece = voice[begin:end]
        return np.pad(piece, (0, end - begin - piece.size))

    made = mend(mended, [300, 305, 590], samples, SPEECH)
    assert made == [(292, 314), (582, 599)]
    assert len(mended) == len(packets)
    before, after = decoded(packets), decoded(mended)
    assert after.size == before.size == LENGTH
    error, coding_error = after - before, before - voice
    loudest = max(float(np.sqrt(np.mean(piece**2))) for piece in np.array_split(error, LENGTH // FRAME_SAMPLES))
    usual = float(np.sqrt(np.mean(coding_error**2)))
    assert loudest < 1.5 * usual
    assert np.array_equal(before[: 280 * FRAME_SAMPLES], after[: 280 * FRAME_SAMPLES])


def test_mending_with_lower_samples_lowers_only_what_was_too_loud(voice: Samples) -> None:
    loud = voice.copy()
    loud[300 * FRAME_SAMPLES : 301 * FRAME_SAMPLES] *= 3
    packets = encode([loud], LENGTH, SPEECH)
    limit = 1.05 * float(np.abs(decoded(encode([voice], LENGTH, SPEECH))).max())
    peaks = PacketPeaks(len(packets), limit)
    peaks.listen(packets, 0, len(packets))
    assert set(peaks.loud) <= set(range(299, 304))
    for first, last in mend(packets, peaks.loud, lambda begin, end: voice[begin:end], SPEECH):
        peaks.listen(packets, first, last + 25)
    assert peaks.loud == {}


@pytest.mark.parametrize("length", [1, 959, 960, 961, 48_000 - 312, 48_001])
def test_a_file_is_as_long_as_what_was_put_in(length: int) -> None:
    samples = np.full(length, 0.1, dtype=np.float32)
    with av.open(io.BytesIO(ogg_file(encode([samples], length, SPEECH), length))) as container:
        heard = sum(frame.samples for frame in container.decode(audio=0))
    assert heard == length
