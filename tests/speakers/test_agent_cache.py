"""The cache: fetched by name, resumed, checked, repaired, evicted; against a real HTTP server that misbehaves."""

import asyncio
import contextlib
import errno
import hashlib
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from speakers.agent import cache as cache_module
from speakers.agent.cache import Cache
from speakers.agent.download import Part
from streams.errors import SoundMissing

BODY = bytes(range(256)) * 800


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits between tries are short."""
    monkeypatch.setattr(cache_module, "SHORTEST_WAIT_S", 0.05)


@pytest.fixture
async def cache(media: Any, tmp_path: Path) -> AsyncIterator[Cache]:
    held = Cache(tmp_path / "renditions", f"{media.url}/media/", 1_000_000)
    running = asyncio.create_task(held.run())
    yield held
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running


def serve(media: Any, body: bytes = BODY) -> str:
    sha256 = hashlib.sha256(body).hexdigest()
    media.files[sha256] = body
    return f"rendition:{sha256}"


async def until(condition: Any) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - looks from outside
            await asyncio.sleep(0.01)


async def test_what_is_wanted_is_fetched_the_most_urgent_first(cache: Cache, media: Any) -> None:
    names = [serve(media, bytes([n]) * 1000) for n in range(5)]
    arrived: list[str] = []
    cache.on_arrival(arrived.append)
    cache.want("me", [*names, "tone:chime", names[0]])
    assert cache.missing() == names
    await until(lambda: not cache.missing())
    assert set(arrived[:2]) <= set(names[:3])
    assert sorted(arrived) == sorted(names)
    assert cache.size() == (5000, 5)
    assert len(media.asked) == 5
    assert cache.has("tone:chime")
    assert not cache.has("rendition:../../etc/passwd")


async def test_a_broken_transfer_is_resumed_where_it_stopped(cache: Cache, media: Any) -> None:
    name = serve(media)
    media.cut_after = 100_000
    cache.want("me", [name])
    await until(lambda: cache.has(name))
    sha256 = name.removeprefix("rendition:")
    assert media.asked == [(sha256, ""), (sha256, "bytes=100000-")]
    assert cache.path(name).read_bytes() == BODY
    assert list((cache.folder / "incoming").iterdir()) == []


async def test_a_start_takes_up_what_the_last_one_had(cache: Cache, media: Any) -> None:
    name = serve(media)
    sha256 = name.removeprefix("rendition:")
    part = cache.folder / "incoming" / f"{sha256}.part"
    await until(part.parent.is_dir)
    part.write_bytes(BODY)  # all of it came, but the power went before the rename
    cache.want("me", [name])
    await until(lambda: cache.has(name))
    assert media.asked == [(sha256, f"bytes={len(BODY)}-")]


@pytest.mark.parametrize("wrong", [b"something else", BODY + b"x", b""])
async def test_what_is_not_what_its_name_says_never_enters(cache: Cache, media: Any, wrong: bytes) -> None:
    name = serve(media)
    sha256 = name.removeprefix("rendition:")
    media.files[sha256] = wrong
    cache.want("me", [name])
    await until(lambda: cache.counts["fetches_failed"] >= 2)
    assert not cache.has(name)
    assert cache.is_hopeless(name)
    media.files[sha256] = BODY
    await until(lambda: cache.has(name))
    assert not cache.is_hopeless(name)


async def test_a_name_that_is_no_hash_is_fetched_nowhere(cache: Cache, media: Any) -> None:
    cache.want("me", ["rendition:../../outside"])
    await until(lambda: cache.counts["fetches_failed"])
    assert media.asked == []


async def test_a_file_is_on_the_disk_before_it_has_its_name(
    cache: Cache, media: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, had_name = os.fsync, list[bool]()
    name = serve(media)

    def fsync(handle: int) -> None:
        had_name.append(cache.has(name))
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    cache.want("me", [name])
    await until(lambda: cache.has(name))
    assert had_name == [False]


async def test_a_damaged_part_is_begun_anew(cache: Cache, media: Any) -> None:
    name = serve(media)
    part = cache.folder / "incoming" / f"{name.removeprefix('rendition:')}.part"
    await until(part.parent.is_dir)
    part.write_bytes(b"\0" * 1000)
    cache.want("me", [name])
    await until(lambda: cache.has(name))
    assert cache.path(name).read_bytes() == BODY


async def test_a_damaged_file_is_noticed_by_its_hash_and_fetched_again(cache: Cache, media: Any) -> None:
    name = serve(media)
    cache.want("me", [name])
    await until(lambda: cache.has(name))
    assert await cache.check(name)
    with cache.path(name).open("r+b") as file:
        file.seek(5000)
        file.write(b"\0\0\0")
    assert not await cache.check(name)
    await until(lambda: cache.has(name))
    assert cache.path(name).read_bytes() == BODY
    assert cache.counts["renditions_damaged"] == 1


async def test_a_server_that_comes_back_is_asked_again(cache: Cache, media: Any) -> None:
    name = serve(media)
    media.down = True
    cache.want("me", [name])
    await until(lambda: cache.counts["fetches_failed"] >= 2)
    media.down = False
    await until(lambda: cache.has(name))


async def test_the_oldest_of_what_nobody_names_goes_first(media: Any, tmp_path: Path) -> None:
    cache = Cache(tmp_path, media.url, 2_500)
    names = []
    for n in range(5):
        body = bytes([n]) * 1000
        name = f"rendition:{hashlib.sha256(body).hexdigest()}"
        path = cache.path(name)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(body)
        os.utime(path, (n, n))
        names.append(name)
    cache.want("me", [names[0]])
    cache.want("you", [names[2]])
    cache.evict()
    assert [cache.has(name) for name in names] == [True, False, True, False, False]


async def test_a_full_disk_is_said_once_and_nothing_falls(
    cache: Cache, media: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    append = Part.append

    def full(self: Part, block: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Part, "append", full)
    name = serve(media)
    cache.want("me", [name])
    await until(lambda: cache.counts["fetches_failed"] >= 3)
    assert capsys.readouterr().out.count("The disk is full") == 1
    monkeypatch.setattr(Part, "append", append)
    await until(lambda: cache.has(name))


async def test_only_renditions_have_a_place(cache: Cache) -> None:
    for name in ("tone:chime", "rendition:../x", "rendition:" + "G" * 64):
        with pytest.raises(SoundMissing):
            cache.path(name)
