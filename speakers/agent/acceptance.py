"""Which rundowns a pole obeys: a pure decision on bytes, topic and instant. A valid signature alone is not enough.

Whatever is not accepted is silence: `speakers.agent.rundowns` counts it by reason and keeps what is accepted. What it
says of time is judged apart, against a clock that may be wrong now and right in a minute.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from broadcast.errors import ForgedSignature, NotSigned, RundownMalformed, UnknownKey
from broadcast.rundown import Rundown
from broadcast.rundown_body import from_body
from broadcast.signing import verify
from speakers.errors import RundownRefused
from speakers.topic import parse_topic

Reason = Literal[
    "wrong_topic", "not_signed", "unknown_key", "forged", "malformed", "wrong_unit", "older", "expired", "from_future"
]

FUTURE_LIMIT = timedelta(hours=24)
"""A pole whose clock lags by less than this still obeys."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What a pole knows: whom it trusts, the units it follows, and the newest revision it has of each."""

    trusted: Mapping[bytes, Ed25519PublicKey]
    units: frozenset[str]
    revisions: Mapping[str, int]


def signed_body(message: bytes, topic: str, trusted: Mapping[bytes, Ed25519PublicKey]) -> bytes:
    """The body that the station signed for this topic. Raises RundownRefused."""
    try:
        return verify(message, topic, trusted)
    except UnknownKey as error:
        raise RundownRefused("unknown_key", str(error)) from error
    except ForgedSignature as error:
        raise RundownRefused("forged", str(error)) from error
    except NotSigned as error:
        raise RundownRefused("not_signed", str(error)) from error


def accept(message: bytes, topic: str, expected: Expected) -> Rundown:
    """The rundown of a message that arrived on `topic`, if it is to be obeyed in its time; see `untimely`.

    Raises RundownRefused with one of `Reason` and nothing else, whatever the bytes.
    """
    address = parse_topic(topic)
    if address is None or address[0] != "rundown":
        raise RundownRefused("wrong_topic", f"A rundown does not come on the topic «{topic[:200]}».")
    if address[1] not in expected.units:
        raise RundownRefused("wrong_unit", f"This pole does not follow the unit {address[1]}.")
    body = signed_body(message, topic, expected.trusted)
    try:
        rundown = from_body(body)
    except RundownMalformed as error:
        raise RundownRefused("malformed", str(error)) from error
    if rundown.unit != address[1]:
        raise RundownRefused("wrong_unit", f"The rundown of {rundown.unit} came on the topic of {address[1]}.")
    known = expected.revisions.get(rundown.unit, 0)
    if rundown.revision <= known:
        raise RundownRefused("older", f"Revision {rundown.revision} of {rundown.unit} came after revision {known}.")
    return rundown


def untimely(rundown: Rundown, now: datetime) -> RundownRefused | None:
    """Why an accepted rundown is not to be obeyed at this instant; None when it is."""
    if rundown.covers_to <= now:
        return RundownRefused("expired", f"The rundown of {rundown.unit} ended at {rundown.covers_to}.")
    if rundown.issued_at > now + FUTURE_LIMIT:
        return RundownRefused("from_future", f"The rundown of {rundown.unit} says it was issued {rundown.issued_at}.")
    return None
