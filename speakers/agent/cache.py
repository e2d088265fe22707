"""The renditions a pole holds: fetched ahead by name, checked against that name, evicted when nothing names them.

`<folder>/<aa>/<sha256>.opus` is complete and was right when it came; `<folder>/incoming/` holds what is on its way and
is resumed where it stopped. Several pretended devices may share one cache; each says what it wants.
"""

import asyncio
import errno
import hashlib
import itertools
import os
import random
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import httpx
import structlog

from speakers.agent.download import download
from speakers.errors import CacheFull, RenditionDamaged
from streams.errors import SoundMissing
from streams.sources.shelf import rendition_path

AT_ONCE = 2
LOOK_EVERY_S = 30.0
SHORTEST_WAIT_S, LONGEST_WAIT_S = 1.0, 120.0
_KIND = "rendition:"

log = structlog.get_logger()


class Cache:
    """`limit_bytes` bounds what is kept beyond what is named now. `arrived` is called with each name that came."""

    def __init__(self, folder: Path, media_url: str, limit_bytes: int) -> None:
        self.folder = folder
        self.counts: Counter[str] = Counter()
        self._media_url = media_url.rstrip("/")
        self._limit_bytes = limit_bytes
        self._wanted: dict[str, tuple[str, ...]] = {}
        self._wait_until: dict[str, float] = {}
        self._failures: Counter[str] = Counter()
        self._changed = asyncio.Event()
        self._arrived: list[Callable[[str], None]] = []
        self._full_said = False

    def path(self, name: str) -> Path:
        """Where `rendition:<sha256>` stands. Raises SoundMissing for another name."""
        if not name.startswith(_KIND):
            raise SoundMissing
        return rendition_path(self.folder, name.removeprefix(_KIND))

    def has(self, name: str) -> bool:
        """Whether the sound can be opened here; tones always can."""
        if not name.startswith(_KIND):
            return True
        try:
            return self.path(name).is_file()
        except SoundMissing:
            return False

    def is_hopeless(self, name: str) -> bool:
        """Whether fetching has failed more than once since it last worked: nobody should wait for it."""
        return self._failures[name] > 1

    def want(self, owner: str, names: Sequence[str]) -> None:
        """What `owner` wants here, the most urgent first. Replaces what it wanted before."""
        kept = tuple(dict.fromkeys(name for name in names if name.startswith(_KIND)))
        if self._wanted.get(owner) != kept:
            self._wanted[owner] = kept
            self._changed.set()

    def on_arrival(self, call: Callable[[str], None]) -> None:
        """`call` is told the name of each rendition that has come."""
        self._arrived.append(call)

    def missing(self) -> list[str]:
        """What is wanted and not here, the most urgent first, over all owners in turn."""
        rows = itertools.zip_longest(*self._wanted.values())
        names = dict.fromkeys(name for row in rows for name in row if name is not None)
        return [name for name in names if not self.has(name)]

    def size(self) -> tuple[int, int]:
        """Bytes and number of the files held."""
        sizes = [path.stat().st_size for path in self.folder.glob("[0-9a-f][0-9a-f]/*.opus")]
        return sum(sizes), len(sizes)

    async def check(self, name: str) -> bool:
        """Whether the file still is what its name says; one that is not is thrown away and fetched again."""
        path = self.path(name)
        if not path.is_file():
            return False
        if await asyncio.to_thread(_sha256_of, path) == name.removeprefix(_KIND):
            return True
        path.unlink(missing_ok=True)
        self.counts["renditions_damaged"] += 1
        log.warning("rendition_damaged", sound=name, meaning="thrown away, fetched again")
        self._wait_until.pop(name, None)
        self._changed.set()
        return False

    async def run(self) -> None:
        """Fetches what is wanted, for ever, a few at once."""
        (self.folder / "incoming").mkdir(parents=True, exist_ok=True)
        limits = httpx.Limits(max_connections=AT_ONCE)
        async with (
            httpx.AsyncClient(timeout=20.0, limits=limits, follow_redirects=True) as http,
            asyncio.TaskGroup() as group,
        ):
            running: dict[str, asyncio.Task[None]] = {}
            while True:
                self._changed.clear()
                running = {name: task for name, task in running.items() if not task.done()}
                due = [name for name in self.missing() if name not in running and self._may_try(name)]
                for name in due[: AT_ONCE - len(running)]:
                    running[name] = group.create_task(self._fetch(http, name), name=f"fetch {name}")
                if not running and not due:
                    await asyncio.to_thread(self.evict)
                await self._next_look()

    def evict(self) -> None:
        """Throws away the oldest of what nobody names, until no more than the limit is held."""
        named = set(itertools.chain.from_iterable(self._wanted.values()))
        held = self._held()
        total = sum(size for _, size, _ in held)
        for _, size, path in sorted(held, key=lambda entry: entry[0]):
            if total <= self._limit_bytes:
                return
            if _KIND + path.stem not in named:
                path.unlink(missing_ok=True)
                total -= size
                self.counts["renditions_evicted"] += 1
                log.info("rendition_evicted", sound=_KIND + path.stem)

    def _held(self) -> list[tuple[float, int, Path]]:
        """(time of arrival, bytes, path) of every file, of the unfinished ones too."""
        paths: Iterable[Path] = itertools.chain(
            self.folder.glob("[0-9a-f][0-9a-f]/*.opus"), self.folder.glob("incoming/*.part")
        )
        return [(path.stat().st_mtime, path.stat().st_size, path) for path in paths]

    def _may_try(self, name: str) -> bool:
        return self._wait_until.get(name, 0.0) <= time.monotonic()

    async def _next_look(self) -> None:
        waits = [at - time.monotonic() for name in self.missing() if (at := self._wait_until.get(name)) is not None]
        try:
            async with asyncio.timeout(max(0.05, min([LOOK_EVERY_S, *waits]))):
                await self._changed.wait()
        except TimeoutError:
            pass

    async def _fetch(self, http: httpx.AsyncClient, name: str) -> None:
        sha256 = name.removeprefix(_KIND)
        try:
            path = self.path(name)  # a name that is no hash raises here, before any file has it
            part = self.folder / "incoming" / f"{sha256}.part"
            await download(http, f"{self._media_url}/{sha256}", part, sha256)
            path.parent.mkdir(parents=True, exist_ok=True)
            await asyncio.to_thread(_to_disk, part)
            part.replace(path)
        except (httpx.HTTPError, httpx.InvalidURL, RenditionDamaged, SoundMissing) as error:
            self._failed(name, error)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                await asyncio.to_thread(self.evict)
                self._failed(name, CacheFull())
            else:
                self._failed(name, error)
        else:
            self.counts["renditions_fetched"] += 1
            self._failures.pop(name, None)
            self._full_said = False
            log.info("rendition_fetched", sound=name)
            for call in self._arrived:
                call(name)
        finally:
            self._changed.set()

    def _failed(self, name: str, error: Exception) -> None:
        self._failures[name] += 1
        self.counts["fetches_failed"] += 1
        wait_s = min(LONGEST_WAIT_S, SHORTEST_WAIT_S * 2.0 ** (self._failures[name] - 1))
        self._wait_until[name] = time.monotonic() + wait_s * random.uniform(0.75, 1.25)
        if isinstance(error, CacheFull):
            if not self._full_said:
                log.error("cache_full", sound=name, text=str(error))
            self._full_said = True
        elif self._failures[name] in (1, 10):
            log.warning("fetch_failed", sound=name, error=str(error) or type(error).__name__, next_try_s=round(wait_s))


def _to_disk(path: Path) -> None:
    """After a power cut a file has its name only if it has its bytes."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _sha256_of(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:  # a bad block reads as an error: as damaged as a wrong byte
        return ""
