"""Where sound leaves: a sink is pushed frame by frame. The sinks themselves are in `streams.sinks`."""

from typing import Protocol

from streams.frame import Frame


class Sink(Protocol):
    """Anything that takes sound in frames. Positions grow; a hole between two frames is silence."""

    def write(self, frame: Frame) -> None:
        """Takes one frame; it must not be changed afterwards."""
        ...

    def close(self) -> None:
        """Finishes the sound; nothing may be written any more."""
        ...
