"""What schedules mean for a unit: facts as read from the database in, planned items out. Pure.

`broadcast.schedule` reads the facts; `broadcast.playout` makes rundowns of what is planned; pages show it. What
is not approved, or has no sound yet, is planned with a reason and never becomes an item of a rundown.
"""

import hashlib
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from broadcast.event import Change, Event, occurrences
from broadcast.priority import Rank
from broadcast.rundown import Item, Resume

FALLBACK = "tone:chime"
LONGEST_TEXT = 2_000
"""Characters of a programme's text that go into a rundown: what a board can show, not a book for every pole."""

_LATE_APPROVAL_LEAD = timedelta(seconds=2)
_CUT_LEAD = timedelta(milliseconds=400)
_CUT_FADE_MS = 200


@dataclass(frozen=True, slots=True)
class Said:
    """A programme as far as going on air is concerned. `why_not` is empty, or a sentence: it may not go out."""

    programme_id: str
    title: str
    text: str
    language: str
    rendition_sha256: str
    duration_ms: int
    approved_at: datetime | None
    why_not: str = ""

    @property
    def duration(self) -> timedelta:
        """How long it lasts; nothing while its sound is not made."""
        return timedelta(milliseconds=self.duration_ms)


@dataclass(frozen=True, slots=True)
class Fact:
    """One schedule with all that is needed to expand it. `targets` holds (unit id, cluster id or None)."""

    schedule_id: str
    said: Said
    targets: tuple[tuple[str, str | None], ...]
    wall_start: str
    timezone: str
    rule: str
    rank: Rank
    late_s: int
    resume: Resume
    created_at: datetime
    withdrawn_at: datetime | None = None
    changes: tuple[Change, ...] = ()
    instead: dict[str, Said] = field(default_factory=dict)  # programmes of changed occurrences, by id


@dataclass(frozen=True, slots=True)
class Planned:
    """One occurrence in one unit. `targets` are `unit:<path>` and `cluster:<id>`; `why_not` says what keeps it off."""

    item_id: str
    unit_id: str
    unit_path: str
    start: datetime
    said: Said
    targets: tuple[str, ...]
    rank: Rank
    late_s: int
    resume: Resume
    schedule_id: str
    occurrence: str
    withdrawn_at: datetime | None = None  # when its schedule was withdrawn, after the start

    @property
    def duration_ms(self) -> int:
        """How long the programme lasts; 0 while its sound is not made."""
        return self.said.duration_ms

    @property
    def end(self) -> datetime:
        """When it ends if nothing cuts or delays it."""
        return self.start + self.said.duration

    @property
    def title(self) -> str:
        """The title of the programme."""
        return self.said.title

    @property
    def programme_id(self) -> str:
        """The programme that is heard."""
        return self.said.programme_id

    @property
    def why_not(self) -> str:
        """Empty, or the sentence why it cannot go on air as things are."""
        return self.said.why_not

    @property
    def ready(self) -> bool:
        """Whether it can go on air as things are."""
        return not self.said.why_not


@dataclass(frozen=True, slots=True)
class Overlap:
    """A time in which two items want the same loudspeakers. `unit` is the unit's path."""

    start: datetime
    end: datetime
    title: str
    unit: str
    rank: Rank


def item_id(schedule_id: str, occurrence: str, unit_id: str) -> str:
    """The id of an item, the same in every revision: 20 hexadecimal digits."""
    return hashlib.sha256(f"{schedule_id}|{occurrence}|{unit_id}".encode()).hexdigest()[:20]


def _start(event: Event, said: Said, late_s: int) -> datetime | None:
    """When it starts: on time, or just after an approval that came late; None when that was too late."""
    approved_at = said.approved_at
    if said.why_not or approved_at is None or approved_at <= event.start:
        return event.start
    late = approved_at + _LATE_APPROVAL_LEAD
    return late if late <= event.start + timedelta(seconds=late_s) else None


def cut(item: Item, at: datetime) -> Item:
    """An item that is taken back at `at`: a moment later nothing more of it is heard, on all loudspeakers together.

    It stays in the rundown, because what it had cut resumes behind it at the right sample. It expires instead of
    being shortened: what was delayed, or was cut itself, does not end when it was planned to.
    """
    end = at + _CUT_LEAD
    return replace(item, expires=min(item.expires or end, end), fade_out_ms=_CUT_FADE_MS)


