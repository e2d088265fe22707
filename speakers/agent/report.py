"""What a pole tells its station while the line stands: a heartbeat now and then, and the journal until it is kept.

One batch of the journal is on its way at a time; it is sent again until the station's signed acknowledgement comes, so
nothing is lost, and the station knows what it has already by the sequence numbers.
"""

import asyncio
import random
import time
from importlib import metadata

from speakers.agent.cache import Cache
from speakers.agent.connection import Connection
from speakers.agent.journal import Journal
from speakers.agent.kernel_clock import read_kernel_clock
from speakers.agent.memory import Sparing
from speakers.agent.output import Output
from speakers.agent.rundowns import Rundowns
from speakers.wire import Entry, Heartbeat, heartbeat_payload, journal_payload
from streams.clock import Clock
from streams.frame import instant

JOURNAL_EVERY_S = 0.5
SEND_AGAIN_S = 30.0


def installed_version() -> str:
    """The version of this program, as it reports it."""
    try:
        return metadata.version("loa")
    except metadata.PackageNotFoundError:
        return "unknown"


class Reporter:
    """`acknowledged` is set by whoever receives acknowledgements."""

    def __init__(
        self,
        connection: Connection,
        journal: Journal,
        rundowns: Rundowns,
        *,
        clock: Clock,
        cache: Cache,
        output: Output,
    ) -> None:
        self.acknowledged = asyncio.Event()
        self._connection = connection
        self._journal = journal
        self._clock = clock
        self._cache = cache
        self._output = output
        self._rundowns = rundowns
        self._soon = asyncio.Event()
        self._beats, self._batches = Sparing(), Sparing()
        self._born = time.monotonic()
        self._version = installed_version()

    def report_soon(self) -> None:
        """The next heartbeat comes at once."""
        self._soon.set()

    async def run(self) -> None:
        """As long as the line stands."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._heartbeats(), name="heartbeats")
            group.create_task(self._journal_batches(), name="journal batches")

    def heartbeat(self) -> Heartbeat:
        """How this pole is at this moment."""
        kernel = read_kernel_clock()
        size, files = self._cache.size()
        counters = {
            **{f"refused_{reason}": count for reason, count in self._rundowns.refused.items()},
            **self._output.counts,
            **self._cache.counts,
            "journal_waiting": self._journal.waiting_count,
            "clock_steps": self._clock.steps,
            "connects": self._connection.connects,
        }
        return Heartbeat(
            at=instant(self._clock.position()),
            version=self._version,
            uptime_s=int(time.monotonic() - self._born),
            playing=self._journal.playing,
            volume_db=self._rundowns.wanted.volume_db,
            revisions=self._rundowns.revisions,
            wanted_revision=self._rundowns.wanted.revision,
            cache_bytes=size,
            cache_files=files,
            cache_missing=len(self._cache.missing()),
            synchronised=kernel.synchronised,
            clock_error_ms=kernel.error_ms,
            counters=counters,
        )

    async def _heartbeats(self) -> None:
        await asyncio.sleep(random.uniform(0.0, 1.0))
        while True:
            self._soon.clear()
            with self._beats.spared():
                await self._connection.publish(heartbeat_payload(self.heartbeat()))
            try:
                async with asyncio.timeout(self._rundowns.wanted.heartbeat_s * random.uniform(0.9, 1.1)):
                    await self._soon.wait()
            except TimeoutError:
                pass

    async def _journal_batches(self) -> None:
        while True:
            entries: list[Entry] = []
            with self._batches.spared():
                entries = self._journal.waiting()
            if not entries:
                await asyncio.sleep(JOURNAL_EVERY_S)
                continue
            await self._connection.publish(journal_payload(entries))
            await self._until_acknowledged(entries[-1].sequence)

    async def _until_acknowledged(self, sequence: int) -> None:
        try:
            async with asyncio.timeout(SEND_AGAIN_S * random.uniform(0.8, 1.2)):
                while self._journal.acknowledged < sequence:
                    self.acknowledged.clear()
                    await self.acknowledged.wait()
        except TimeoutError:
            pass
