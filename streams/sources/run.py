"""A rendition whose packets are in memory already, decoded from any of its samples without opening its file.

For mixes of the listeners' side, whose files `streams.packet_store` has opened and checked. Decoding starts half a
second early: after the 80 ms of RFC 7845 section 4.6 a pure tone is still 4 % wrong, and speech is hardly itself.
"""

from collections.abc import Iterator

import av
import numpy as np

from streams.errors import SoundDamaged
from streams.frame import FRAME_SAMPLES, Samples
from streams.ogg import opus_head
from streams.packets import PacketRun

_SETTLE_PACKETS = 25


class RunReader:
    """Reads a run from sample `offset` on."""

    def __init__(self, run: PacketRun, offset: int) -> None:
        self._run = run
        self._rest = max(0, run.length - offset)
        self._left = np.zeros(0, dtype=np.float32)
        self._blocks = self._decode_from(offset + run.pre_skip)

    def read(self, count: int) -> Samples:
        """The next `count` samples, fewer only at the end. Raises SoundDamaged."""
        wanted = min(count, self._rest)
        gathered, found = [self._left], self._left.size
        while found < wanted and (block := next(self._blocks, None)) is not None:
            gathered.append(block)
            found += block.size
        joined = np.concatenate(gathered)
        self._left = joined[wanted:]
        self._rest -= wanted
        return joined[:wanted]

    def close(self) -> None:
        """Lets go of the packets."""
        self._blocks = iter(())

    def _decode_from(self, at: int) -> Iterator[Samples]:
        """Decoded blocks of which the first begins at sample `at` of what the packets decode to."""
        decoder = av.CodecContext.create("libopus", "r")
        # A new decoder drops the pre-skip of its head; here it is to drop nothing, wherever it begins.
        decoder.extradata = opus_head(pre_skip=0)
        decoder.options = {"request_sample_fmt": "flt"}
        number = max(0, at // FRAME_SAMPLES - _SETTLE_PACKETS)
        drop = at - number * FRAME_SAMPLES
        try:
            while number < len(self._run):
                for frame in decoder.decode(av.Packet(self._run.cut(number, 1).body)):
                    block: Samples = frame.to_ndarray()[0]
                    if drop < block.size:
                        yield block[drop:]
                    drop = max(0, drop - block.size)
                number += 1
        except av.FFmpegError as error:
            raise SoundDamaged("Một gói âm thanh bị hỏng, không giải mã được.") from error


class RunSound:
    """A run as a sound. Any number of players may decode it."""

    def __init__(self, run: PacketRun) -> None:
        self._run = run
        self.length = run.length

    def decode(self, offset: int) -> RunReader:
        """A reader from sample `offset`."""
        return RunReader(self._run, offset)
