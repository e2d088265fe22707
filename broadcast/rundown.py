"""The rundown: what one unit has on air and when, for the next days; a pure value.

Built by `broadcast.building`, written as `broadcast.rundown_body`, signed by `broadcast.signing`, obeyed through
`broadcast.onair` by the station and by every pole.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from broadcast.errors import NaiveInstant, RundownMalformed
from broadcast.priority import Rank

Resume = Literal["resume", "missed"]


@dataclass(frozen=True, slots=True)
class Item:
    """One sound at one time for some targets.

    `id` is stable across revisions. `sound` and `fallback` are `rendition:<sha256>` or `tone:<name>`.
    `targets` and `excludes` hold `unit:<path>` and `cluster:<id>`. `duck_db` (negative) lowers what lies under
    this item instead of cutting it. `resume` says what becomes of this item when a higher one cuts it.
    `expires` is the instant after which it is never played; `max_stale_s` how long after its last contact a
    device may still play it; `volume_db` is absolute and only for emergencies.
    """

    id: str
    start: datetime
    latest_start: datetime
    sound: str
    duration_ms: int
    rank: Rank
    targets: tuple[str, ...]
    excludes: tuple[str, ...] = ()
    offset_ms: int = 0
    gain_db: float = 0.0
    fade_in_ms: int = 5
    fade_out_ms: int = 5
    duck_db: float | None = None
    resume: Resume = "resume"
    expires: datetime | None = None
    max_stale_s: int | None = None
    volume_db: float | None = None
    language: str = "vi"
    title: str = ""
    text: str = ""
    fallback: str | None = None

    def __post_init__(self) -> None:
        for at in (self.start, self.latest_start, self.expires):
            if at is not None and at.tzinfo is None:
                raise NaiveInstant
        if self.latest_start < self.start or self.duration_ms <= 0 or self.offset_ms < 0:
            raise RundownMalformed(f"Item {self.id} starts after its latest start, or lasts no time.")

    @property
    def end(self) -> datetime:
        """When it ends if nothing delays or cuts it."""
        return self.start + timedelta(milliseconds=self.duration_ms)


@dataclass(frozen=True, slots=True)
class Rundown:
    """`unit` is a path such as `48/20197`; `covers` is [covers_from, covers_to); `prefetch` names renditions
    that are likely to be needed soon (approved, not yet scheduled), as `rendition:<sha256>`."""

    unit: str
    revision: int
    issued_at: datetime
    covers_from: datetime
    covers_to: datetime
    items: tuple[Item, ...] = ()
    prefetch: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if any(at.tzinfo is None for at in (self.issued_at, self.covers_from, self.covers_to)):
            raise NaiveInstant


def topic_of(unit: str) -> str:
    """The topic on which a unit's rundown is published, and for which it is signed."""
    return f"loa/1/unit/{unit}/rundown"
