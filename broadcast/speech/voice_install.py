"""Bringing a voice into the voices folder: downloaded, or copied from a file on a machine without network.

Bytes arrive in `<name>.part` and take their name only when size and SHA-256 are right, in one rename; wrong bytes are
deleted. An interrupted download goes on where it stopped.
"""

import errno
import hashlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx

from broadcast.speech.errors import VoiceDamaged, VoiceDownloadFailed, VoiceNotInstalled
from broadcast.speech.voice import Voice, VoiceFile, VoiceState, file_state

Fetch = Callable[[str, int], Iterator[bytes]]
"""Given an address and an offset in bytes, the bytes from there on. Raises VoiceDownloadFailed."""

Progress = Callable[[int, int], None]
"""Told after every piece: bytes that are here, bytes of the whole voice."""

_CHUNK_BYTES = 256 * 1024
_PATIENCE_S = 30.0


def fetch_http(address: str, offset: int) -> Iterator[bytes]:
    """Stream a file over HTTP from `offset` on; a server without ranges is read from the start and skipped."""
    headers = {"Range": f"bytes={offset}-"} if offset else {}
    try:
        with httpx.stream("GET", address, headers=headers, follow_redirects=True, timeout=_PATIENCE_S) as response:
            response.raise_for_status()
            skip = offset if response.status_code == httpx.codes.OK else 0
            for chunk in response.iter_bytes(_CHUNK_BYTES):
                yield chunk[skip:]
                skip = max(skip - len(chunk), 0)
    except httpx.HTTPError as error:
        raise VoiceDownloadFailed(
            f"Không tải được giọng đọc từ {address} ({error}). Xin kiểm tra mạng rồi chạy lại; phần đã tải vẫn còn."
        ) from error


def install_voice(
    voice: Voice, folder: Path, *, fetch: Fetch = fetch_http, progress: Progress | None = None
) -> tuple[Path, ...]:
    """Download what is missing or damaged of a voice; returns the paths of its files, in the catalogue's order.

    Raises VoiceDownloadFailed (run again: it resumes) and VoiceDamaged (the source has other bytes; they are deleted).
    """
    folder.mkdir(parents=True, exist_ok=True)
    done_bytes = 0
    for file in voice.files:
        if file_state(file, folder) is not VoiceState.READY:
            for arrived in _arrivals(file, folder, fetch):
                if progress:
                    progress(done_bytes + arrived, voice.size_bytes)
        done_bytes += file.size_bytes
    if progress:
        progress(done_bytes, voice.size_bytes)
    return tuple(folder / file.name for file in voice.files)


def install_voice_file(voice: Voice, source: Path, folder: Path) -> tuple[Path, ...]:
    """Install from `source`, the model's file, with its other files beside it; nothing is fetched.

    Raises VoiceNotInstalled when one of the files is not there, VoiceDamaged when one has other bytes.
    """

    def read(address: str, offset: int) -> Iterator[bytes]:
        path = source if address == voice.files[0].address else source.with_name(address.rpartition("/")[2])
        if not path.is_file():
            raise VoiceNotInstalled(
                f"Không thấy tệp {path}. Giọng «{voice.id}» cần đủ {len(voice.files)} tệp cạnh nhau."
            )
        with path.open("rb") as content:
            content.seek(offset)
            while chunk := content.read(_CHUNK_BYTES):
                yield chunk

    for file in voice.files:
        _part_of(file, folder).unlink(missing_ok=True)
    return install_voice(voice, folder, fetch=read)


def _part_of(file: VoiceFile, folder: Path) -> Path:
    return folder / f"{file.name}.part"


def _arrivals(file: VoiceFile, folder: Path, fetch: Fetch) -> Iterator[int]:
    """Fetch one file, yielding how many bytes of it are here; at the end it is whole and has its name."""
    part = _part_of(file, folder)
    size = part.stat().st_size if part.exists() else 0
    try:
        with part.open("ab") as target:
            if size < file.size_bytes:
                for chunk in fetch(file.address, size):
                    size += len(chunk)
                    if size > file.size_bytes:
                        break
                    target.write(chunk)
                    yield size
            target.flush()
            os.fsync(target.fileno())
    except OSError as error:
        part.unlink(missing_ok=True)
        why = "máy đã hết chỗ trống trên đĩa" if error.errno == errno.ENOSPC else str(error)
        raise VoiceDownloadFailed(f"Không ghi được giọng đọc vào {folder}: {why}.") from error
    _accept(file, part, size, folder / file.name)


def _accept(file: VoiceFile, part: Path, size: int, path: Path) -> None:
    if size < file.size_bytes:
        raise VoiceDownloadFailed(
            f"Mới nhận được {size:,} trong {file.size_bytes:,} byte của {file.name}. Xin chạy lại để tải tiếp."
        )
    with part.open("rb") as content:
        found = hashlib.file_digest(content, "sha256").hexdigest()
    if size > file.size_bytes or found != file.sha256:
        part.unlink()
        raise VoiceDamaged(
            f"Tệp {file.name} nhận được không đúng bản đã ghi (SHA-256 {found[:12]}…, cần {file.sha256[:12]}…). "
            "Tệp đã bị xóa. Xin lấy lại từ nguồn gốc."
        )
    part.replace(path)
