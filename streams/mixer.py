"""Several cues' sounds -> one frame. Pure: what is heard together is added, what is too loud together is bent.

Each part is a piece of one sound, already at its level, and where in the frame it begins:

    part 1    0.11  0.11  0.11  0.11
    part 2                0.22  0.22
    frame     0.11  0.11  0.33  0.33
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from streams.frame import FRAME_SAMPLES, Frame, Samples
from streams.gain import under_ceiling
from streams.source import SILENT_FRAME


@dataclass(frozen=True, slots=True)
class Part:
    """`samples` begin at sample `begin` of the frame and end inside it."""

    begin: int
    samples: Samples


def mix(position: int, parts: Sequence[Part]) -> Frame:
    """The frame at `position` in which all `parts` are heard, none of its samples beyond ±0.98."""
    if not parts:
        return Frame(position, SILENT_FRAME)
    if len(parts) == 1 and parts[0].samples.size == FRAME_SAMPLES:
        return Frame(position, under_ceiling(parts[0].samples))
    total = np.zeros(FRAME_SAMPLES, dtype=np.float32)
    for part in parts:
        total[part.begin : part.begin + part.samples.size] += part.samples
    return Frame(position, under_ceiling(total))
