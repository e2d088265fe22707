"""The door for listeners, knocked at as a web server does, and once through a real one."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import httpx
import numpy as np
import pytest
import uvicorn

from streams import ogg
from streams.door import Door
from streams.frame import Frame
from streams.mount import Kind, Listener, Mount
from streams.sinks.http import HttpSink


class Mounts:
    """One mount for each format, that a test pushes pages into."""

    def __init__(self) -> None:
        self.mounts = {kind: Mount(kind.encode()) for kind in ("ogg", "mp3")}
        self.asked: list[tuple[str, str]] = []
        self.came = asyncio.Event()

    def listen(self, channel: str, kind: Kind) -> Listener:
        self.asked.append((channel, kind))
        self.came.set()
        return self.mounts[kind].listen()

    def listeners(self) -> int:
        return sum(map(len, self.mounts.values()))


def resolve(name: str) -> str | None:
    return {"48/20197": "48/20197", "hai-chau": "48/20197"}.get(name)


class Knock:
    """One request to a door; `sent` is what the server would send."""

    def __init__(self, path: str, method: str = "GET", root_path: str = "") -> None:
        self.scope: dict[str, Any] = {"type": "http", "method": method, "path": path, "root_path": root_path}
        self.sent: list[dict[str, Any]] = []
        self.gone = asyncio.Event()
        self.begun = asyncio.Event()
        self.stuck = False

    async def receive(self) -> dict[str, Any]:
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        if self.stuck:
            await asyncio.Event().wait()
        self.sent.append(message)
        self.begun.set()

    async def at(self, door: Door) -> "Knock":
        await asyncio.wait_for(door(self.scope, self.receive, self.send), 5)
        return self

    @property
    def status(self) -> int:
        return int(self.sent[0]["status"])

    @property
    def headers(self) -> dict[str, str]:
        return {name.decode(): value.decode() for name, value in self.sent[0]["headers"]}

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.sent[1:])


@pytest.mark.parametrize(
    ("path", "root", "kind", "content_type"),
    [
        ("/listen/48/20197.ogg", "", "ogg", "audio/ogg"),
        ("/listen/hai-chau.mp3", "", "mp3", "audio/mpeg"),
        ("/listen/hai-chau.ogg", "/listen", "ogg", "audio/ogg"),
        ("/hai-chau.ogg", "/listen", "ogg", "audio/ogg"),
        ("/station/listen/hai-chau.ogg", "/station", "ogg", "audio/ogg"),
    ],
)
async def test_a_listener_gets_the_stream_of_the_channel(path: str, root: str, kind: Kind, content_type: str) -> None:
    mounts = Mounts()
    knock = Knock(path, root_path=root)
    listening = asyncio.create_task(knock.at(Door(mounts, resolve)))
    await mounts.came.wait()
    mounts.mounts[kind].push(b"-page")
    mounts.mounts[kind].close()
    await listening

    assert mounts.asked == [("48/20197", kind)]
    assert knock.status == 200
    assert knock.body == kind.encode() + b"-page"
    assert knock.headers["content-type"] == content_type
    assert knock.headers["cache-control"] == "no-store"
    assert knock.headers["access-control-allow-origin"] == "*"
    assert "content-length" not in knock.headers
    assert mounts.listeners() == 0


@pytest.mark.parametrize(
    "path",
    ["/listen/49.ogg", "/listen/hai-chau.wav", "/listen/hai-chau", "/listen/.ogg", "/listen/", "/", "/listen/\0.ogg"],
)
async def test_an_unknown_channel_is_said_in_vietnamese(path: str) -> None:
    knock = await Knock(path).at(Door(Mounts(), resolve))

    assert knock.status == 404
    assert knock.body.decode().startswith("Không có kênh phát thanh này.")
    assert knock.headers["content-type"] == "text/plain; charset=utf-8"


async def test_head_tells_the_headers_and_starts_nothing() -> None:
    mounts = Mounts()

    knock = await Knock("/listen/hai-chau.mp3", "HEAD").at(Door(mounts, resolve))

    assert (knock.status, knock.body, mounts.asked) == (200, b"", [])
    assert knock.headers["content-type"] == "audio/mpeg"


async def test_nobody_can_send_to_it() -> None:
    knock = await Knock("/listen/hai-chau.mp3", "POST").at(Door(Mounts(), resolve))

    assert knock.status == 405
    assert knock.headers["allow"] == "GET, HEAD"


async def test_one_listener_too_many_is_asked_to_come_again() -> None:
    knock = await Knock("/listen/hai-chau.mp3").at(Door(Mounts(), resolve, most_listeners=0))

    assert knock.status == 503
    assert knock.headers["retry-after"] == "60"


async def test_who_hangs_up_is_forgotten() -> None:
    mounts = Mounts()
    knock = Knock("/listen/hai-chau.ogg")
    listening = asyncio.create_task(knock.at(Door(mounts, resolve)))
    await mounts.came.wait()

    knock.gone.set()
    await listening

    assert mounts.listeners() == 0


async def test_who_takes_nothing_is_let_go() -> None:
    mounts = Mounts()
    knock = Knock("/listen/hai-chau.ogg")
    listening = asyncio.create_task(knock.at(Door(mounts, resolve, patience_s=0.05)))
    await knock.begun.wait()
    knock.stuck = True
    mounts.mounts["ogg"].push(b"1")

    await listening

    assert mounts.listeners() == 0


@contextlib.asynccontextmanager
async def served(app: Any) -> AsyncIterator[str]:
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning", lifespan="off"))
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110  uvicorn has no event for it
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        await serving


async def test_a_player_is_heard_over_http(ears) -> None:
    sink = HttpSink(asyncio.get_running_loop())
    tone = ears.tone(700, 4).reshape(-1, 960)
    heard = b""
    async with served(Door(sink, resolve, kinds=["ogg"])) as address, httpx.AsyncClient() as client:
        assert (await client.get(f"{address}/listen/hai-chau.mp3")).status_code == 404
        async with client.stream("GET", f"{address}/listen/hai-chau.ogg") as answer:
            for number, samples in enumerate(tone):
                sink.write(Frame(number * 960, np.ascontiguousarray(samples)))
                await asyncio.sleep(0)  # the beat is slower than the loop
            sink.close()
            async for piece in answer.aiter_bytes():
                heard += piece

    assert [page.sequence for page in ogg.pages(heard)] == list(range(2 + 20))
    assert ears.pitch_hz(ears.decode(heard)[48_000:]) == pytest.approx(700, abs=5)
