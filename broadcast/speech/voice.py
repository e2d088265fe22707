"""Voices and their catalogue: which engine speaks, with which file, and whether that file is whole.

The catalogue is data (`catalogue.json`). espeak voices are always there; a Piper voice is two files in the voices
folder, used only when their SHA-256 is the one of the catalogue. `voice_install` brings them there.
"""

import hashlib
import json
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from broadcast.speech.errors import UnknownVoice, VoiceDamaged, VoiceNotInstalled


class VoiceState(StrEnum):
    """Whether a voice can speak."""

    READY = "ready"
    MISSING = "missing"
    DAMAGED = "damaged"


@dataclass(frozen=True, slots=True)
class VoiceFile:
    """One file of a voice: its name in the voices folder, where it comes from, and what it must be."""

    name: str
    address: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Voice:
    """`engine`: `espeak` (with its `espeak_name`) or `piper` (with `files`, the model first); `region`: its accent."""

    id: str
    name_vi: str
    region: str
    engine: str
    licence: str
    espeak_name: str = ""
    files: tuple[VoiceFile, ...] = ()

    @property
    def size_bytes(self) -> int:
        """What there is to download."""
        return sum(file.size_bytes for file in self.files)

    def engine_name(self, folder: Path) -> str:
        """The voice as its engine knows it: a name, or the path of the model in the voices folder."""
        return str((folder / self.files[0].name).resolve()) if self.files else self.espeak_name


@cache
def catalogue() -> tuple[Voice, ...]:
    """Every voice we know, the one that is always there first."""
    fields = json.loads(files("broadcast.speech").joinpath("catalogue.json").read_text(encoding="utf-8"))
    return tuple(_voice(entry, fields["source"]) for entry in fields["voices"])


def _voice(entry: dict[str, Any], source: str) -> Voice:
    voice_files = tuple(
        VoiceFile(file["path"].rpartition("/")[2], source + file["path"], file["sha256"], file["size_bytes"])
        for file in entry.get("files", ())
    )
    return Voice(
        id=entry["id"],
        name_vi=entry["name_vi"],
        region=entry["region"],
        engine=entry["engine"],
        licence=entry["licence"],
        espeak_name=entry.get("espeak_name", ""),
        files=voice_files,
    )


def voice_named(name: str, voices: tuple[Voice, ...] | None = None) -> Voice:
    """The voice with this id. Raises UnknownVoice, which names those that exist."""
    voices = catalogue() if voices is None else voices
    for voice in voices:
        if voice.id == name:
            return voice
    raise UnknownVoice(f"Không có giọng đọc «{name}». Các giọng có: {', '.join(voice.id for voice in voices)}.")


def voice_state(voice: Voice, folder: Path) -> VoiceState:
    """Look at the files of a voice and check their hashes (once for each version of a file on disk)."""
    states = {file_state(file, folder) for file in voice.files}
    if VoiceState.DAMAGED in states:
        return VoiceState.DAMAGED
    return VoiceState.MISSING if VoiceState.MISSING in states else VoiceState.READY


def require_ready(voice: Voice, folder: Path) -> None:
    """Raises VoiceNotInstalled or VoiceDamaged when the voice cannot speak."""
    state = voice_state(voice, folder)
    if state is VoiceState.MISSING:
        raise VoiceNotInstalled(
            f"Giọng đọc «{voice.id}» chưa được cài. Xin chọn giọng khác, hoặc nhờ người quản trị chạy "
            f"«loa voice add {voice.id}»."
        )
    if state is VoiceState.DAMAGED:
        raise VoiceDamaged(
            f"Tệp của giọng đọc «{voice.id}» bị hỏng. Xin nhờ người quản trị tải lại bằng «loa voice add {voice.id}»."
        )


def file_state(file: VoiceFile, folder: Path) -> VoiceState:
    """Whether one file is there and is the right one."""
    path = folder / file.name
    try:
        status = path.stat()
    except FileNotFoundError:
        return VoiceState.MISSING
    if status.st_size != file.size_bytes or _sha256(path, status.st_size, status.st_mtime_ns) != file.sha256:
        return VoiceState.DAMAGED
    return VoiceState.READY


@lru_cache(maxsize=64)
def _sha256(path: Path, _size_bytes: int, _changed_ns: int) -> str:
    """The hash of a file, kept as long as its size and time of change stay the same."""
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
