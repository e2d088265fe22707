"""The wire between station and loudspeakers: messages of version 1; build and parse, nothing else.

Towards a device everything is CBOR, signed by `broadcast.signing` for its topic; from a device everything is JSON, so
that people can read it with `mosquitto_sub`. `docs/wire.md` is the specification; topics are in `speakers.topic`.
Parsers take hostile bytes and raise WireMalformed, nothing else; unknown keys are passed over, so that old and new
understand each other.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import Any, Literal

from broadcast.errors import RundownMalformed
from broadcast.rundown_body import from_ms, to_ms
from speakers.errors import WireMalformed
from speakers.grammar import (
    counts,
    instant,
    iso,
    map_of_cbor,
    map_of_json,
    maybe_number,
    number,
    small,
    text,
    texts,
    to_cbor,
    to_json,
    whole,
)

MAX_ENTRIES = 200


# Towards a device: CBOR bodies, to be signed for their topic.


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a device shall be: `unit` is its own unit, `units` the paths from the root down to it. `revision` grows."""

    revision: int
    unit: str
    units: tuple[str, ...]
    clusters: tuple[str, ...] = ()
    volume_db: float = 0.0
    heartbeat_s: int = 60


@dataclass(frozen=True, slots=True)
class Command:
    """One act, once: obeyed before `expires` and only if `counter` is greater than of any before."""

    counter: int
    act: Literal["test_tone"]
    expires: datetime


def wanted_body(wanted: Wanted) -> bytes:
    """The body to sign for the topic `wanted`."""
    return to_cbor(
        rev=wanted.revision, unit=wanted.unit, units=list(wanted.units), clusters=list(wanted.clusters),
        volume_db=float(wanted.volume_db), heartbeat_s=wanted.heartbeat_s,
    )  # fmt: skip


def parse_wanted(body: bytes) -> Wanted:
    """Raises WireMalformed."""
    value = map_of_cbor(body)
    heartbeat_s = whole(value, "heartbeat_s", 60)
    if not 1 <= heartbeat_s <= 86_400:
        raise WireMalformed("A heartbeat comes every 1 to 86400 seconds.")
    return Wanted(
        revision=small(value, "rev"),
        unit=text(value, "unit"),
        units=texts(value, "units"),
        clusters=texts(value, "clusters"),
        volume_db=number(value, "volume_db"),
        heartbeat_s=heartbeat_s,
    )


def acknowledged_body(sequence: int) -> bytes:
    """The body to sign for the topic `acknowledged`: every journal entry up to `sequence` is kept by the station."""
    return to_cbor(seq=sequence)


def parse_acknowledged(body: bytes) -> int:
    """The sequence number up to which entries are kept. Raises WireMalformed."""
    return small(map_of_cbor(body), "seq")


def command_body(command: Command) -> bytes:
    """The body to sign for the topic `command`."""
    return to_cbor(n=command.counter, act=command.act, exp=to_ms(command.expires))


def parse_command(body: bytes) -> Command:
    """Raises WireMalformed, also for an act that this version does not know."""
    value = map_of_cbor(body)
    if value.get("act") != "test_tone":
        raise WireMalformed("This agent does not know that command.")
    try:
        return Command(counter=whole(value, "n"), act="test_tone", expires=from_ms(value.get("exp")))
    except RundownMalformed as error:
        raise WireMalformed(str(error)) from error


# From a device: JSON.

State = Literal["played", "partial", "missed"]


@dataclass(frozen=True, slots=True)
class Entry:
    """What became of one span (cue) of one item; `sequence` only grows on a device, and never repeats.

    `unit` is the unit whose rundown named the item. `planned` is when the span was to begin, `planned_ms` how
    long it was, `item_ms` how long the whole item. `played`: all of the span was heard; `partial`: `heard_ms`
    of it; `missed`: nothing. `reason` is empty or one of missing, cut, too_late, expired, stale, offline,
    power. `error_ms` is how much later than planned (or than the instant of joining) the first sample came.
    """

    sequence: int
    unit: str
    item: str
    cue: str
    sound: str
    planned: datetime
    planned_ms: int
    item_ms: int
    started: datetime | None
    ended: datetime | None
    heard_ms: int
    state: State
    reason: str = ""
    error_ms: float | None = None


