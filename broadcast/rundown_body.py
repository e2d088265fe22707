"""The body of a rundown: deterministic CBOR (RFC 8949, section 4.2), as `docs/wire.md` specifies it. Pure.

What is heard is written once, however often it is heard; an item says when, and names what by its place in the list:

    what    [{snd, dur, rank, to, title, text ...}, ...]
    items   [{at, id, of: 0, late}, {at, id, of: 0, late}, ...]

So a week of twenty daily programmes is 24 kB for every pole, not 90.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from operator import attrgetter, itemgetter
from typing import Any, NamedTuple

import cbor2

from broadcast.errors import RundownMalformed
from broadcast.priority import Rank
from broadcast.rundown import Item, Rundown

VERSION = 1
MAX_BODY_BYTES = 4_000_000
MAX_ITEMS = 5_000

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)
_LONGEST_STALE_S = 10 * 366 * 86_400
_LATEST_MS = 32_503_680_000_000  # the year 3000: later instants are a mistake or an attack

# Short keys, instants as whole milliseconds since 1970 UTC, defaults left out.
_WHEN_KEYS = {"start": "at", "id": "id", "expires": "exp", "latest_start": "late"}
_WHAT_KEYS = {
    "targets": "to", "duration_ms": "dur", "excludes": "not", "offset_ms": "off", "resume": "res", "sound": "snd",
    "volume_db": "vol", "fade_in_ms": "fin", "fallback": "fb", "duck_db": "duck", "fade_out_ms": "fout",
    "gain_db": "gain", "language": "lang", "rank": "rank", "text": "text", "max_stale_s": "stale", "title": "title",
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


def to_ms(at: datetime) -> int:
    """Whole milliseconds since 1970 UTC, as instants stand on the wire."""
    return (at - _EPOCH) // _MS


def from_ms(value: object) -> datetime:
    """The instant of a wire number. Raises RundownMalformed for anything else."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _LATEST_MS:
        raise RundownMalformed("An instant on the wire is a whole number of milliseconds between 1970 and 3000.")
    return _EPOCH + value * _MS


# Writing.

What = dict[str, Any]
"""What is heard, as it stands on the wire: keys in the order of deterministic CBOR."""

_RANK_WORDS = {rank: rank.word for rank in Rank}
_CONVERSIONS: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(_TUPLES, list),
    **dict.fromkeys(_NUMBERS, float),
    "rank": _RANK_WORDS.__getitem__,
}
_IN_ORDER = sorted(_WHAT_KEYS, key=lambda name: (len(_WHAT_KEYS[name]), _WHAT_KEYS[name]))
_PLAN = [(_WHAT_KEYS[name], _DEFAULTS[name], _CONVERSIONS.get(name)) for name in _IN_ORDER]
_what_values = attrgetter(*_IN_ORDER)
_FLOAT_KEYS = tuple(_WHAT_KEYS[name] for name in _NUMBERS)


class Timed(NamedTuple):
    """An item to be written; equal ones may share one `what`, and then it is written once."""

    at_ms: int
    id: str
    late_ms: int
    what: What
    expires_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Contents:
    """The lists `what` and `items` of a body, items in order of start and id, `what` in order of first use."""

    what: Sequence[What]
    items: Sequence[dict[str, Any]]

    @classmethod
    def of(cls, timed: Iterable[Timed]) -> "Contents":
        """Items in any order."""
        what: list[What] = []
        places: dict[int, int] = {}
        items = []
        for at_ms, item_id, late_ms, heard, expires_ms in sorted(timed, key=itemgetter(0, 1)):
            place = places.get(id(heard))
            if place is None:
                place = places[id(heard)] = len(what)
                what.append(heard)
            item = {"at": at_ms, "id": item_id, "of": place, "late": late_ms}
            items.append(item if expires_ms is None else item | {"exp": expires_ms})
        return cls(what, items)

    def with_items(self, more: Iterable[Item]) -> "Contents":
        """The same and some more items."""
        there = (Timed(one["at"], one["id"], one["late"], self.what[one["of"]], one.get("exp")) for one in self.items)
        return Contents.of([*there, *(_timed(item, what_of(item)) for item in more)])

    def first(self, count: int) -> "Contents":
        """Only the first `count` items."""
        items = self.items[:count]
        return Contents(self.what[: max((item["of"] for item in items), default=-1) + 1], items)

    def without_texts_from(self, at_ms: int) -> "Contents":
        """The same, but what is not heard before `at_ms` has no text."""
        soon = {item["of"] for item in self.items if item["at"] < at_ms}
        shortened = [
            heard if place in soon else {key: value for key, value in heard.items() if key != "text"}
            for place, heard in enumerate(self.what)
        ]
        return Contents(shortened, self.items)


def what_of(item: Item) -> What:
    """What is heard of an item."""
    what: What = {}
    for (key, default, convert), value in zip(_PLAN, _what_values(item), strict=True):
        if value != default:
            what[key] = value if convert is None else convert(value)
    return what


def _timed(item: Item, what: What) -> Timed:
    expires_ms = None if item.expires is None else to_ms(item.expires)
    return Timed(to_ms(item.start), item.id, to_ms(item.latest_start), what, expires_ms)


def to_body(rundown: Rundown) -> bytes:
    """The body that is signed."""
    known: dict[Any, What] = {}
    timed = []
    for item in rundown.items:
        what = known.setdefault(_what_values(item), {})
        if not what:
            what.update(what_of(item))
        timed.append(_timed(item, what))
    return body_of_contents(rundown, Contents.of(timed))


