"""Sound into a WAV file whose sample index is time: sample n of the file is position `first_position + n`.

Holes between frames are written as silence. The header is brought up to date every second, so a file whose writer was
killed can be read; a writer that opens it again goes on where it should be by then. The first position is kept in the
file's comment. A file ends after about 12 hours (4 GB): it is then put aside and a new one begun.
"""

import struct
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np

from streams.frame import FRAMES_PER_SECOND, SAMPLE_RATE_HZ, Frame, Samples

SampleFormat = Literal["int16", "float32"]

_WIDTH = {"int16": 2, "float32": 4}
_WAVE_FORMAT = {"int16": 1, "float32": 3}
_HEADER = struct.Struct("<4sI4s 4sIHHIIHH 4sI4s4sI32s 4sI")
_COMMENT = "position={:d}"
_LARGEST_BYTES = 0xFFFF_0000


class WavSink:
    """Writes frames to `path`, as 16-bit or float samples. `first_position` is None until the first frame."""

    def __init__(self, path: Path, sample_format: SampleFormat = "int16") -> None:
        """Goes on with a file of its own making at `path`, overwrites any other. Raises OSError."""
        self._path = path
        self._format = sample_format
        self._width = _WIDTH[sample_format]
        self.first_position = recorded_position(path, sample_format)
        self._written = 0
        self._unflushed = 0
        if self.first_position is None:
            self._file: BinaryIO = path.open("w+b")
        else:
            self._file = path.open("r+b")
            self._written = max(0, path.stat().st_size - _HEADER.size) // self._width
            self._file.truncate(_HEADER.size + self._written * self._width)

    def write(self, frame: Frame) -> None:
        """Puts the frame where its position belongs; what lies before samples already written is left out."""
        if self.first_position is None:
            self._begin(frame.position)
        index = frame.position - (self.first_position or 0)
        if index < 0 or (index + frame.samples.size) * self._width > _LARGEST_BYTES:
            self._put_aside()
            self._begin(frame.position)
            index = 0
        skip = max(0, self._written - index)
        if skip >= frame.samples.size:
            return
        self._file.seek(_HEADER.size + (index + skip) * self._width)
        self._file.write(self._bytes(frame.samples[skip:]))
        self._written = index + frame.samples.size
        self._unflushed += 1
        if self._unflushed >= FRAMES_PER_SECOND:
            self._write_header()

    def close(self) -> None:
        """Completes the header and closes the file."""
        if self.first_position is not None:
            self._write_header()
        self._file.close()

    def _begin(self, position: int) -> None:
        self.first_position = position
        self._written = 0
        self._write_header()

    def _put_aside(self) -> None:
        self._write_header()
        self._file.close()
        self._path.rename(self._path.with_stem(f"{self._path.stem}-{self.first_position}"))
        self._file = self._path.open("w+b")

    def _write_header(self) -> None:
        size = self._written * self._width
        comment = _COMMENT.format(self.first_position or 0).encode()
        rate = SAMPLE_RATE_HZ
        header = _HEADER.pack(
            *(b"RIFF", _HEADER.size - 8 + size, b"WAVE"),
            *(b"fmt ", 16, _WAVE_FORMAT[self._format], 1, rate, rate * self._width, self._width, 8 * self._width),
            *(b"LIST", 44, b"INFO", b"ICMT", 32, comment),
            *(b"data", size),
        )
        self._file.seek(0)
        self._file.write(header)
        self._file.flush()
        self._unflushed = 0

    def _bytes(self, samples: Samples) -> bytes:
        if self._format == "float32":
            return samples.astype("<f4", copy=False).tobytes()
        scaled: Samples = np.rint(np.clip(samples, -1.0, 1.0) * np.float32(32767.0))
        return scaled.astype("<i2").tobytes()


def recorded_position(path: Path, sample_format: SampleFormat = "int16") -> int | None:
    """The position of the first sample of a file that a `WavSink` wrote; None when it is not such a file."""
    try:
        with path.open("rb") as file:
            header = file.read(_HEADER.size)
    except FileNotFoundError:
        return None
    if len(header) < _HEADER.size:
        return None
    fields = _HEADER.unpack(header)
    comment = fields[-3].rstrip(b"\0").decode("latin-1")
    ours = fields[0] == b"RIFF" and fields[5] == _WAVE_FORMAT[sample_format] and comment.startswith("position=")
    return int(comment.removeprefix("position=")) if ours and comment[9:].isdecimal() else None
