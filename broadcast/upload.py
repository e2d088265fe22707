"""Uploads on their way to disk: counted and hashed as they come, never in memory, and gone without trace when refused.

What arrived whole is a `Received`; `broadcast.media.keep` makes a recording of it.
"""

import asyncio
import errno
import hashlib
import secrets
from collections.abc import AsyncIterable, Iterable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from broadcast.errors import UploadRefused
from broadcast.line import one_line
from broadcast.storage import Storage
from streams.errors import DiskFull, EmptyFile

MAX_NAME_CHARACTERS = 120
_STEP_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Received:
    """An upload that arrived whole and lies in `storage.incoming`."""

    sha256: str
    size_bytes: int
    path: Path
    storage: Storage

    def discard(self) -> None:
        """Forget it, and its bytes."""
        self.path.unlink(missing_ok=True)


class Incoming:
    """One upload while it comes: `write` each piece, then `done`. Leaving the block before that leaves no trace."""

    def __init__(self, storage: Storage, max_bytes: int) -> None:
        self._storage = storage
        self._max_bytes = max_bytes
        self._size_bytes = 0
        self._hash = hashlib.sha256()
        self._path = storage.incoming / f"upload-{secrets.token_hex(12)}"
        self._whole = False

    def __enter__(self) -> Self:
        try:
            self._storage.incoming.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("xb", buffering=0)
        except OSError as error:
            raise refusal_of(error) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        if not self._whole:
            self._path.unlink(missing_ok=True)

    def write(self, piece: bytes) -> None:
        """Take the next bytes. Raises UploadRefused when they are too many, or the disk is full."""
        self._size_bytes += len(piece)
        if self._size_bytes > self._max_bytes:
            raise UploadRefused(
                f"Tệp lớn hơn giới hạn {megabytes(self._max_bytes)}. Xin lưu lại dưới dạng MP3 hoặc cắt nhỏ."
            )
        self._hash.update(piece)
        left = memoryview(piece)
        try:
            while left:  # a raw file may take a part only when the disk is nearly full
                left = left[self._file.write(left) :]
        except OSError as error:
            raise refusal_of(error) from error

    def done(self) -> Received:
        """The upload is whole. Raises UploadRefused when it is empty."""
        if not self._size_bytes:
            raise UploadRefused(str(EmptyFile()))
        self._file.close()
        self._whole = True
        return Received(self._hash.hexdigest(), self._size_bytes, self._path, self._storage)


def receive(stream: Iterable[bytes], storage: Storage, max_bytes: int) -> Received:
    """Take an upload in from pieces of any size. Raises UploadRefused, or what the stream raises."""
    with Incoming(storage, max_bytes) as incoming:
        for piece in stream:
            incoming.write(piece)
        return incoming.done()


async def receive_async(stream: AsyncIterable[bytes], storage: Storage, max_bytes: int) -> Received:
    """The same from pieces that one has to wait for; the disk never keeps the loop waiting."""
    with Incoming(storage, max_bytes) as incoming:
        gathered = bytearray()
        async for piece in stream:
            gathered += piece
            if len(gathered) >= _STEP_BYTES:
                await asyncio.to_thread(incoming.write, bytes(gathered))
                gathered.clear()
        await asyncio.to_thread(incoming.write, bytes(gathered))
        return incoming.done()


def display_name(name: str) -> str:
    """What people see of a file's name: its last part, printable, at most 120 characters, never empty."""
    last = one_line(name).replace("\\", "/").rstrip("/ ").rpartition("/")[2]
    return last[:MAX_NAME_CHARACTERS].strip(" .") or "Bản ghi"


def megabytes(size_bytes: int) -> str:
    """`500 MB`, `0,5 MB`."""
    return f"{size_bytes / 1e6:.1f} MB".replace(".0 MB", " MB").replace(".", ",")


def refusal_of(error: OSError) -> UploadRefused:
    """What the person is told when the disk does not take their file."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return UploadRefused(str(DiskFull()))
    return UploadRefused("Máy chủ không ghi được tệp này. Xin báo người quản trị kiểm tra ổ đĩa và quyền ghi.")