def body_of_contents(head: Rundown, contents: Contents) -> bytes:
    """The body of a rundown whose contents stand ready; the items of `head` are not looked at."""
    value = {
        "v": VERSION,
        "to": to_ms(head.covers_to),
        "rev": head.revision,
        "from": to_ms(head.covers_from),
        "unit": head.unit,
        "what": contents.what,
        "items": contents.items,
        "issued": to_ms(head.issued_at),
        "prefetch": list(head.prefetch),
    }
    # Keys are in order but where an item expires; floats too need the deterministic encoder, which is slower.
    canonical = any(key in what for what in contents.what for key in _FLOAT_KEYS)
    return cbor2.dumps(value, canonical=canonical or any("exp" in item for item in contents.items))


# Reading.


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


def contents_begun_before(head: Rundown, contents: Contents, at: datetime) -> tuple[Rundown, datetime | None]:
    """The same for contents that stand ready, beside a head without items."""
    near, later = _parted(contents.items, to_ms(at))
    return replace(head, items=_items(contents.what, near)), later


def same_for_devices(old: bytes, new: Contents, prefetch: Sequence[str], now: datetime) -> bool:
    """Whether newer contents tell a device the same as an old body of its unit, from `now` until the end of the old
    window.

    What is over, and what only the later window holds, makes no difference; nor does a shorter prefetch.
    """
    before = cbor2.loads(old)
    if not set(prefetch) <= set(before["prefetch"]):
        return False
    window = (to_ms(now), before["to"])
    return _told(before["what"], before["items"], window) == _told(new.what, new.items, window)


def _told(
    what: Sequence[Mapping[str, Any]], items: Iterable[Mapping[str, Any]], window: tuple[int, int]
) -> dict[str, tuple[int, int, int | None, bytes]]:
    """By id, all that a device is told of the items of which something may still be heard in a window (ms)."""
    written = [cbor2.dumps(heard, canonical=True) for heard in what]
    return {
        item["id"]: (item["at"], item["late"], item.get("exp"), written[item["of"]])
        for item in items
        if item["late"] + what[item["of"]]["dur"] > window[0] and item["at"] < window[1]
    }


def _parted(items: Sequence[Mapping[str, Any]], before_ms: int) -> tuple[list[Mapping[str, Any]], datetime | None]:
    """The items that start before an instant, and when the next one does."""
    later = [item["at"] for item in items if item["at"] >= before_ms]
    return [item for item in items if item["at"] < before_ms], from_ms(min(later)) if later else None


def _read(body: bytes, before_ms: int | None = None) -> tuple[Rundown, datetime | None]:
    """The rundown, only with items that start before `before_ms` if that is given, and when the next one starts."""
    if len(body) > MAX_BODY_BYTES:
        raise RundownMalformed("The rundown is too long.")
    try:
        value = cbor2.loads(body)
        if not isinstance(value, Mapping) or value.get("v") != VERSION or not isinstance(value["unit"], str):
            raise RundownMalformed
        what, items = value["what"], value["items"]
        if not all(isinstance(part, list) and len(part) <= MAX_ITEMS for part in (what, items)):
            raise RundownMalformed
        near, later = (items, None) if before_ms is None else _parted(items, before_ms)
        rundown = Rundown(
            unit=value["unit"],
            revision=_whole(value["rev"]),
            issued_at=from_ms(value["issued"]),
            covers_from=from_ms(value["from"]),
            covers_to=from_ms(value["to"]),
            items=_items(what, near),
            prefetch=_texts(value.get("prefetch", [])),
        )
        return rundown, later
    except RundownMalformed:
        raise
    except Exception as error:  # hostile CBOR can raise anything: each of it means the same here
        raise RundownMalformed(f"These bytes are not a rundown: {type(error).__name__}.") from error


def _items(what: Sequence[object], items: Iterable[object]) -> tuple[Item, ...]:
    heard: dict[int, dict[str, Any]] = {}
    found = []
    for item in items:
        if not isinstance(item, Mapping):
            raise RundownMalformed("An item is a map.")
        place = _whole(item["of"])
        if place not in heard:
            heard[place] = _fields(what[place], _WHAT_KEYS)
        found.append(Item(**heard[place], **_fields(item, _WHEN_KEYS)))
    return tuple(found)


def _fields(body: object, keys: Mapping[str, str]) -> dict[str, Any]:
    if not isinstance(body, Mapping):
        raise RundownMalformed("What is heard is a map.")
    return {name: _field(name, body[key]) for name, key in keys.items() if key in body}


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
    if name == "max_stale_s" and isinstance(value, int) and not 0 <= value <= _LONGEST_STALE_S:
        raise RundownMalformed(f"The field {name} of an item is out of range.")
    if isinstance(value, float) and not -200.0 <= value <= 200.0:  # also refuses NaN
        raise RundownMalformed(f"The field {name} of an item is out of range.")
    return float(value) if name in _NUMBERS and isinstance(value, int | float) else value


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or len(value) > MAX_ITEMS or not all(isinstance(v, str) for v in value):
        raise RundownMalformed("A list of names on the wire holds text only.")
    return tuple(value)


def _whole(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**53:
        raise RundownMalformed("A revision, or a place in a list, is a whole number.")
    return value
