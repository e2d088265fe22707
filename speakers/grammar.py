"""The grammar of the wire: maps of version 1 in CBOR and JSON, and their fields, each read with suspicion.

`speakers.wire` says which fields a message has; here stands what a text, a number or an instant may look like.
Every function that reads raises WireMalformed and nothing else.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import cbor2

from speakers.errors import WireMalformed

VERSION = 1
MAX_REPORT_BYTES = 262_144
MAX_SIGNED_BYTES = 65_536
MAX_TEXT = 400
MAX_LIST = 1_000
MAX_WHOLE = 2**53 - 1
"""What JSON keeps exactly."""

MAX_SMALL = 2**31 - 1

Fields = Mapping[str, Any]


def to_cbor(**values: object) -> bytes:
    """A map of version 1 in deterministic CBOR."""
    return cbor2.dumps({"v": VERSION, **values}, canonical=True)


def to_json(**values: object) -> bytes:
    """A map of version 1 in compact JSON."""
    return json.dumps({"v": VERSION, **values}, separators=(",", ":"), allow_nan=False).encode()


def map_of_cbor(body: bytes) -> Fields:
    """The fields of a signed body."""
    if len(body) > MAX_SIGNED_BYTES:
        raise WireMalformed("The message is too long.")
    try:
        value = cbor2.loads(body)
    except Exception as error:  # hostile CBOR can raise anything: each of it means the same here
        raise WireMalformed from error
    return _version_one(value)


def map_of_json(payload: bytes) -> Fields:
    """The fields of a report."""
    if len(payload) > MAX_REPORT_BYTES:
        raise WireMalformed("The message is too long.")
    try:
        value = json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise WireMalformed from error
    return _version_one(value)


def _version_one(value: object) -> Fields:
    if not isinstance(value, dict) or value.get("v") != VERSION or isinstance(value["v"], bool):
        raise WireMalformed
    return value


def iso(at: datetime) -> str:
    """An instant as JSON carries it: `2026-01-31T17:00:00.000Z`."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def instant(fields: Fields, key: str) -> datetime:
    """An instant with a zone, made UTC."""
    value = text(fields, key)
    try:
        at = datetime.fromisoformat(value)
        if at.tzinfo is not None:
            return at.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise WireMalformed(f"The field {key} is an instant with its zone, such as 2026-01-31T17:00:00.000Z.")


def text(fields: Fields, key: str, default: str | None = None) -> str:
    """A short text of printable ASCII: names on the wire are ids, paths and words."""
    value = fields.get(key, default)
    if not _is_text(value):
        raise WireMalformed(f"The field {key} is a short text.")
    return str(value)


def texts(fields: Fields, key: str) -> tuple[str, ...]:
    """A list of short texts; none when the field is not there."""
    values = fields.get(key, [])
    if not isinstance(values, list) or len(values) > MAX_LIST or not all(map(_is_text, values)):
        raise WireMalformed(f"The field {key} is a list of short texts.")
    return tuple(values)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and len(value) <= MAX_TEXT and value.isascii() and (value.isprintable())


def whole(fields: Fields, key: str, default: int | None = None, *, most: int = MAX_WHOLE) -> int:
    """A whole number from 0 to `most`."""
    value = fields.get(key, default)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
        raise WireMalformed(f"The field {key} is a whole number from 0 to {most}.")
    return value


def small(fields: Fields, key: str, default: int | None = None) -> int:
    """A whole number that a column of 32 bits keeps: numbers of entries, revisions, durations in ms."""
    return whole(fields, key, default, most=MAX_SMALL)


def maybe_number(fields: Fields, key: str) -> float | None:
    """A finite number; None when the field is null or not there."""
    value = fields.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not -1e9 <= value <= 1e9:
        raise WireMalformed(f"The field {key} is a number.")
    return float(value)


def number(fields: Fields, key: str, default: float = 0.0) -> float:
    """A finite number."""
    value = maybe_number(fields, key)
    return default if value is None else value


def counts(fields: Fields, key: str) -> dict[str, int]:
    """A small map from names to whole numbers; empty when the field is not there."""
    value = fields.get(key, {})
    if not isinstance(value, dict) or len(value) > MAX_LIST or not all(map(_is_text, value)):
        raise WireMalformed(f"The field {key} is a small map of whole numbers.")
    return {name: whole(value, name) for name in value}
