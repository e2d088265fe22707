"""Whether the station is well: a pure judgement of facts, as `/healthz`, `/readyz` and the doctor tell it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

LOOK_LATE_S = 15.0
DISK_LEAST_BYTES = 500_000_000


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at. `advice` says what to do when it is not well."""

    name: str
    well: bool
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """What was seen of a running station."""

    database_answers: bool
    broker_connected: bool
    look_age_s: float
    beat_runs: bool
    disk_free_bytes: int


def readiness(facts: Facts) -> tuple[Check, ...]:
    """Whether the station can do its work now. Listeners and poles go on for a while even when it cannot."""
    return (
        Check("database", facts.database_answers, "The database does not answer. Check LOA_DATABASE and the disk."),
        Check("broker", facts.broker_connected, "The MQTT broker is not connected. Check LOA_MQTT_URL."),
        Check("playout", facts.look_age_s < LOOK_LATE_S, "The playout has not looked for long. Read the log."),
        Check(
            "beat",
            facts.beat_runs,
            "The sound of the web channels has stopped. Read the log and restart the station.",
        ),
        Check("disk", facts.disk_free_bytes > DISK_LEAST_BYTES, "The disk is nearly full. Free some room."),
    )


def report(checks: Iterable[Check]) -> tuple[bool, dict[str, Any]]:
    """Whether all is well, and the JSON that says so."""
    seen = list(checks)
    well = all(check.well for check in seen)
    body = {check.name: "ok" if check.well else check.advice for check in seen}
    return well, {"ready": well, "checks": body}
