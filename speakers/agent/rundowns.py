"""The rundowns a pole obeys: accepted, kept for the next start, and what was refused, counted and said once.

What may be accepted is decided in `speakers.agent.acceptance`; who has the air in `speakers.agent.air`. A pole may
start with a clock that is years wrong: what is authentic but not of this time waits, and is judged again at every look.
"""

import sqlite3
from collections import Counter
from collections.abc import Mapping
from datetime import datetime

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from broadcast.rundown import Rundown
from speakers.agent.acceptance import Expected, accept, signed_body, untimely
from speakers.agent.memory import Sparing, keep_message, messages
from speakers.errors import RundownRefused, WireMalformed
from speakers.topic import parse_topic, topic
from speakers.wire import Wanted, parse_wanted

MOST_REMEMBERED_REFUSALS = 1_000

log = structlog.get_logger()


class Rundowns:
    """The newest accepted rundown of each unit this pole follows, and the wanted state."""

    def __init__(
        self, memory: sqlite3.Connection, trusted: Mapping[bytes, Ed25519PublicKey], device_id: str, first: Wanted
    ) -> None:
        """`first` is the wanted state as of enrolment, until a newer one comes."""
        self._memory = memory
        self._sparing = Sparing()
        self._trusted = trusted
        self._wanted_topic = topic("wanted", device_id)
        self._known: dict[str, bytes] = {}
        self._waiting: dict[str, tuple[bytes, Rundown]] = {}
        self._revisions: dict[str, int] = {}
        self._said: set[tuple[str, str]] = set()
        self.wanted = first
        self.by_unit: dict[str, Rundown] = {}
        self.refused: Counter[str] = Counter()

    @property
    def revisions(self) -> dict[str, int]:
        """The newest accepted revision of each unit followed now."""
        return {unit: revision for unit, revision in self._revisions.items() if unit in self.wanted.units}

    def recall(self, now: datetime) -> None:
        """Takes up what was kept before the last stop."""
        kept = {name: (revision, message) for name, revision, message in messages(self._memory)}
        if self._wanted_topic in kept:
            self.receive_wanted(kept[self._wanted_topic][1])
        for name, (revision, message) in kept.items():
            address = parse_topic(name)
            if address is not None and address[0] == "rundown" and address[1] in self.wanted.units:
                self._recall(address[1], name, revision, message, now)

    def _recall(self, unit: str, name: str, revision: int, message: bytes, now: datetime) -> None:
        self._revisions[unit] = revision
        try:
            rundown = accept(message, name, Expected(self._trusted, frozenset(self.wanted.units), {}))
        except RundownRefused as refused:
            log.warning("kept_rundown_dropped", unit=unit, reason=refused.reason)
            return
        if (refusal := untimely(rundown, now)) is not None:
            log.warning("kept_rundown_waits", unit=unit, reason=refusal.reason)
            self._waiting[name] = (message, rundown)
            self._revisions[unit] = revision - 1  # it may come once more itself, and nothing older
            return
        self._known[name] = message
        self.by_unit[unit] = rundown

    def take_up(self, now: datetime) -> bool:
        """Obeys what has waited for its time, if that is come. Returns whether anything did."""
        due = [name for name, (_, rundown) in self._waiting.items() if untimely(rundown, now) is None]
        taken = [self.receive(self._waiting.pop(name)[0], name, now) for name in due]
        return any(rundown is not None for rundown in taken)

    def receive(self, message: bytes, name: str, now: datetime) -> Rundown | None:
        """Looks at a message from a rundown topic. Returns the rundown if it is to be obeyed from now on."""
        if self._known.get(name) == message:
            self.refused["repeated"] += 1  # a broker repeats what it retains after every reconnect: nothing to say
            return None
        try:
            expected = Expected(self._trusted, frozenset(self.wanted.units), self._revisions)
            rundown = accept(message, name, expected)
        except RundownRefused as refused:
            self._refuse(refused, name)
            return None
        if (refusal := untimely(rundown, now)) is not None:
            self._refuse(refusal, name)
            waiting = self._waiting.get(name)
            if waiting is None or waiting[1].revision < rundown.revision:
                self._waiting[name] = (message, rundown)
            return None
        self._waiting.pop(name, None)
        self._known[name] = message
        self._revisions[rundown.unit] = rundown.revision
        self.by_unit[rundown.unit] = rundown
        with self._sparing.spared():
            keep_message(self._memory, name, rundown.revision, message)
        log.info("rundown_accepted", unit=rundown.unit, revision=rundown.revision, items=len(rundown.items))
        return rundown

    def receive_wanted(self, message: bytes) -> bool:
        """Looks at a message from the topic `wanted`. Returns whether it is to be obeyed from now on."""
        try:
            wanted = parse_wanted(self.body_of(message, self._wanted_topic))
            if wanted.unit not in wanted.units:
                raise RundownRefused("malformed", "The wanted state does not follow its own unit.")
        except RundownRefused as refused:
            self._refuse(refused, self._wanted_topic)
            return False
        except WireMalformed as error:
            self._refuse(RundownRefused("malformed", str(error)), self._wanted_topic)
            return False
        if wanted.revision <= self.wanted.revision:
            self.refused["repeated" if wanted.revision == self.wanted.revision else "older"] += 1
            return False
        self.wanted = wanted
        self.by_unit = {unit: rundown for unit, rundown in self.by_unit.items() if unit in wanted.units}
        with self._sparing.spared():
            keep_message(self._memory, self._wanted_topic, wanted.revision, message)
        return True

    def body_of(self, message: bytes, name: str) -> bytes:
        """What the station signed for a topic. Raises RundownRefused."""
        return signed_body(message, name, self._trusted)

    def refuse(self, reason: str, name: str, text: str) -> None:
        """Counts a refusal found elsewhere, and says it once."""
        self._refuse(RundownRefused(reason, text), name)

    def _refuse(self, refused: RundownRefused, name: str) -> None:
        self.refused[refused.reason] += 1
        if (refused.reason, name) not in self._said and len(self._said) < MOST_REMEMBERED_REFUSALS:
            self._said.add((refused.reason, name))
            log.warning("message_refused", topic=name, reason=refused.reason, text=str(refused))
