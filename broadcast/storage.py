"""Where sound files lie: a folder of originals and a folder of renditions, named by their SHA-256."""

import hashlib
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Storage:
    """Paths below one folder; nothing is written here."""

    folder: Path

    @property
    def originals(self) -> Path:
        """What was uploaded, byte for byte."""
        return self.folder / "originals"

    @property
    def renditions(self) -> Path:
        """What is heard."""
        return self.folder / "renditions"

    @property
    def incoming(self) -> Path:
        """Uploads and files in the making; may be emptied at any start."""
        return self.folder / "incoming"

    def original(self, sha256: str) -> Path:
        """The file of an original."""
        return self.originals / sha256[:2] / sha256

    def rendition(self, sha256: str) -> Path:
        """The file of a rendition."""
        return self.renditions / sha256[:2] / f"{sha256}.opus"

    def holds(self, sha256: str) -> bool:
        """Whether the file of a rendition is there and whole; all of it is read."""
        try:
            with self.rendition(sha256).open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest() == sha256
        except OSError:
            return False