def targets_of(fact: Fact, unit_id: str, path: str) -> tuple[str, ...]:
    """What a schedule aims at in one unit: `unit:<path>`, or its clusters as `cluster:<id>`."""
    clusters = [cluster for unit, cluster in fact.targets if unit == unit_id]
    if None in clusters:
        return (f"unit:{path}",)
    return tuple(f"cluster:{cluster}" for cluster in sorted({cluster for cluster in clusters if cluster}))


@dataclass(frozen=True, slots=True)
class Airing:
    """One occurrence of one schedule, wherever it is heard."""

    occurrence: str
    start: datetime
    said: Said


def airings(fact: Fact, from_: datetime, to: datetime) -> Iterator[Airing]:
    """The occurrences of one schedule that its rule has in [from_, to). Raises ScheduleRefused.

    What the rule would have had before the schedule was made, or after it was withdrawn, is none.
    """
    after = max(from_, fact.created_at)
    for event in occurrences(fact.wall_start, fact.timezone, fact.rule, fact.changes, from_=after, to=to):
        said = fact.instead.get(event.programme_id or "", fact.said)
        start = _start(event, said, fact.late_s)
        if start is not None and (fact.withdrawn_at is None or start < fact.withdrawn_at):
            yield Airing(event.occurrence, start, said)


def planned_of(fact: Fact, units: Iterable[tuple[str, str]], from_: datetime, to: datetime) -> Iterator[Planned]:
    """The occurrences of one schedule in [from_, to), for those of the units (id, path) it aims at.

    Raises ScheduleRefused.
    """
    aimed = [(unit, targets) for unit in units if (targets := targets_of(fact, *unit))]
    if aimed:
        for airing in airings(fact, from_, to):
            for unit, targets in aimed:
                yield planned_at(fact, airing, unit, targets)


def planned_at(fact: Fact, airing: Airing, unit: tuple[str, str], targets: tuple[str, ...]) -> Planned:
    """An occurrence in one unit (id, path)."""
    return Planned(
        item_id(fact.schedule_id, airing.occurrence, unit[0]), *unit, airing.start, airing.said, targets, fact.rank,
        fact.late_s, fact.resume, fact.schedule_id, airing.occurrence, fact.withdrawn_at,
    )  # fmt: skip


def item_of(planned: Planned) -> Item:
    """What a ready planned occurrence is on the wire."""
    said = planned.said
    item = Item(
        id=planned.item_id,
        start=planned.start,
        latest_start=planned.start + timedelta(seconds=planned.late_s),
        sound=f"rendition:{said.rendition_sha256}",
        duration_ms=said.duration_ms,
        rank=planned.rank,
        targets=planned.targets,
        resume=planned.resume,
        language=said.language,
        title=said.title,
        text=said.text,
        fallback=FALLBACK,
    )
    return item if planned.withdrawn_at is None else cut(item, planned.withdrawn_at)


def _share_speakers(one: Planned, other: Planned) -> bool:
    """Whether some loudspeaker hears both: a whole unit and anything in its line, or one cluster."""
    if one.unit_path != other.unit_path:
        upper, lower = sorted((one, other), key=lambda planned: planned.unit_path.count("/"))
        below = lower.unit_path.startswith(f"{upper.unit_path}/")
        return below and any(target.startswith("unit:") for target in upper.targets)
    whole = any(target.startswith("unit:") for target in one.targets + other.targets)
    return whole or not set(one.targets).isdisjoint(other.targets)


def collisions(wanted: Sequence[Planned], there: Sequence[Planned], most: int = 100) -> list[Overlap]:
    """Where what is wanted meets what is there already, in order of time, at most `most`. Same occurrence: once."""
    ordered = sorted(there, key=lambda planned: planned.start)
    starts = [planned.start for planned in ordered]
    longest = max((planned.said.duration for planned in there), default=timedelta(0))
    found: dict[tuple[datetime, str, str], Overlap] = {}
    for one in sorted(wanted, key=lambda planned: planned.start):
        for other in ordered[bisect_left(starts, one.start - longest) : bisect_left(starts, one.end)]:
            if len(found) >= most:
                break
            if other.end > one.start and _share_speakers(one, other):
                start, end = max(one.start, other.start), min(one.end, other.end)
                found[start, other.item_id, one.unit_path] = Overlap(
                    start, end, other.title, other.unit_path, other.rank
                )
    return list(found.values())