@dataclass(frozen=True, slots=True)
class JournalBatch:
    """Up to 200 entries in order; the device sends the next batch when this one is acknowledged."""

    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The regular sign of life. `clock_error_ms` and `synchronised` are the kernel's own estimate, None if unknown.

    `revisions` maps unit paths to rundown revisions; `playing` holds cue ids; `counters` whatever the agent counts
    (`refused_forged`, `frames_late`, `journal_waiting`, ...).
    """

    at: datetime
    version: str
    uptime_s: int
    playing: tuple[str, ...] = ()
    volume_db: float = 0.0
    revisions: Mapping[str, int] = field(default_factory=dict)
    wanted_revision: int = 0
    cache_bytes: int = 0
    cache_files: int = 0
    cache_missing: int = 0
    synchronised: bool | None = None
    clock_error_ms: float | None = None
    counters: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Alive:
    """The last word on whether a device is connected; `gone` is written by the broker as its last will."""

    online: bool
    at: datetime


def heartbeat_payload(heartbeat: Heartbeat) -> bytes:
    """The payload for the topic `report`."""
    values = {name: getattr(heartbeat, name) for name in heartbeat.__dataclass_fields__}
    return to_json(kind="heartbeat", **{**values, "at": iso(heartbeat.at)})


def journal_payload(entries: Sequence[Entry]) -> bytes:
    """The payload for the topic `report`, for 1 to 200 entries in order of their sequence numbers."""
    return to_json(kind="journal", entries=[_entry_json(entry) for entry in entries])


def parse_report(payload: bytes) -> Heartbeat | JournalBatch:
    """What a device reports. Raises WireMalformed."""
    value = map_of_json(payload)
    if value.get("kind") == "journal":
        entries = value.get("entries")
        if not isinstance(entries, list) or not 1 <= len(entries) <= MAX_ENTRIES:
            raise WireMalformed(f"A journal batch holds 1 to {MAX_ENTRIES} entries.")
        parsed = tuple(_entry(entry) for entry in entries)
        if any(after.sequence <= before.sequence for before, after in pairwise(parsed)):
            raise WireMalformed("The entries of a journal batch are in order of their sequence numbers.")
        return JournalBatch(parsed)
    if value.get("kind") != "heartbeat":
        raise WireMalformed("A report is a heartbeat or a journal.")
    return Heartbeat(
        at=instant(value, "at"),
        version=text(value, "version"),
        uptime_s=whole(value, "uptime_s"),
        playing=texts(value, "playing"),
        volume_db=number(value, "volume_db"),
        revisions=counts(value, "revisions"),
        wanted_revision=small(value, "wanted_revision", 0),
        cache_bytes=whole(value, "cache_bytes", 0),
        cache_files=whole(value, "cache_files", 0),
        cache_missing=whole(value, "cache_missing", 0),
        synchronised=value["synchronised"] if isinstance(value.get("synchronised"), bool) else None,
        clock_error_ms=maybe_number(value, "clock_error_ms"),
        counters=counts(value, "counters"),
    )


def alive_payload(alive: Alive) -> bytes:
    """The payload for the topic `alive`, written on connecting and left with the broker as last will."""
    return to_json(state="online" if alive.online else "gone", at=iso(alive.at))


def parse_alive(payload: bytes) -> Alive:
    """Raises WireMalformed."""
    value = map_of_json(payload)
    if value.get("state") not in ("online", "gone"):
        raise WireMalformed("A device is online or gone.")
    return Alive(online=value["state"] == "online", at=instant(value, "at"))


def _entry_json(entry: Entry) -> dict[str, Any]:
    return {
        "seq": entry.sequence,
        "unit": entry.unit,
        "item": entry.item,
        "cue": entry.cue,
        "sound": entry.sound,
        "planned": iso(entry.planned),
        "planned_ms": entry.planned_ms,
        "item_ms": entry.item_ms,
        "started": entry.started and iso(entry.started),
        "ended": entry.ended and iso(entry.ended),
        "heard_ms": entry.heard_ms,
        "state": entry.state,
        "reason": entry.reason,
        "error_ms": entry.error_ms,
    }


def _entry(value: object) -> Entry:
    if not isinstance(value, dict):
        raise WireMalformed("A journal entry is an object.")
    state: State | None = value.get("state")
    if state not in ("played", "partial", "missed"):
        raise WireMalformed("An entry is played, partial or missed.")
    return Entry(
        sequence=small(value, "seq"),
        unit=text(value, "unit"),
        item=text(value, "item"),
        cue=text(value, "cue"),
        sound=text(value, "sound"),
        planned=instant(value, "planned"),
        planned_ms=small(value, "planned_ms"),
        item_ms=small(value, "item_ms"),
        started=None if value.get("started") is None else instant(value, "started"),
        ended=None if value.get("ended") is None else instant(value, "ended"),
        heard_ms=small(value, "heard_ms"),
        state=state,
        reason=text(value, "reason", ""),
        error_ms=maybe_number(value, "error_ms"),
    )
