"""A mount and its listeners: everybody gets the same pages, the slow one loses its own oldest ones."""

import asyncio

from streams.mount import Mount


async def test_everybody_gets_every_page_in_order() -> None:
    mount = Mount(b"H")
    listeners = [mount.listen() for _ in range(3)]
    for page in (b"1", b"2", b"3"):
        mount.push(page)

    assert [await listener.read() for listener in listeners] == [b"H123"] * 3


async def test_a_newcomer_gets_the_headers_and_only_the_recent_pages() -> None:
    mount = Mount(b"H", backlog_pages=2)
    for page in (b"1", b"2", b"3"):
        mount.push(page)

    assert await mount.listen().read() == b"H23"


async def test_the_slow_listener_loses_its_oldest_pages_but_never_the_headers() -> None:
    mount = Mount(b"H", queue_pages=2)
    slow, quick = mount.listen(), mount.listen()
    heard = b""
    for page in (b"1", b"2", b"3", b"4"):
        mount.push(page)
        heard += await quick.read() or b""

    assert heard == b"H1234"
    assert await slow.read() == b"H34"
    assert (slow.dropped, quick.dropped, mount.dropped) == (2, 0, 2)
    assert (mount.take_dropped(), mount.take_dropped()) == (2, 0)


async def test_reading_waits_for_a_page() -> None:
    mount = Mount()
    listener = mount.listen()
    reading = asyncio.create_task(listener.read())
    await asyncio.sleep(0)
    assert not reading.done()

    mount.push(b"1")

    assert await reading == b"1"


async def test_what_waits_is_read_before_the_end() -> None:
    mount = Mount()
    listener = mount.listen()
    mount.push(b"1")
    mount.close()

    assert [await listener.read(), await listener.read(), await listener.read()] == [b"1", None, None]


async def test_who_left_is_forgotten_and_may_leave_twice() -> None:
    mount = Mount()
    listener = mount.listen()
    listener.close()
    listener.close()
    mount.push(b"1")

    assert len(mount) == 0
