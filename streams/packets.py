"""The packets of one rendition: taken from the bytes of its file once, then cut in blocks without decoding.

Pure: a `PacketRun` is only bytes, and the beat cuts from it. What cannot be handed on unchanged (not mono 20 ms
packets) says so in `passable`. Files are read by `streams.packet_store`.
"""

from array import array
from dataclasses import dataclass

import numpy as np

from streams.errors import SoundDamaged
from streams.frame import FRAME_SAMPLES
from streams.ogg import CONTINUED, FIRST_PAGE, Block, Page, pages

_HEADER_PACKETS = 2


@dataclass(frozen=True, slots=True)
class PacketRun:
    """All packets of one rendition, end to end: packet n is `body[ends[n - 1]:ends[n]]`.

    `length` is how many samples the sound has, without the pre-skip. `passable`: every packet lasts 20 ms and
    decodes by itself in a mono stream.
    """

    lacing: bytes
    body: bytes
    lace_ends: "array[int]"
    ends: "array[int]"
    length: int
    pre_skip: int
    passable: bool

    def __len__(self) -> int:
        return len(self.ends)

    def cut(self, first: int, count: int) -> Block:
        """`count` packets from packet `first`; fewer where the run ends."""
        last = min(first + count, len(self.ends))
        if first >= last:
            return Block(b"", b"", 0)
        lace_from, byte_from = (self.lace_ends[first - 1], self.ends[first - 1]) if first else (0, 0)
        lacing = self.lacing[lace_from : self.lace_ends[last - 1]]
        return Block(lacing, self.body[byte_from : self.ends[last - 1]], last - first)

    @property
    def size_bytes(self) -> int:
        """About how much memory it holds."""
        return len(self.body) + len(self.lacing) + 8 * len(self.ends)


def packet_run(content: bytes) -> PacketRun:
    """Opens an Ogg Opus file of one logical stream. Raises SoundDamaged for anything else."""
    listed = list(pages(content))
    _check_stream(listed)
    lacing = b"".join(page.lacing for page in listed)
    body = b"".join(page.body for page in listed)
    laces = np.frombuffer(lacing, dtype=np.uint8)
    lace_ends = np.flatnonzero(laces < 255) + 1
    if len(lace_ends) <= _HEADER_PACKETS or lace_ends[-1] != len(laces):
        raise SoundDamaged("The Opus file has no packet of sound, or its last one is cut. Render it again.")
    ends = np.cumsum(laces, dtype=np.int64)[lace_ends - 1]
    head = body[: ends[0]]
    if not head.startswith(b"OpusHead") or len(head) < 19:
        raise SoundDamaged("The Ogg file does not hold Opus. Render it again.")
    skip_laces, skip_bytes = int(lace_ends[_HEADER_PACKETS - 1]), int(ends[_HEADER_PACKETS - 1])
    sound, sound_ends = body[skip_bytes:], ends[_HEADER_PACKETS:] - skip_bytes
    pre_skip = int.from_bytes(head[10:12], "little")
    whole = len(sound_ends) * FRAME_SAMPLES
    return PacketRun(
        lacing=lacing[skip_laces:],
        body=sound,
        lace_ends=array("I", (lace_ends[_HEADER_PACKETS:] - skip_laces).astype(np.uint32).tobytes()),
        ends=array("I", sound_ends.astype(np.uint32).tobytes()),
        length=max(0, min(listed[-1].granule, whole) - pre_skip),
        pre_skip=pre_skip,
        passable=head[9] == 1 and head[16:18] == b"\0\0" and _all_20_ms(sound, sound_ends),
    )


def _check_stream(listed: list[Page]) -> None:
    if not listed or not listed[0].flags & FIRST_PAGE:
        raise SoundDamaged("The file is not an Ogg file from its beginning. Render it again.")
    serial = listed[0].serial
    for number, page in enumerate(listed):
        if page.serial != serial or page.sequence != number or (number and page.flags & FIRST_PAGE):
            raise SoundDamaged(f"Page {number} of the Ogg file is missing or foreign. Render the file again.")
        if bool(page.flags & CONTINUED) != (number > 0 and listed[number - 1].lacing[-1:] == b"\xff"):
            raise SoundDamaged(f"Page {number} of the Ogg file does not go on where the last ended. Render it again.")


def _all_20_ms(sound: bytes, ends: "np.typing.NDArray[np.int64]") -> bool:
    starts = np.concatenate((np.zeros(1, dtype=np.int64), ends[:-1]))
    if bool(np.any(ends <= starts)):
        return False
    first = np.frombuffer(sound, dtype=np.uint8)[starts].astype(np.int64)
    config = first >> 3
    # RFC 6716 table 2: where 20 ms stands in the SILK, the hybrid and the CELT rows.
    lasts_20_ms = np.where(config < 12, config % 4 == 1, np.where(config < 16, config % 2 == 1, config % 4 == 3))
    one_frame_mono = (first & 0b111) == 0
    return bool(np.all(lasts_20_ms & one_frame_mono))
