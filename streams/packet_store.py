"""Rendition files opened once for the listeners' side, their packets kept in memory within a bound.

`PacketStore.load` reads files and is called by the thread that prepares. Next: `streams.splice` decides which packets
are passed through.
"""

from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from threading import Lock

from streams.errors import SoundMissing
from streams.packets import PacketRun, packet_run


class PacketStore:
    """Runs by sound name, the least used forgotten when they exceed `limit_bytes`. Safe to share between threads."""

    def __init__(self, path_of: Callable[[str], Path], limit_bytes: int = 256_000_000) -> None:
        self._path_of = path_of
        self._limit_bytes = limit_bytes
        self._runs: OrderedDict[str, PacketRun] = OrderedDict()
        self._lock = Lock()
        self.held_bytes = 0

    def load(self, sound: str) -> PacketRun:
        """The packets of a sound. Raises SoundMissing when there is no such file, SoundDamaged when it is broken."""
        with self._lock:
            if (run := self._runs.get(sound)) is not None:
                self._runs.move_to_end(sound)
                return run
        try:
            content = self._path_of(sound).read_bytes()
        except OSError as error:
            raise SoundMissing(f"The file of «{sound}» cannot be read ({error.strerror}). Fetch it again.") from error
        run = packet_run(content)
        with self._lock:
            self._keep(sound, run)
        return run

    def _keep(self, sound: str, run: PacketRun) -> None:
        if sound not in self._runs:
            self._runs[sound] = run
            self.held_bytes += run.size_bytes
        while self.held_bytes > self._limit_bytes and len(self._runs) > 1:
            _, forgotten = self._runs.popitem(last=False)
            self.held_bytes -= forgotten.size_bytes
