"""Where sound enters: a sound is decoded from any of its samples. The sounds themselves are in `streams.sources`.

`Sound` is something that has a name and a length (a rendition, a tone); `Reader` is one decoding of it. The bed under
everything is SILENT_FRAME.
"""

from typing import Protocol

import numpy as np

from streams.frame import FRAME_SAMPLES, Samples


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
