"""A player's frames as one Ogg Opus stream for whoever listens over HTTP: a pole that can be heard from afar.

The station's many channels do not come this way (see `streams.engine`); this sink is for one player, and is let
in to by the same door: `Door(sink, resolve, kinds=["ogg"])`, which `streams.loopback` serves on the pole.
"""

import asyncio
import contextlib
from functools import partial

import numpy as np
import structlog

from streams.channel import BLOCK_FRAMES
from streams.encoder import OpusEncoder
from streams.frame import Frame, Samples
from streams.mount import Handover, Kind, Listener, Mount
from streams.ogg import PageWriter, block_of, silent_block
from streams.source import SILENT_FRAME

log = structlog.get_logger()


class HttpSink:
    """Encodes while somebody listens. `write` may be called from any one thread, `listen` on `loop`."""

    def __init__(self, loop: asyncio.AbstractEventLoop, *, serial: int = 1, bitrate_bps: int = 24_000) -> None:
        self._loop = loop
        self._writer = PageWriter(serial)
        self._mount = Mount(self._writer.headers())
        self._handover = Handover()
        self._encoder = OpusEncoder(bitrate_bps)
        self._waiting: list[Samples] = []

    def listen(self, channel: str, kind: Kind) -> Listener:
        """A listener; whatever the channel, there is one stream, and it is Ogg Opus."""
        del channel
        if kind != "ogg":
            raise ValueError(f"This sink speaks Ogg Opus only. Ask for .ogg, not .{kind}.")
        return self._mount.listen()

    def listeners(self) -> int:
        """How many listen now."""
        return len(self._mount)

    def write(self, frame: Frame) -> None:
        """Takes the next frame; every tenth makes a page."""
        self._waiting.append(frame.samples)
        if len(self._waiting) < BLOCK_FRAMES:
            return
        waiting, self._waiting = self._waiting, []
        silent = not len(self._mount) or all(samples is SILENT_FRAME for samples in waiting)
        block = silent_block(BLOCK_FRAMES) if silent else block_of(self._encoder.encode(np.concatenate(waiting)))
        page = self._writer.page(block)
        with contextlib.suppress(RuntimeError):  # the loop has closed: nobody is there to hear
            self._handover.hand(self._loop, partial(self._mount.push, page))

    def close(self) -> None:
        """Ends the stream."""
        if self._handover.dropped:
            log.warning("pages_undelivered", pages=self._handover.dropped)
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._mount.close)
