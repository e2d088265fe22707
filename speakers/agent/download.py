"""One file over HTTP, by its SHA-256: resumed by range, hashed as it comes, never longer than a rendition can be."""

import hashlib
from pathlib import Path

import httpx

from speakers.errors import RenditionDamaged

LONGEST_BYTES = 200_000_000
_BLOCK_BYTES = 65_536


class Part:
    """What has come so far, in a file, and its hash. Writing goes to the page cache: no wait worth a thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._digest = hashlib.sha256()
        self.held = 0
        if path.is_file():
            with path.open("rb") as file:
                while block := file.read(_BLOCK_BYTES):
                    self._digest.update(block)
                    self.held += len(block)

    def begin_anew(self) -> None:
        """Forgets what has come."""
        self._path.unlink(missing_ok=True)
        self._digest = hashlib.sha256()
        self.held = 0

    def append(self, block: bytes) -> None:
        """Adds to the end. Raises OSError; RenditionDamaged when it grows beyond any rendition."""
        if self.held + len(block) > LONGEST_BYTES:
            self.begin_anew()
            raise RenditionDamaged("What the server sends is longer than any rendition.")
        with self._path.open("ab") as file:
            file.write(block)
        self._digest.update(block)
        self.held += len(block)

    def must_be(self, sha256: str) -> None:
        """Raises RenditionDamaged, and forgets what has come, unless it has this hash."""
        if self._digest.hexdigest() != sha256:
            self.begin_anew()
            raise RenditionDamaged


async def download(http: httpx.AsyncClient, url: str, path: Path, sha256: str) -> None:
    """Completes the file at `path` from `url`; on return its bytes have that SHA-256.

    What is already there is not asked for again. Raises httpx.HTTPError, OSError, and RenditionDamaged when all
    came and is wrong; the file is then gone. After any other error it stays, for the next try.
    """
    part = Part(path)
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={part.held}-"} if part.held else {})
    async with http.stream("GET", url, headers=headers) as answer:
        if answer.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:  # all of it has come, or too much
            part.must_be(sha256)
            return
        answer.raise_for_status()
        if answer.status_code != httpx.codes.PARTIAL_CONTENT:
            part.begin_anew()
        elif not answer.headers.get("content-range", "").startswith(f"bytes {part.held}-"):
            part.begin_anew()
            raise RenditionDamaged("The server sent another range than the one asked for.")
        async for block in answer.aiter_raw():  # as it comes, so that a broken transfer loses nothing
            part.append(block)
    part.must_be(sha256)
