"""The sound's own ASGI app: `GET /listen/<name>.ogg` and `.mp3`, one continuous stream to whoever asks.

Written by hand so that the sound needs no web framework; it is mounted into the station's app or served alone.
The stream carries no title. A listener whose connection takes nothing for a while is let go.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, MutableMapping
from typing import Any, get_args

from streams.mount import Kind, Listenable, Listener

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

CONTENT_TYPES: dict[Kind, bytes] = {"ogg": b"audio/ogg", "mp3": b"audio/mpeg"}

_STREAM_HEADERS: Headers = [
    (b"cache-control", b"no-store"),
    (b"accept-ranges", b"none"),
    (b"access-control-allow-origin", b"*"),
    (b"cross-origin-resource-policy", b"cross-origin"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-accel-buffering", b"no"),
]
_ALLOW: Headers = [(b"allow", b"GET, HEAD")]

NO_CHANNEL = "Không có kênh phát thanh này. Hãy kiểm tra lại địa chỉ hoặc chọn xã, phường từ trang chủ."
NOT_ALLOWED = "Địa chỉ này chỉ dùng để nghe."
TOO_MANY = "Hiện có quá nhiều người nghe. Xin thử lại sau ít phút."


class Door:
    """Lets listeners in. `resolve` turns the name in the address into a channel or None; it is called in a thread."""

    def __init__(
        self,
        engine: Listenable,
        resolve: Callable[[str], str | None],
        *,
        kinds: Collection[Kind] = ("ogg", "mp3"),
        most_listeners: int = 10_000,
        patience_s: float = 30.0,
    ) -> None:
        self._engine = engine
        self._resolve = resolve
        self._kinds = kinds
        self._most_listeners = most_listeners
        self._patience_s = patience_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request. Anything but HTTP is turned away without a word."""
        if scope["type"] != "http":
            return
        if scope["method"] not in {"GET", "HEAD"}:
            await _say(send, 405, NOT_ALLOWED, _ALLOW)
            return
        name, kind = _asked_for(scope)
        channel = await asyncio.to_thread(self._resolve, name) if name and kind in self._kinds else None
        if channel is None or kind is None:
            await _say(send, 404, NO_CHANNEL)
            return
        if scope["method"] == "HEAD":
            await _begin(send, kind)
            await send({"type": "http.response.body", "body": b""})
            return
        if self._engine.listeners() >= self._most_listeners:
            await _say(send, 503, TOO_MANY, [(b"retry-after", b"60")])
            return
        listener = self._engine.listen(channel, kind)
        try:
            await _begin(send, kind)
            await self._stream(listener, receive, send)
        finally:
            listener.close()

    async def _stream(self, listener: Listener, receive: Receive, send: Send) -> None:
        """Sends until the listener leaves, the stream ends, or nothing is taken for `patience_s`."""
        gone = asyncio.create_task(_wait_until_gone(receive))
        sending = asyncio.create_task(self._send_all(listener, send))
        try:
            await asyncio.wait((gone, sending), return_when=asyncio.FIRST_COMPLETED)
        finally:
            gone.cancel()
            sending.cancel()
            await asyncio.gather(gone, sending, return_exceptions=True)

    async def _send_all(self, listener: Listener, send: Send) -> None:
        while (pages := await listener.read()) is not None:
            async with asyncio.timeout(self._patience_s):
                await send({"type": "http.response.body", "body": pages, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


def _asked_for(scope: Scope) -> tuple[str, Kind | None]:
    """The name and the format in the address: `/listen/48/20197.ogg` asks for («48/20197», «ogg»)."""
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    if root and path.startswith(root + "/"):
        path = path[len(root) :]
    name, _, suffix = path.removeprefix("/listen").strip("/").rpartition(".")
    for kind in get_args(Kind):
        if suffix == kind:
            return name, kind
    return name, None


async def _wait_until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _begin(send: Send, kind: Kind) -> None:
    headers = [(b"content-type", CONTENT_TYPES[kind]), *_STREAM_HEADERS]
    await send({"type": "http.response.start", "status": 200, "headers": headers})


async def _say(send: Send, status: int, sentence: str, more: Headers | None = None) -> None:
    body = sentence.encode()
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        (b"access-control-allow-origin", b"*"),
        *(more or []),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
