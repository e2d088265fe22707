"""When a loop of the station looks: about once a second, and at once when somebody hints that there is something new.

A hint is only a hint: a loop that misses one finds the same a second later.
"""

import asyncio
from collections.abc import Awaitable, Callable

EVERY_S = 1.0


class Pace:
    """One for each loop. `hint` may be called from any thread, before, while and after the loop runs."""

    def __init__(self) -> None:
        self._hinted = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    def hint(self) -> None:
        """Look soon."""
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._hinted.set)

    async def keep(self, look: Callable[[], Awaitable[bool]], stop: asyncio.Event) -> None:
        """Await `look` again and again until `stop` is set; without a pause where it says that there is more to do."""
        self._loop = asyncio.get_running_loop()
        stopping = asyncio.ensure_future(stop.wait())
        try:
            while not stop.is_set():
                self._hinted.clear()
                if await look():
                    continue
                hinted = asyncio.ensure_future(self._hinted.wait())
                await asyncio.wait({stopping, hinted}, timeout=EVERY_S, return_when=asyncio.FIRST_COMPLETED)
                hinted.cancel()
        finally:
            stopping.cancel()
            self._loop = None
