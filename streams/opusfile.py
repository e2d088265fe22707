"""Samples -> Opus packets -> an Ogg file, with an ear on what a listener will decode from each packet.

`encode` makes packets, `mend` makes a few of them again, `PacketPeaks` decodes them and knows how loud each becomes,
`ogg_file` wraps them. The same packets give the same bytes: the stream's serial number is fixed and the writer leaves
no name or date. Everything is in memory: two hours are 30 MB.
"""

import io
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np

from streams.analysis import KWeighting
from streams.encoder import Application, OpusEncoder
from streams.frame import FRAME_SAMPLES, SAMPLE_RATE_HZ, Samples
from streams.gain import decibels
from streams.meter import TRUE_PEAK_REACH, peak, peaks_between, rms
from streams.ogg import PRE_SKIP_SAMPLES, opus_head

_SERIAL = "1280262465"  # any fixed one will do
_TIME_BASE = Fraction(1, SAMPLE_RATE_HZ)
_BATCH_PACKETS = 50

# How many packets a codec is run before those that count: its state is then that of one that ran from the beginning,
# but for what is far below the noise of the encoding.
_WARM_UP_PACKETS = 100
# How many packets around a loud one are made again: it is lower in all it was made of, and slopes on both sides.
_MEND_PACKETS = 8
# Below this share of the limit no peak between two samples reaches it.
_HOPE = 0.7


@dataclass(frozen=True, slots=True)
class Coding:
    """How the packets are made."""

    bitrate_bps: int
    application: Application
    complexity: int = 8

    def encoder(self) -> OpusEncoder:
        """A new encoder."""
        return OpusEncoder(self.bitrate_bps, self.complexity, self.application)


def encode(blocks: Iterable[Samples], length: int, coding: Coding) -> list[bytes]:
    """All packets for `length` samples, which come in blocks of any size."""
    encoder = coding.encoder()
    packets: list[bytes] = []
    rest = np.zeros(0, dtype=np.float32)
    for block in blocks:
        joined = np.concatenate((rest, block))
        whole = joined.size - joined.size % FRAME_SAMPLES
        packets += encoder.encode(joined[:whole])
        rest = joined[whole:]
    packets += encoder.encode(np.pad(rest, (0, 2 * FRAME_SAMPLES - rest.size)))
    packets += encoder.flush()
    return packets[: -(-(length + PRE_SKIP_SAMPLES) // FRAME_SAMPLES)]


def mend(
    packets: list[bytes], loud: Iterable[int], samples: Callable[[int, int], Samples], coding: Coding
) -> list[tuple[int, int]]:
    """Makes the packets around each of the `loud` ones again, in place, from `samples(begin, end)` as they now are.

    An encoder that has run for two seconds before the first of them takes over from the other, and hands back.
    Returns the stretches of packets that were made.
    """
    stretches: list[tuple[int, int]] = []
    for number in sorted(loud):
        first, last = max(0, number - _MEND_PACKETS), min(len(packets), number + _MEND_PACKETS + 1)
        if stretches and first <= stretches[-1][1] + _WARM_UP_PACKETS:
            first = stretches.pop()[0]
        stretches.append((first, last))
    for first, last in stretches:
        begin = max(0, first - _WARM_UP_PACKETS)
        encoder = coding.encoder()
        made = encoder.encode(samples(begin * FRAME_SAMPLES, (last + 1) * FRAME_SAMPLES)) + encoder.flush()
        packets[first:last] = made[first - begin : last - begin]
    return stretches


def _decode(packets: list[bytes]) -> Iterator[Samples]:
    """What the packets decode to, _BATCH_PACKETS at a time, pre-skip and all."""
    decoder = av.CodecContext.create("libopus", "r")
    decoder.extradata = opus_head(pre_skip=0)
    decoder.options = {"request_sample_fmt": "flt"}
    for first in range(0, len(packets), _BATCH_PACKETS):
        frames = [
            frame for bare in packets[first : first + _BATCH_PACKETS] for frame in decoder.decode(av.Packet(bare))
        ]
        yield np.concatenate(
            [np.frombuffer(memoryview(frame.planes[0]), np.float32, frame.samples) for frame in frames]
        )


def coding_loss_db(samples: Samples, coding: Coding) -> float:
    """How much quieter these samples become by being encoded, as the ear weighs it; 0 for silence."""
    decoded = np.concatenate(list(_decode(encode([samples], samples.size, coding))))
    before, after = rms(KWeighting().weighted(samples)), rms(KWeighting().weighted(decoded))
    return decibels(before / after) if before > 0 and after > 0 else 0.0


class PacketPeaks:
    """How loud each packet of a stream decodes: the true peak as a factor, `limit` being what is allowed."""

    def __init__(self, count: int, limit: float) -> None:
        self._peaks = np.zeros(count, dtype=np.float32)
        self._limit = limit

    @property
    def true_peak_dbtp(self) -> float:
        """The largest of all, in dB of full scale; exact near the limit, a little too low far below it."""
        return decibels(peak(self._peaks))

    @property
    def loud(self) -> dict[int, float]:
        """The numbers of the packets over the limit, and how many times too loud they are."""
        return {
            int(number): float(self._peaks[number] / self._limit) for number in np.nonzero(self._peaks > self._limit)[0]
        }

    def listen(self, packets: list[bytes], first: int, last: int) -> None:
        """Decodes packets `first` to `last` and notes their peaks."""
        batch = max(0, first - _WARM_UP_PACKETS)
        self._peaks[first:last] = 0.0
        tail = np.zeros(2 * TRUE_PEAK_REACH, dtype=np.float32)
        for decoded in _decode(packets[batch:last]):
            joined = np.concatenate((tail, decoded))
            self._note(joined, batch, first)
            tail = joined[-2 * TRUE_PEAK_REACH :]
            batch += _BATCH_PACKETS

    def _note(self, joined: Samples, batch: int, first: int) -> None:
        """`joined` is the batch from packet `batch` on and the last few samples before it."""
        between = peaks_between(joined, _HOPE * self._limit)[TRUE_PEAK_REACH:-TRUE_PEAK_REACH]
        # The ends are left to the batches that see what is beyond them, so all is seen TRUE_PEAK_REACH early.
        starts = np.concatenate(([0], np.arange(TRUE_PEAK_REACH, between.size, FRAME_SAMPLES)))
        highest = np.maximum.reduceat(between, starts)
        for number, value in enumerate(highest, batch - 1):
            if number >= first:
                self._peaks[number] = max(self._peaks[number], value)


def ogg_file(packets: list[bytes], length: int) -> bytes:
    """The packets as an Ogg Opus file of `length` samples, one page a second."""
    content = io.BytesIO()
    options = {"fflags": "+bitexact", "serial_offset": _SERIAL, "page_duration": "1000000"}
    with av.open(content, "w", format="ogg", options=options) as container:
        stream = container.add_stream("libopus", rate=SAMPLE_RATE_HZ, layout="mono", format="flt")
        stream.codec_context.open()
        position = -PRE_SKIP_SAMPLES
        for bare in packets:
            packet = av.Packet(bare)
            packet.stream = stream
            packet.time_base = _TIME_BASE
            packet.pts = packet.dts = position
            packet.duration = min(FRAME_SAMPLES, length - position)
            position += FRAME_SAMPLES
            container.mux(packet)
    return content.getvalue()
