"""Uploads: counted, hashed, bounded, and gone without trace when they are refused."""

import hashlib
import os
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadcast.errors import UploadRefused
from broadcast.storage import Storage
from broadcast.upload import MAX_NAME_CHARACTERS, display_name, megabytes, receive, receive_async


def files_in(storage: Storage) -> list[Path]:
    return [path for path in storage.folder.rglob("*") if path.is_file()]


@pytest.fixture
def small_disk(tmp_path: Path, skip_or_fail: Callable[[str], None]) -> Iterator[Storage]:
    """A disk of one megabyte."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "loa-test", str(place)], check=False, capture_output=True
    )
    if mount.returncode:
        skip_or_fail("This user may not mount a small disk.")
    yield Storage(place / "media")
    subprocess.run(["umount", str(place)], check=True)


def test_what_arrives_is_what_lies_there(storage: Storage) -> None:
    pieces = [os.urandom(70_000), b"", b"end"]
    received = receive(pieces, storage, 100_000)
    assert received.path.read_bytes() == b"".join(pieces)
    assert received.sha256 == hashlib.sha256(b"".join(pieces)).hexdigest()
    assert received.size_bytes == 70_003


async def test_pieces_that_one_waits_for_arrive_as_well(storage: Storage) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b"x" * 64_000

    received = await receive_async(pieces(), storage, 40 * 64_000)
    assert received.size_bytes == received.path.stat().st_size == 40 * 64_000


def test_an_upload_at_the_limit_is_taken_and_one_byte_more_is_not(storage: Storage) -> None:
    assert receive([b"x" * 1000], storage, 1000).size_bytes == 1000
    with pytest.raises(UploadRefused, match="lớn hơn giới hạn 0 MB"):
        receive([b"x" * 1000, b"x"], storage, 1000)
    assert len(files_in(storage)) == 1


def test_too_much_is_noticed_while_it_comes(storage: Storage) -> None:
    given_out = 0

    def endless() -> Iterator[bytes]:
        nonlocal given_out
        while True:
            given_out += 1
            yield b"x" * 1000

    with pytest.raises(UploadRefused):
        receive(endless(), storage, 10_000)
    assert given_out == 11
    assert files_in(storage) == []


def test_an_empty_file_is_refused_in_a_sentence(storage: Storage) -> None:
    with pytest.raises(UploadRefused, match="Tệp rỗng"):
        receive([b"", b""], storage, 1000)
    assert files_in(storage) == []


def test_a_sender_who_goes_away_leaves_nothing(storage: Storage) -> None:
    def breaks_off() -> Iterator[bytes]:
        yield b"half"
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        receive(breaks_off(), storage, 1000)
    assert files_in(storage) == []


def test_a_full_disk_is_said_in_a_sentence_and_left_as_it_was(small_disk: Storage) -> None:
    with pytest.raises(UploadRefused, match="hết chỗ trống trên đĩa"):
        receive((b"x" * 100_000 for _ in range(30)), small_disk, 10_000_000)
    assert files_in(small_disk) == []
    assert receive([b"x" * 500_000], small_disk, 10_000_000).size_bytes == 500_000


def test_a_place_that_cannot_be_written_is_said_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "media").write_text("a file, not a folder")
    with pytest.raises(UploadRefused, match="không ghi được tệp"):
        receive([b"x"], Storage(tmp_path / "media"), 10)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\lan\\Bản tin.mp3", "Bản tin.mp3"),
        ("..", "Bản ghi"),
        ("", "Bản ghi"),
        ("a\0b\r\nX: y.mp3", "a b X: y.mp3"),
        ("\ud800.mp3", "mp3"),
        ("  nhạc   hiệu.wav ", "nhạc hiệu.wav"),
    ],
)
def test_a_name_is_only_something_to_show(name: str, shown: str) -> None:
    assert display_name(name) == shown


@given(st.text(max_size=400))
def test_no_name_leads_anywhere(name: str) -> None:
    shown = display_name(name)
    assert 0 < len(shown) <= MAX_NAME_CHARACTERS
    assert shown.isprintable()
    assert "/" not in shown
    assert shown not in {".", ".."}
    assert display_name(shown) == shown


def test_sizes_read_as_people_write_them() -> None:
    assert (megabytes(500_000_000), megabytes(1_500_000)) == ("500 MB", "1,5 MB")
