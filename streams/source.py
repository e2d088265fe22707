"""Where sound enters: a source is read frame by frame, a sound is decoded from any of its samples.

`Sound` is something that has a name and a length (a rendition, a tone); `Reader` is one decoding of it.
`Silence` is the bed under everything: a source that never ends and never fails.
"""

from typing import Protocol

import numpy as np

from streams.frame import FRAME_SAMPLES, Frame, Samples


class Source(Protocol):
    """Anything that gives sound in frames; None when it has ended for good."""

    def read(self) -> Frame | None:
        """The next frame: its position is that of the one before plus FRAME_SAMPLES."""
        ...


class Reader(Protocol):
    """One decoding of a sound, from one of its samples to its end."""

    def read(self, count: int) -> Samples:
        """The next `count` samples, float32 mono; fewer only at the end, then none. Raises SoundDamaged."""
        ...

    def close(self) -> None:
        """Let go of the file. Reading after this is an error of ours."""
        ...


class Sound(Protocol):
    """A sound that can be decoded from any sample, any number of times."""

    @property
    def length(self) -> int:
        """How many samples it has."""
        ...

    def decode(self, offset: int) -> Reader:
        """A reader whose first sample is sample `offset` of the sound. Raises SoundMissing."""
        ...


def silent_samples(count: int) -> Samples:
    """`count` samples of silence that nobody can write into."""
    silence = np.zeros(count, dtype=np.float32)
    silence.flags.writeable = False
    return silence


SILENT_FRAME = silent_samples(FRAME_SAMPLES)
"""The samples of a silent frame, shared by all: compare with `is` to know silence without looking at it."""


class Silence:
    """The source that never fails, from `position` on for ever."""

    def __init__(self, position: int) -> None:
        self._position = position

    def read(self) -> Frame:
        """The next silent frame."""
        frame = Frame(self._position, SILENT_FRAME)
        self._position += FRAME_SAMPLES
        return frame
