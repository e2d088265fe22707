"""LOOP: tells the listening engine what each web channel that somebody listens to is to play.

A channel is named by the path of its unit (`48/20242`) or by its slug (`hai-chau`). Cues come from the rundowns as they
were signed, through the same decision as on the poles, so a listener hears what the poles play.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Protocol

import structlog
from sqlalchemy import select

from broadcast.administrative_unit import AdministrativeUnit
from broadcast.database import Database
from broadcast.onair import Place, cues_of, decide
from broadcast.signed import rundowns_for
from streams.cue import Cue

HORIZON = timedelta(minutes=10)

log = structlog.get_logger(__name__)


class Listening(Protocol):
    """What is needed of `streams.engine.Engine`."""

    def listened(self) -> Sequence[str]:
        """The channels somebody listens to."""

    def give(self, channel: str, cues: Sequence[Cue]) -> None:
        """All cues a channel is to obey."""

    def on_open(self, callback: Callable[[str], None]) -> None:
        """Have `callback(channel)` called when a channel starts."""


class Feed:
    """`run` gives cues to the engine each second, and at once when a channel starts or after a `hint`."""

    def __init__(self, database: Database, engine: Listening, *, now: Callable[[], datetime]) -> None:
        self._database = database
        self._engine = engine
        self._now = now
        self._given: dict[str, list[Cue]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._hinted = asyncio.Event()
        self.failed = 0
        engine.on_open(lambda _channel: self.hint())

    def hint(self) -> None:
        """Look soon: a rundown is new, or somebody began to listen. May be called from any thread."""
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._hinted.set)

    async def run(self, stop: asyncio.Event) -> None:
        """Feed until `stop` is set."""
        self._loop = asyncio.get_running_loop()
        stopping = asyncio.ensure_future(stop.wait())
        try:
            while not stop.is_set():
                self._hinted.clear()
                await asyncio.to_thread(self.feed, self._now())
                hinted = asyncio.ensure_future(self._hinted.wait())
                await asyncio.wait({stopping, hinted}, timeout=1.0, return_when=asyncio.FIRST_COMPLETED)
                hinted.cancel()
        finally:
            stopping.cancel()
            self._loop = None

    def feed(self, now: datetime) -> None:
        """Give every channel that is listened to its cues for the next minutes, where they differ from those given."""
        channels = set(self._engine.listened())
        self._given = {channel: cues for channel, cues in self._given.items() if channel in channels}
        for channel in sorted(channels):
            try:
                cues = self.cues(channel, now)
            except Exception:
                self.failed += 1
                log.exception("channel not fed", channel=channel)
                continue
            if self._given.get(channel) != cues:
                self._engine.give(channel, cues)
                self._given[channel] = cues

    def cues(self, channel: str, now: datetime) -> list[Cue]:
        """What the channel plays from `now` for ten minutes. A commune's listener hears its villages too; a city's
        listener hears what is for the whole city."""
        below = "/" in channel
        with self._database.reading() as session:
            path = channel
            if not channel.replace("/", "").isdigit():
                chosen = select(AdministrativeUnit.path).where(AdministrativeUnit.slug == channel)
                newest = chosen.order_by(AdministrativeUnit.valid_from.desc())
                path = session.scalars(newest).first() or channel
                below = "/" in path
            rundowns = rundowns_for(session, path, below=below)
        return cues_of(decide(rundowns, now, Place(path, below=below), horizon=HORIZON))
