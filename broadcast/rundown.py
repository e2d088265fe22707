"""The rundown: what one unit has on air and when, for the next days; a pure value and its body on the wire.

Built by `broadcast.playout`, signed by `broadcast.signing`, obeyed through `broadcast.onair` by the station
and by every pole. The body is deterministic CBOR (RFC 8949, section 4.2); `docs/wire.md` is its specification.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import Any, Literal

import cbor2

from broadcast.errors import NaiveInstant, RundownMalformed
from broadcast.priority import Rank

VERSION = 1
MAX_BODY_BYTES = 4_000_000
MAX_ITEMS = 5_000

Resume = Literal["resume", "missed"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)
_LATEST_MS = 32_503_680_000_000  # the year 3000: later instants are a mistake or an attack


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

    def same_content(self, other: "Rundown") -> bool:
        """Whether both say the same to a device, whatever their revision and window."""
        return self.items == other.items and self.prefetch == other.prefetch


@dataclass(frozen=True, slots=True)
class Difference:
    """What a new rundown changes; ids of items."""

    added: frozenset[str]
    removed: frozenset[str]
    changed: frozenset[str]


def difference(old: Rundown, new: Rundown) -> Difference:
    """Compare by item id."""
    before = {item.id: item for item in old.items}
    after = {item.id: item for item in new.items}
    return Difference(
        added=frozenset(after.keys() - before.keys()),
        removed=frozenset(before.keys() - after.keys()),
        changed=frozenset(key for key in after.keys() & before.keys() if after[key] != before[key]),
    )


def in_order(items: Iterable[Item]) -> tuple[Item, ...]:
    """Items as a rundown lists them: by start, then id."""
    return tuple(sorted(items, key=lambda item: (item.start, item.id)))


def trimmed(rundown: Rundown, earliest: datetime) -> Rundown:
    """The rundown without items that can no longer sound after `earliest`."""
    kept = tuple(i for i in rundown.items if i.latest_start + timedelta(milliseconds=i.duration_ms) > earliest)
    return replace(rundown, items=kept)


# The body: short keys, instants as whole milliseconds since 1970 UTC, defaults left out.

_ITEM_KEYS = {
    "id": "id", "start": "at", "latest_start": "late", "sound": "snd", "duration_ms": "dur", "rank": "rank",
    "targets": "to", "excludes": "not", "offset_ms": "off", "gain_db": "gain", "fade_in_ms": "fin",
    "fade_out_ms": "fout", "duck_db": "duck", "resume": "res", "expires": "exp", "max_stale_s": "stale",
    "volume_db": "vol", "language": "lang", "title": "title", "text": "text", "fallback": "fb",
}  # fmt: skip
_DEFAULTS = {f.name: f.default for f in fields(Item)}
_INSTANTS = {"start", "latest_start", "expires"}
_TUPLES = {"targets", "excludes"}
_NUMBERS = {"gain_db", "duck_db", "volume_db"}
_TYPES: dict[str, type | tuple[type, ...]] = {
    "id": str, "sound": str, "duration_ms": int, "offset_ms": int, "gain_db": (int, float), "fade_in_ms": int,
    "fade_out_ms": int, "duck_db": (int, float), "resume": str, "max_stale_s": int, "volume_db": (int, float),
    "language": str, "title": str, "text": str, "fallback": str,
}  # fmt: skip
_RANK_WORDS = {rank: rank.word for rank in Rank}


def topic_of(unit: str) -> str:
    """The topic on which a unit's rundown is published, and for which it is signed."""
    return f"loa/1/unit/{unit}/rundown"


def to_ms(at: datetime) -> int:
    """Whole milliseconds since 1970 UTC, as instants stand on the wire."""
    return (at - _EPOCH) // _MS


