"""Ogg pages: what we write is what FFmpeg reads, what FFmpeg writes we read, and damage never passes."""

import io
import struct
import zlib
from contextlib import suppress

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams import ogg
from streams.errors import SoundDamaged


def checksum_by_the_book(page: bytes) -> int:
    """The checksum of RFC 3533, bit by bit."""
    register = 0
    for byte in page:
        register ^= byte << 24
        for _ in range(8):
            register = ((register << 1) ^ 0x04C11DB7 if register & 0x80000000 else register << 1) & 0xFFFFFFFF
    return register


@given(st.binary(max_size=300))
def test_the_checksum_is_the_one_of_the_specification(page: bytes) -> None:
    assert ogg.checksum(page) == struct.pack("<I", checksum_by_the_book(page))


def test_the_checksum_is_not_the_one_of_zip_files() -> None:
    assert ogg.checksum(b"OggS") != struct.pack("<I", zlib.crc32(b"OggS"))


@pytest.mark.parametrize(
    ("length", "laces"),
    [(0, b"\x00"), (1, b"\x01"), (254, b"\xfe"), (255, b"\xff\x00"), (510, b"\xff\xff\x00"), (600, b"\xff\xff\x5a")],
)
def test_a_packet_is_laced_in_pieces_of_255(length: int, laces: bytes) -> None:
    assert ogg.lace(length) == laces


def test_pages_that_were_written_are_read_back() -> None:
    writer = ogg.PageWriter(77)
    content = writer.headers() + writer.page(ogg.block_of([b"a" * 300, b"b"])) + writer.page(ogg.silent_block(10))

    head, tags, first, second = ogg.pages(content)

    assert head.body.startswith(b"OpusHead")
    assert head.flags == ogg.FIRST_PAGE
    assert tags.body.startswith(b"OpusTags")
    assert (first.granule, second.granule) == (2 * 960, 12 * 960)
    assert first.body == b"a" * 300 + b"b"
    assert [page.sequence for page in (head, tags, first, second)] == [0, 1, 2, 3]
    assert {page.serial for page in (head, tags, first, second)} == {77}


def test_a_block_that_is_too_long_for_a_page_is_refused() -> None:
    with pytest.raises(ValueError, match="do not fit into one page"):
        ogg.PageWriter(1).page(ogg.block_of([b"x" * 1275] * 60))


def test_the_silent_packet_decodes_to_twenty_milliseconds_of_nothing() -> None:
    writer = ogg.PageWriter(1)
    content = writer.headers() + b"".join(writer.page(ogg.silent_block(10)) for _ in range(5))

    with av.open(io.BytesIO(content)) as container:
        decoded = [frame.to_ndarray() for frame in container.decode(audio=0)]

    samples = np.concatenate(decoded, axis=1)
    assert samples.shape[1] == 5 * 10 * 960 - ogg.PRE_SKIP_SAMPLES
    assert not samples.any()


@given(st.binary(max_size=400))
def test_hostile_bytes_are_damaged_and_nothing_else(content: bytes) -> None:
    with suppress(SoundDamaged):
        list(ogg.pages(content))


@given(st.data())
def test_one_changed_bit_is_noticed(data: st.DataObject) -> None:
    writer = ogg.PageWriter(5)
    content = bytearray(writer.headers() + writer.page(ogg.silent_block(10)))
    bit = data.draw(st.integers(0, len(content) * 8 - 1))
    content[bit // 8] ^= 1 << bit % 8

    with pytest.raises(SoundDamaged):
        list(ogg.pages(bytes(content)))


def test_a_file_that_ends_inside_a_page_is_damaged() -> None:
    writer = ogg.PageWriter(5)
    content = writer.headers() + writer.page(ogg.silent_block(10))

    for end in (len(content) - 1, len(content) - 45, 20):
        with pytest.raises(SoundDamaged, match="ends inside"):
            list(ogg.pages(content[:end]))
