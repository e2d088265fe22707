"""The sink that nobody hears: it counts, and hashes the sound, so that two players can be compared to the sample."""

import hashlib

from streams.frame import Frame
from streams.source import SILENT_FRAME


class NullSink:
    """`frames` and `silent_frames` count what came, `holes` how often positions jumped."""

    def __init__(self) -> None:
        self.frames = 0
        self.silent_frames = 0
        self.holes = 0
        self.first_position: int | None = None
        self.last_position: int | None = None
        self._hash = hashlib.sha256()

    def write(self, frame: Frame) -> None:
        """Counts and hashes one frame."""
        if self.last_position is None:
            self.first_position = frame.position
        elif frame.position != self.last_position + frame.samples.size:
            self.holes += 1
        self.last_position = frame.position
        self.frames += 1
        self.silent_frames += frame.samples is SILENT_FRAME
        self._hash.update(frame.samples.data)

    def close(self) -> None:
        """Nothing is held."""

    def sha256(self) -> str:
        """The hash of all samples so far, as little-endian float32."""
        return self._hash.hexdigest()
