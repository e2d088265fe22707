"""Where sound leaves: a sink is pushed frame by frame. The sinks themselves are in `streams.sinks`."""

from typing import Protocol, runtime_checkable

from streams.frame import Frame


class Sink(Protocol):
    """Anything that takes sound in frames. Positions grow; a hole between two frames is silence."""

    def write(self, frame: Frame) -> None:
        """Takes one frame; it must not be changed afterwards."""
        ...

    def close(self) -> None:
        """Finishes the sound; nothing may be written any more."""
        ...


@runtime_checkable
class Card(Sink, Protocol):
    """A sink that sets the pace: `write` blocks while its queue is full. `underflows` counts how often it ran dry."""

    underflows: int

    @property
    def queued_samples(self) -> int:
        """How many samples wait in it, not heard yet: what is written now is heard after them."""
        ...
