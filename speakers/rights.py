"""What a device may do at a broker, and how brokers are told of devices that come and go.

Both brokers keep the same rights: the embedded one in `speakers.broker`, Mosquitto through `speakers.mosquitto`.
"""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from speakers.enrolment import paths_to
from speakers.topic import topic


@dataclass(frozen=True, slots=True)
class Rights:
    """The exact topics a device may read and write."""

    read: frozenset[str]
    write: frozenset[str]


@dataclass(frozen=True, slots=True)
class AccountChange:
    """A device as the broker is to know it from now on; without rights it is shut out."""

    speaker_id: str
    password: str
    rights: Rights | None


Tell = Callable[[AccountChange], Awaitable[None]]
"""Brings one change to the broker; it may be told again."""

Accounts = Callable[[], AbstractAsyncContextManager[Tell]]
"""Opens the way on which a broker is told of changes."""


def rights_of(speaker_id: str, unit_path: str) -> Rights:
    """What a device may read and write: the rundowns of its units, and its own topics."""
    read = {topic("rundown", path) for path in paths_to(unit_path)}
    read |= {topic(kind, speaker_id) for kind in ("wanted", "acknowledged", "command")}
    return Rights(frozenset(read), frozenset({topic("report", speaker_id), topic("alive", speaker_id)}))
