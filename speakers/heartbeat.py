"""Whether a device is there: a pure judgement of its last sign of life and of now."""

from datetime import datetime, timedelta
from enum import Enum

from broadcast.errors import NaiveInstant

LATE_BEATS = 2.5
"""A device is late after this many missed heartbeats ..."""
LOST_BEATS = 5.0
"""... and lost after this many, even if the broker still thinks that it is connected."""


class State(Enum):
    """What is known of a device."""

    ONLINE = "online"
    LATE = "late"
    LOST = "lost"
    NEVER = "never"


def state_of(alive: bool, last_seen_at: datetime | None, now: datetime, heartbeat_s: float) -> State:
    """The state of a device from what the broker says (`alive`) and from when it was last heard.

    The broker's word that it is gone counts at once; its word that it is there only while heartbeats come.
    Raises NaiveInstant.
    """
    if now.tzinfo is None or (last_seen_at is not None and last_seen_at.tzinfo is None):
        raise NaiveInstant
    if last_seen_at is None:
        return State.NEVER
    silent = now - last_seen_at
    if not alive or silent > timedelta(seconds=LOST_BEATS * heartbeat_s):
        return State.LOST
    return State.LATE if silent > timedelta(seconds=LATE_BEATS * heartbeat_s) else State.ONLINE
