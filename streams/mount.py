"""One encoded stream and everybody who listens to it. Here a slow listener loses its own pages, and nobody else's.

Everything happens on the asyncio loop that serves the listeners; the beat hands its pages over once per block
(see `streams.engine`). A page is the smallest thing that is lost, so what arrives is always a valid stream.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Literal, Protocol

Kind = Literal["ogg", "mp3"]

BACKLOG_PAGES = 5
"""What a new listener gets at once: five pages of 200 ms, so that its player starts without waiting."""

QUEUE_PAGES = 25
"""How far a listener may fall behind: 5 s."""

MOST_UNDELIVERED = 5
"""So many blocks of 200 ms may wait for the loop of the listeners to take them."""


class Listener:
    """One who listens. `read` waits for bytes; None means the stream is over. `dropped` counts its lost pages."""

    def __init__(self, mount: "Mount", first: bytes, queue_pages: int) -> None:
        self._mount = mount
        self._first = first
        self._pages: deque[bytes] = deque(maxlen=queue_pages)
        self._news = asyncio.Event()
        self._over = False
        self.dropped = 0
        if first:
            self._news.set()

    async def read(self) -> bytes | None:
        """All bytes that wait, at least one page; None when the mount has closed and nothing is left."""
        await self._news.wait()
        waiting = self._first + b"".join(self._pages)
        self._first = b""
        self._pages.clear()
        if not self._over:
            self._news.clear()
        return waiting or None

    def push(self, page: bytes) -> bool:
        """Puts a page in the queue. Returns False when the oldest had to go for it."""
        kept = len(self._pages) < (self._pages.maxlen or 0)
        if not kept:
            self.dropped += 1
        self._pages.append(page)
        self._news.set()
        return kept

    def end(self) -> None:
        """No more pages will come; what waits can still be read."""
        self._over = True
        self._news.set()

    def close(self) -> None:
        """The listener leaves. Leaving twice is allowed."""
        self._mount.leave(self)


class Handover:
    """The way from the thread that makes pages to the loop of the listeners. Bounded: a loop that stands still for a
    second is not buried under what it could not take; that is dropped, and counted in `dropped`.
    """

    def __init__(self) -> None:
        self._handed = self._taken = 0
        self.dropped = 0

    def hand(self, loop: asyncio.AbstractEventLoop, act: Callable[[], None]) -> None:
        """Has `act` done on the loop; for one thread. Raises RuntimeError when the loop has closed."""
        if self._handed - self._taken >= MOST_UNDELIVERED:
            self.dropped += 1
            return
        loop.call_soon_threadsafe(self._take, act)
        self._handed += 1

    def _take(self, act: Callable[[], None]) -> None:
        self._taken += 1
        act()


class Listenable(Protocol):
    """Whatever a door can let listeners in to."""

    def listen(self, channel: str, kind: Kind) -> Listener:
        """A listener on a channel; call it on the loop and close what it returns."""
        ...

    def listeners(self) -> int:
        """How many listen now, to all channels together."""
        ...


class Mount:
    """The address of a stream. `headers` is what every listener gets first; `dropped` counts pages lost by all."""

    def __init__(
        self, headers: bytes = b"", *, backlog_pages: int = BACKLOG_PAGES, queue_pages: int = QUEUE_PAGES
    ) -> None:
        self._headers = headers
        self._recent: deque[bytes] = deque(maxlen=backlog_pages)
        self._queue_pages = queue_pages
        self._listeners: set[Listener] = set()
        self._told = 0
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._listeners)

    def listen(self) -> Listener:
        """A new listener, who starts with the headers and at most one second of what has just been heard."""
        listener = Listener(self, self._headers + b"".join(self._recent), self._queue_pages)
        self._listeners.add(listener)
        return listener

    def leave(self, listener: Listener) -> None:
        """Forgets a listener."""
        self._listeners.discard(listener)

    def push(self, page: bytes) -> None:
        """One page for everybody."""
        self._recent.append(page)
        for listener in self._listeners:
            if not listener.push(page):
                self.dropped += 1

    def take_dropped(self) -> int:
        """How many pages were lost since this was last asked; by one asker, from any thread."""
        dropped = self.dropped
        new, self._told = dropped - self._told, dropped
        return new

    def close(self) -> None:
        """Ends the stream for everybody."""
        for listener in self._listeners:
            listener.end()
