"""LOOP: tells the listening engine what each web channel that somebody listens to is to play.

A channel is named by the path of its unit (`48/20242`) or by its slug (`hai-chau`). Cues come from the rundowns as they
were signed, through the same decision as on the poles, so a listener hears what the poles play.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

import structlog
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from broadcast.administrative_unit import AdministrativeUnit
from broadcast.database import Database
from broadcast.onair import Place, cues_of, decide
from broadcast.pace import Pace
from broadcast.signed import revisions, rundowns_for
from broadcast.unit_path import covers
from streams.cue import Cue

HORIZON = timedelta(minutes=10)
ENOUGH = timedelta(minutes=5)
"""Cues that reach so far are good until a rundown changes."""

log = structlog.get_logger(__name__)


class Listening(Protocol):
    """What is needed of `streams.engine.Engine`."""

    def listened(self) -> Sequence[str]:
        """The channels somebody listens to."""

    def give(self, channel: str, cues: Sequence[Cue]) -> None:
        """All cues a channel is to obey."""

    def on_open(self, callback: Callable[[str], None]) -> None:
        """Have `callback(channel)` called when a channel starts."""


@dataclass(frozen=True, slots=True)
class _Given:
    """What a channel was given: `unit` is its path, and the cues reach until `until`."""

    unit: str
    cues: list[Cue]
    until: datetime


class Feed:
    """`run` looks each second, and at once when a channel starts or after a `hint`.

    A look that finds nothing new costs one small query, however many channels are heard: what a channel plays is
    decided when it starts, when a rundown that concerns it has another revision, and every few minutes.
    """

    def __init__(self, database: Database, engine: Listening, *, now: Callable[[], datetime]) -> None:
        self._database = database
        self._engine = engine
        self._now = now
        self._given: dict[str, _Given] = {}
        self._seen: dict[str, int] = {}
        self._pace = Pace()
        self.failed = 0
        engine.on_open(lambda _channel: self.hint())

    def hint(self) -> None:
        """Look soon: a rundown is new, or somebody began to listen. May be called from any thread."""
        self._pace.hint()

    async def run(self, stop: asyncio.Event) -> None:
        """Feed until `stop` is set."""
        await self._pace.keep(self._look, stop)

    async def _look(self) -> bool:
        await asyncio.to_thread(self.feed, self._now())
        return False

    def feed(self, now: datetime) -> None:
        """Give every channel that is listened to its cues for the next minutes, where they differ from those given."""
        channels = set(self._engine.listened())
        self._given = {channel: given for channel, given in self._given.items() if channel in channels}
        if not channels:
            return
        try:
            with self._database.reading() as session:
                seen = revisions(session)
        except SQLAlchemyError:
            self.failed += 1
            log.exception("channels not fed")
            return
        new = {path for path, revision in seen.items() if self._seen.get(path) != revision}
        self._seen = seen
        for channel in sorted(channels):
            self._feed(channel, new, now)

    def _feed(self, channel: str, new: Iterable[str], now: datetime) -> None:
        """Give one channel its cues; `new` are the paths of the units whose rundowns have changed."""
        given = self._given.get(channel)
        if given is not None and now + ENOUGH < given.until and not any(_concerns(path, given.unit) for path in new):
            return
        try:
            with self._database.reading() as session:
                unit = _unit_of(session, channel)
            cues = self.cues(unit, now)
        except Exception:
            self.failed += 1
            log.exception("channel not fed", channel=channel)
            if given is not None:
                self._given[channel] = replace(given, until=now)  # decided again at the next look
            return
        if given is None or given.cues != cues:
            self._engine.give(channel, cues)
        self._given[channel] = _Given(unit, cues, now + HORIZON)

    def cues(self, unit: str, now: datetime) -> list[Cue]:
        """What the channel of a unit (its path) plays from `now` for ten minutes. A commune's listener hears its
        villages too; a city's listener hears what is for the whole city."""
        below = "/" in unit
        with self._database.reading() as session:
            rundowns = rundowns_for(session, unit, below=below)
        return cues_of(decide(rundowns, now, Place(unit, below=below), horizon=HORIZON))


def _unit_of(session: Session, channel: str) -> str:
    """The path of the unit that a channel is named after, or the name itself when there is no such unit."""
    if channel.replace("/", "").isdigit():
        return channel
    chosen = select(AdministrativeUnit.path).where(AdministrativeUnit.slug == channel)
    return session.scalars(chosen.order_by(AdministrativeUnit.valid_from.desc())).first() or channel


def _concerns(path: str, unit: str) -> bool:
    """Whether a rundown may be heard on a unit's channel."""
    return covers(path, unit) or ("/" in unit and covers(unit, path))
