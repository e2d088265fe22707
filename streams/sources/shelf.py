"""Where sounds are found by name: `rendition:<sha256>` in a folder of renditions, `tone:<name>` in the house.

A `Shelf` is what a `Player` is given as `open_sound`. The folder is laid out as `<aa>/<sha256>.opus`.
"""

import re
from pathlib import Path

from streams.errors import SoundMissing
from streams.source import Sound
from streams.sources.file import FileSound
from streams.sources.tone import open_tone

_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)


def rendition_path(folder: Path, sha256: str) -> Path:
    """Where the rendition of this hash stands in `folder`. Raises SoundMissing for what is not a SHA-256 in hex."""
    if not _SHA256.fullmatch(sha256):
        raise SoundMissing(f"«{sha256[:80]}» không phải là mã băm SHA-256 của một bản phát.")
    return folder / sha256[:2] / f"{sha256}.opus"


class Shelf:
    """The sounds that can be played here. `renditions` is the folder they stand in."""

    def __init__(self, renditions: Path) -> None:
        self._renditions = renditions

    def open(self, name: str) -> Sound:
        """The sound of this name. Raises SoundMissing, SoundDamaged."""
        kind, _, key = name.partition(":")
        if kind == "rendition":
            return FileSound(rendition_path(self._renditions, key))
        if kind == "tone":
            return open_tone(key)
        raise SoundMissing(f"Không có loại âm thanh nào tên là «{kind[:80]}».")
