"""The door on a port of this machine: just enough of an HTTP server that a pole needs none.

One request a connection; the answer has no length and ends with the connection. Only the loopback address is listened
on: whoever is to hear a pole from outside puts a real server in front.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

from streams.door import Receive, Scope, Send

App = Callable[[Scope, Receive, Send], Awaitable[None]]

_LARGEST_REQUEST_BYTES = 16_384
_ASKS_WITHIN_S = 10.0


@asynccontextmanager
async def served(app: App, port: int) -> AsyncIterator[int]:
    """Serves the app while the context lasts; gives the port, a free one for 0. Raises OSError when it is taken."""
    answering: set[asyncio.Task[None]] = set()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        answering.add(task)
        try:
            await _answer(app, reader, writer)
        except (OSError, EOFError, ValueError, asyncio.LimitOverrunError):
            pass  # hung up, said nothing in time, or nothing that could be understood
        finally:
            answering.discard(task)
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", port, limit=_LARGEST_REQUEST_BYTES)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tuple(answering):
            task.cancel()
        await asyncio.gather(*answering, return_exceptions=True)


async def _answer(app: App, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    async with asyncio.timeout(_ASKS_WITHIN_S):
        request = await reader.readuntil(b"\r\n\r\n")
    method, target, _ = request.partition(b"\r\n")[0].decode("latin-1").split(" ")
    scope = {"type": "http", "method": method, "path": unquote(target.partition("?")[0]), "root_path": ""}

    async def receive() -> MutableMapping[str, Any]:
        while await reader.read(_LARGEST_REQUEST_BYTES):
            pass
        return {"type": "http.disconnect"}

    async def send(event: MutableMapping[str, Any]) -> None:
        if event["type"] == "http.response.start":
            headers = [*event["headers"], (b"connection", b"close")]
            status = HTTPStatus(event["status"])
            writer.write(f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode())
            writer.writelines(b"%s: %s\r\n" % header for header in headers)
            writer.write(b"\r\n")
        else:
            writer.write(event["body"])
            await writer.drain()

    await app(scope, receive, send)
