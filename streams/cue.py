"""The instruction to a player: which sound, from which sample, from which offset, how loud.

Cues are made by `broadcast.onair` and obeyed by `streams.player`. All times are sample positions
(see `streams.frame`), all lengths are samples, so that two players given the same cues agree to the sample.
"""

from dataclasses import dataclass

JOIN_SAMPLES = 240
"""Length of the fade at every join, 5 ms: short enough not to be heard, long enough not to click."""


@dataclass(frozen=True, slots=True)
class Duck:
    """From `start` to `end` (sample positions) the cue is lowered by `gain_db` (negative)."""

    start: int
    end: int
    gain_db: float


@dataclass(frozen=True, slots=True)
class Cue:
    """Play `length` samples of `sound` from its sample `offset`, the first of them at position `start`.

    `id` stays the same while the instruction means the same span of the same item, so a player that is given
    new cues goes on with those it already plays. `sound` is `rendition:<sha256>` or `tone:<name>`; `fallback`
    is another such name, played from its own beginning when the sound cannot be opened.
    """

    id: str
    sound: str
    start: int
    offset: int
    length: int
    gain_db: float = 0.0
    fade_in: int = JOIN_SAMPLES
    fade_out: int = JOIN_SAMPLES
    ducks: tuple[Duck, ...] = ()
    fallback: str | None = None

    @property
    def end(self) -> int:
        """The position just after the last sample."""
        return self.start + self.length