def from_ms(value: object) -> datetime:
    """The instant of a wire number. Raises RundownMalformed for anything else."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _LATEST_MS:
        raise RundownMalformed("An instant on the wire is a whole number of milliseconds between 1970 and 3000.")
    return _EPOCH + value * _MS


# Name, key and default of each field, and what makes its wire value; in the order of deterministic CBOR.
_CONVERSIONS: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(_INSTANTS, to_ms),
    **dict.fromkeys(_TUPLES, list),
    **dict.fromkeys(_NUMBERS, float),
    "rank": _RANK_WORDS.__getitem__,
}
_IN_ORDER = sorted(_ITEM_KEYS, key=lambda name: (len(_ITEM_KEYS[name]), _ITEM_KEYS[name]))
_PLAN = [(_ITEM_KEYS[name], _DEFAULTS[name], _CONVERSIONS.get(name)) for name in _IN_ORDER]
_values_of = attrgetter(*_IN_ORDER)
_FLOAT_KEYS = tuple(_ITEM_KEYS[name] for name in _NUMBERS)


def item_body(item: Item) -> dict[str, Any]:
    """An item as it stands on the wire, its keys in the order of deterministic CBOR."""
    body: dict[str, Any] = {}
    for (key, default, convert), value in zip(_PLAN, _values_of(item), strict=True):
        if value != default:
            body[key] = value if convert is None else convert(value)
    return body


def to_body(rundown: Rundown) -> bytes:
    """The deterministic CBOR body that is signed."""
    return body_of_items(rundown, [item_body(item) for item in rundown.items])


def body_of_items(head: Rundown, items: Sequence[Mapping[str, Any]]) -> bytes:
    """The body of a rundown whose items stand ready as made by `item_body`; those of `head` are not looked at."""
    value = {
        "v": VERSION,
        "to": to_ms(head.covers_to),
        "rev": head.revision,
        "from": to_ms(head.covers_from),
        "unit": head.unit,
        "items": items,
        "issued": to_ms(head.issued_at),
        "prefetch": list(head.prefetch),
    }
    # Keys are in order already; only floats still need the deterministic encoder, which is three times slower.
    return cbor2.dumps(value, canonical=any(key in item for item in items for key in _FLOAT_KEYS))


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or len(value) > MAX_ITEMS or not all(isinstance(v, str) for v in value):
        raise RundownMalformed("A list of names on the wire holds text only.")
    return tuple(value)


def _field(name: str, value: object) -> Any:
    if name in _INSTANTS:
        return from_ms(value)
    if name in _TUPLES:
        return _texts(value)
    if name == "rank":
        return Rank.of_word(value if isinstance(value, str) else "")
    if isinstance(value, bool) or not isinstance(value, _TYPES[name]):
        raise RundownMalformed(f"The field {name} of an item has the wrong type.")
    if name == "resume" and value not in ("resume", "missed"):
        raise RundownMalformed("The field resume of an item is «resume» or «missed».")
    if isinstance(value, int) and abs(value) > _LATEST_MS:
        raise RundownMalformed(f"The field {name} of an item is out of range.")
    if isinstance(value, float) and not -200.0 <= value <= 200.0:  # also refuses NaN
        raise RundownMalformed(f"The field {name} of an item is out of range.")
    return float(value) if name in _NUMBERS and isinstance(value, int | float) else value


def _item(body: object) -> Item:
    if not isinstance(body, Mapping):
        raise RundownMalformed("An item is a map.")
    values = {name: _field(name, body[key]) for name, key in _ITEM_KEYS.items() if key in body}
    return Item(**values)


def _whole(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**53:
        raise RundownMalformed("A revision is a whole number.")
    return value


def from_body(body: bytes) -> Rundown:
    """Read a body. Unknown keys are passed over, so that old receivers understand newer stations.

    Raises RundownMalformed for anything that is not a rundown of this version.
    """
    return _read(body)[0]


def begun_before(body: bytes, at: datetime) -> tuple[Rundown, datetime | None]:
    """A body with only the items that start before `at`, and when the next one starts (None: none does).

    For the loops of the station, which look at a few items of a long rundown many times. Raises RundownMalformed.
    """
    return _read(body, to_ms(at))


def items_begun_before(
    head: Rundown, items: Sequence[Mapping[str, Any]], at: datetime
) -> tuple[Rundown, datetime | None]:
    """The same for items as made by `item_body`, beside a head without items."""
    before_ms = to_ms(at)
    near = tuple(_item(item) for item in items if item["at"] < before_ms)
    later = min((item["at"] for item in items if item["at"] >= before_ms), default=None)
    return replace(head, items=near), None if later is None else from_ms(later)


def same_for_devices(old: bytes, items: Sequence[Mapping[str, Any]], prefetch: Sequence[str], now: datetime) -> bool:
    """Whether newer items (as made by `item_body`) tell a device the same as an old body of its unit, from `now` until
    the end of the old window.

    What is over, and what only the later window holds, makes no difference; nor does a shorter prefetch.
    """
    before, now_ms = cbor2.loads(old), to_ms(now)
    if not set(prefetch) <= set(before["prefetch"]):
        return False
    kept = [
        {item["id"]: item for item in part if item["late"] + item["dur"] > now_ms and item["at"] < before["to"]}
        for part in (before["items"], items)
    ]
    return kept[0] == kept[1]


def _read(body: bytes, before_ms: int | None = None) -> tuple[Rundown, datetime | None]:
    """The rundown, only with items that start before `before_ms` if that is given, and when the next one starts."""
    if len(body) > MAX_BODY_BYTES:
        raise RundownMalformed("The rundown is too long.")
    try:
        value = cbor2.loads(body)
        if not isinstance(value, Mapping) or value.get("v") != VERSION:
            raise RundownMalformed
        items = value["items"]
        if not isinstance(value["unit"], str) or not isinstance(items, list) or len(items) > MAX_ITEMS:
            raise RundownMalformed
        left = [] if before_ms is None else [item["at"] for item in items if item["at"] >= before_ms]
        if before_ms is not None:
            items = [item for item in items if item["at"] < before_ms]
        rundown = Rundown(
            unit=value["unit"],
            revision=_whole(value["rev"]),
            issued_at=from_ms(value["issued"]),
            covers_from=from_ms(value["from"]),
            covers_to=from_ms(value["to"]),
            items=tuple(_item(item) for item in items),
            prefetch=_texts(value.get("prefetch", [])),
        )
        return rundown, from_ms(min(left)) if left else None
    except RundownMalformed:
        raise
    except Exception as error:  # hostile CBOR can raise anything: each of it means the same here
        raise RundownMalformed(f"These bytes are not a rundown: {type(error).__name__}.") from error
