"""Ogg pages (RFC 3533) and the two Opus headers (RFC 7845): build them, and take them apart again.

Pure bytes, no file and no clock. Pages are written one by one for listeners (`PageWriter`), and whole rendition
files are taken apart into their packets by `streams.packets`. The checksum of a page is the CRC-32 of zlib with every
byte mirrored, so it costs a microsecond and not a millisecond.
"""

import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from streams.errors import SoundDamaged
from streams.frame import FRAME_SAMPLES, SAMPLE_RATE_HZ

PRE_SKIP_SAMPLES = 312
"""The look-ahead of libopus at 48 kHz: packet n decodes to the samples from n * FRAME_SAMPLES - 312."""

SILENT_PACKET = b"\xf8\xff\xfe"
"""20 ms of digital silence in mono Opus (full-band CELT)."""

FIRST_PAGE = 0x02
LAST_PAGE = 0x04
CONTINUED = 0x01

_PAGE = struct.Struct("<4sBBqIIIB")
_HEADER_BYTES = _PAGE.size
_CHECKSUM_AT = 22
_MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
_MOST_LACES = 255


@dataclass(frozen=True, slots=True)
class Block:
    """`frames` consecutive Opus packets of 20 ms: their lacing values and their bytes, ready to be put in a page."""

    lacing: bytes
    body: bytes
    frames: int

    def __add__(self, other: "Block") -> "Block":
        return Block(self.lacing + other.lacing, self.body + other.body, self.frames + other.frames)


@dataclass(frozen=True, slots=True)
class Page:
    """One page as read: `granule` is -1 when no packet ends in it; `flags` are FIRST_PAGE, LAST_PAGE, CONTINUED."""

    flags: int
    granule: int
    serial: int
    sequence: int
    lacing: bytes
    body: bytes


def checksum(page: bytes) -> bytes:
    """The four bytes of the page checksum (polynomial 0x04c11db7, not mirrored, zero at first)."""
    mirrored = zlib.crc32(page.translate(_MIRRORED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return mirrored.to_bytes(4, "big").translate(_MIRRORED)


def lace(length: int) -> bytes:
    """The lacing values of a packet of `length` bytes."""
    return b"\xff" * (length // 255) + bytes((length % 255,))


def block_of(packets: Iterable[bytes]) -> Block:
    """Bare packets as a block."""
    listed = tuple(packets)
    return Block(b"".join(lace(len(packet)) for packet in listed), b"".join(listed), len(listed))


_SILENT_LACE = lace(len(SILENT_PACKET))
_SILENCE = tuple(Block(_SILENT_LACE * frames, SILENT_PACKET * frames, frames) for frames in range(51))


def silent_block(frames: int) -> Block:
    """`frames` (0 to 50) frames of silence, made once for all."""
    return _SILENCE[frames]


def opus_head(*, pre_skip: int = PRE_SKIP_SAMPLES, channels: int = 1) -> bytes:
    """The packet that opens an Opus stream; it asks the decoder for no gain of its own."""
    return b"OpusHead" + struct.pack("<BBHIHB", 1, channels, pre_skip, SAMPLE_RATE_HZ, 0, 0)


def opus_tags(vendor: str = "loa") -> bytes:
    """The second packet. It carries no title: what is on air is told beside the stream, never inside it."""
    name = vendor.encode()
    return b"OpusTags" + struct.pack("<I", len(name)) + name + struct.pack("<I", 0)


class PageWriter:
    """Writes one logical Opus stream from its first page on. Used by one thread.

    The granule position counts what this writer has written, so the stream has no hole whatever was skipped on air.
    """

    def __init__(self, serial: int) -> None:
        self._serial = serial & 0xFFFFFFFF
        self._sequence = 0
        self._granule = 0

    def headers(self) -> bytes:
        """The two header pages; call it once, first."""
        head, tags = opus_head(), opus_tags()
        return self._page(lace(len(head)), head, 0, FIRST_PAGE) + self._page(lace(len(tags)), tags, 0, 0)

    def page(self, block: Block, flags: int = 0) -> bytes:
        """The next page. Raises ValueError when the block does not fit into one page."""
        if len(block.lacing) > _MOST_LACES:
            raise ValueError(f"{block.frames} packets do not fit into one page. Write fewer at a time.")
        self._granule += block.frames * FRAME_SAMPLES
        return self._page(block.lacing, block.body, self._granule, flags)

    def _page(self, lacing: bytes, body: bytes, granule: int, flags: int) -> bytes:
        before = _PAGE.pack(b"OggS", 0, flags, granule, self._serial, self._sequence & 0xFFFFFFFF, 0, len(lacing))
        self._sequence += 1
        page = before + lacing + body
        return page[:_CHECKSUM_AT] + checksum(page) + page[_CHECKSUM_AT + 4 :]


def pages(content: bytes) -> Iterator[Page]:
    """The pages of a whole file. Raises SoundDamaged at the first byte that is not what it should be."""
    at = 0
    while at < len(content):
        body_at = at + _HEADER_BYTES
        if len(content) < body_at:
            raise SoundDamaged(f"The Ogg file ends inside the header of a page (byte {at}). Render it again.")
        mark, version, flags, granule, serial, sequence, _, laces = _PAGE.unpack_from(content, at)
        if mark != b"OggS" or version != 0:
            raise SoundDamaged(f"There is no Ogg page at byte {at}. Render the file again.")
        lacing = content[body_at : body_at + laces]
        body_at += laces
        end = body_at + sum(lacing)
        if len(lacing) < laces or len(content) < end:
            raise SoundDamaged(f"The Ogg file ends inside a page (byte {at}). Render it again.")
        said = content[at + _CHECKSUM_AT : at + _CHECKSUM_AT + 4]
        if said != checksum(content[at : at + _CHECKSUM_AT] + bytes(4) + content[at + _CHECKSUM_AT + 4 : end]):
            raise SoundDamaged(f"The Ogg page at byte {at} has a wrong checksum. Render the file again.")
        yield Page(flags, granule, serial, sequence, lacing, content[body_at:end])
        at = end
