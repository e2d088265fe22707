"""The server on the pole: what is asked over a real socket is answered, whatever is sent."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from streams.door import Door
from streams.loopback import served
from streams.mount import Kind, Listener, Mount


class OneMount:
    def __init__(self) -> None:
        self.mount = Mount(b"headers ")

    def listen(self, channel: str, kind: Kind) -> Listener:
        return self.mount.listen()

    def listeners(self) -> int:
        return len(self.mount)


@pytest.fixture
def mounted() -> OneMount:
    return OneMount()


@pytest.fixture
async def port(mounted: OneMount) -> AsyncIterator[int]:
    async with served(Door(mounted, lambda name: name or None, kinds=["ogg"]), 0) as port:
        yield port


async def test_a_listener_gets_the_stream_to_its_end(mounted: OneMount, port: int) -> None:
    heard = b""
    async with (
        httpx.AsyncClient() as client,
        client.stream("GET", f"http://127.0.0.1:{port}/listen/c%E1%BB%99t.ogg?x=1") as answer,
    ):
        assert answer.headers["content-type"] == "audio/ogg"
        mounted.mount.push(b"page")
        mounted.mount.close()
        async for piece in answer.aiter_bytes():
            heard += piece
    assert heard == b"headers page"


async def test_other_addresses_and_methods_are_answered_as_the_door_does(port: int) -> None:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        assert (await client.get("/listen/pole.mp3")).status_code == 404
        assert (await client.post("/listen/pole.ogg", content=b"x")).status_code == 405
        assert (await client.head("/listen/pole.ogg")).status_code == 200


@pytest.mark.parametrize("request_bytes", [b"", b"\r\n\r\n", b"GET\r\n\r\n", b"\xff" * 40_000, b"GET / HTTP/1.1\r\n"])
async def test_who_speaks_no_http_is_hung_up_on_and_the_next_is_served(port: int, request_bytes: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request_bytes)
    writer.write_eof()
    try:
        assert await asyncio.wait_for(reader.read(), 10) == b""
    except ConnectionError:
        pass
    finally:
        writer.close()
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        assert (await client.head("/listen/pole.ogg")).status_code == 200


async def test_who_hangs_up_is_forgotten(mounted: OneMount, port: int) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /listen/pole.ogg HTTP/1.1\r\nhost: x\r\n\r\n")
    async with asyncio.timeout(10):
        while not mounted.listeners():  # noqa: ASYNC110 - a mount tells nobody who listens
            await asyncio.sleep(0.01)
        writer.close()
        while mounted.listeners():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_a_port_that_is_taken_is_said_and_listeners_are_let_go_at_the_end(mounted: OneMount) -> None:
    async with served(Door(mounted, lambda name: name), 0) as port:
        with pytest.raises(OSError, match=str(port)):
            async with served(Door(mounted, lambda name: name), port):
                pytest.fail("two servers on one port")
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /listen/pole.ogg HTTP/1.1\r\nhost: x\r\n\r\n")
        await reader.readuntil(b"headers ")
    assert await asyncio.wait_for(reader.read(), 10) == b""
    writer.close()
