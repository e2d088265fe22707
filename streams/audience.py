"""Who hears what: channels and mounts open for their first listener, and close a while after the last one has left.

Listeners come on their own loop, whoever prepares comes once a second to `sweep`; the beat only reads the row `on`.
What listeners lose is counted here. Next: `streams.engine` fills the mounts.
"""

from threading import Lock
from typing import Literal

import structlog

from streams.channel import Channel
from streams.frame import SAMPLE_RATE_HZ
from streams.mount import Kind, Listener, Mount
from streams.ogg import PageWriter

log = structlog.get_logger()

New = Literal["", "mount", "channel"]


class Audience:
    """The channels that are running: somebody listens, or has left less than `linger_s` ago.

    `on` is replaced as a whole; `drops` are pages lost by slow listeners, by channel.
    """

    def __init__(self, *, linger_s: float, queue_pages: int) -> None:
        self.on: tuple[Channel, ...] = ()
        self._linger_samples = round(linger_s * SAMPLE_RATE_HZ)
        self._queue_pages = queue_pages
        self._lock = Lock()
        self._channels: dict[str, Channel] = {}
        self._drops: dict[str, int] = {}
        self._opened = 0

    @property
    def drops(self) -> dict[str, int]:
        """Lost pages by channel, since the start."""
        with self._lock:
            return dict(self._drops)

    def __len__(self) -> int:
        return sum(len(mount) for channel in self.on for mount in tuple(channel.mounts.values()))

    def admit(self, name: str, kind: Kind, position: int) -> tuple[Listener, New]:
        """A listener to a channel, and what had to be opened for it."""
        new: New = ""
        with self._lock:
            channel = self._channels.get(name)
            if channel is None:
                channel = self._channels[name] = Channel(name)
                new = "channel"
            if kind not in channel.mounts:
                self._mount(channel, kind, position)
                new = new or "mount"
            listener = channel.mounts[kind].listen()
            self.on = tuple(self._channels.values())
        return listener, new

    def _mount(self, channel: Channel, kind: Kind, position: int) -> None:
        headers = b""
        if kind == "ogg":
            self._opened += 1
            channel.writer = PageWriter(position // SAMPLE_RATE_HZ * 1000 + self._opened)
            headers = channel.writer.headers()
        channel.mounts = {**channel.mounts, kind: Mount(headers, queue_pages=self._queue_pages)}

    def sweep(self, position: int) -> None:
        """Counts what was lost, and closes what nobody has heard for long."""
        self._count_drops()
        with self._lock:
            for channel in self.on:
                for kind, mount in channel.mounts.items():
                    if len(mount):
                        channel.idle_since.pop(kind, None)
                    elif position - channel.idle_since.setdefault(kind, position) >= self._linger_samples:
                        channel.idle_since.pop(kind)
                        channel.mounts = {key: kept for key, kept in channel.mounts.items() if key != kind}
                if not channel.mounts:
                    del self._channels[channel.name]
            self.on = tuple(self._channels.values())

    def _count_drops(self) -> None:
        """Moves what mounts have lost into the counters, and says it: once a second, never once each."""
        lost: dict[str, int] = {}
        for channel in self.on:
            dropped = sum(mount.take_dropped() for mount in channel.mounts.values())
            if dropped:
                lost[channel.name] = dropped
        if lost:
            with self._lock:
                self._drops |= {name: self._drops.get(name, 0) + count for name, count in lost.items()}
            log.warning("listeners_lost_pages", pages=sum(lost.values()), channels=sorted(lost)[:10])

    def close(self) -> None:
        """Ends all streams; on the loop of the listeners."""
        for channel in self.on:
            for mount in channel.mounts.values():
                mount.close()
