"""One channel's continuous sound while somebody listens: a row of parts, and the pages cut from them block by block.

The row is replaced as a whole by the thread that prepares; the beat reads it and only puts bytes together. What
a part is made of is decided in `streams.splice` and `streams.mix`.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from streams.cue import Cue
from streams.frame import FRAME_SAMPLES
from streams.mix import Mix
from streams.mount import Kind, Mount
from streams.mp3 import MP3_SAMPLES, SILENT_MP3, mp3_index
from streams.ogg import SILENT_PACKET, Block, PageWriter, block_of, silent_block
from streams.packets import PacketRun

BLOCK_FRAMES = 10
BLOCK_SAMPLES = BLOCK_FRAMES * FRAME_SAMPLES
"""One beat renders 200 ms: the length of an Ogg page for listeners."""


@dataclass(frozen=True, slots=True)
class Part:
    """From `start` to `end` the Opus packets come from `run` (packet `first` at `start`) or from `opus`.

    MP3 frames always come from `mp3`. What is missing is silence.
    """

    start: int
    end: int
    run: PacketRun | None = None
    first: int = 0
    opus: Mix | None = None
    mp3: Mix | None = None


@dataclass(slots=True)
class Counts:
    """What the beat has done since the engine was made, in packets of 20 ms (or MP3 frames)."""

    packets_passed_through: int = 0
    packets_encoded: int = 0
    packets_silent: int = 0
    packets_not_ready: int = 0


def between(parts: Iterable[Part], start: int | None, end: int | None) -> list[Part]:
    """The parts cut to what lies from `start` to `end` (frame positions; None: no limit)."""
    kept = []
    for part in parts:
        low = part.start if start is None else max(part.start, start)
        high = part.end if end is None else min(part.end, end)
        if low < high:
            kept.append(replace(part, start=low, end=high, first=part.first + (low - part.start) // FRAME_SAMPLES))
    return kept


@dataclass(slots=True, eq=False)
class Channel:
    """The state of one listened channel. `cues` are those its parts were made from; None before the first plan."""

    name: str
    mounts: dict[Kind, Mount] = field(default_factory=dict)
    writer: PageWriter | None = None
    parts: tuple[Part, ...] = ()
    cues: tuple[Cue, ...] | None = None
    plan_again_at: int = 0
    idle_since: dict[Kind, int] = field(default_factory=dict)

    def ogg_page(self, position: int, counts: Counts) -> bytes:
        """The Ogg page for the block at `position`."""
        assert self.writer is not None
        return self.writer.page(self._opus_block(position, counts))

    def _opus_block(self, position: int, counts: Counts) -> Block:
        end = position + BLOCK_SAMPLES
        at = position
        block: Block | None = None
        for part in self.parts:
            if part.end <= at:
                continue
            if part.start >= end:
                break
            if part.start > at:
                block = _after(block, _silence(part.start - at, counts))
                at = part.start
            stop = min(part.end, end)
            block = _after(block, _cut(part, at, stop, counts))
            at = stop
        return _after(block, _silence(end - at, counts)) if at < end or block is None else block

    def mp3_frames(self, position: int, counts: Counts) -> bytes:
        """The MP3 frames that begin in the block at `position`."""
        frames = []
        for number in range(mp3_index(position), mp3_index(position + BLOCK_SAMPLES)):
            mix = self._mp3_mix(number * MP3_SAMPLES)
            frame = mix.packet(number) if mix else None
            if mix is None:
                counts.packets_silent += 1
            elif frame is None:
                counts.packets_not_ready += 1
            else:
                counts.packets_encoded += 1
            frames.append(frame or SILENT_MP3)
        return b"".join(frames)

    def _mp3_mix(self, position: int) -> Mix | None:
        for part in self.parts:
            if part.start <= position < part.end:
                return part.mp3
        return None


def _after(block: Block | None, more: Block) -> Block:
    return more if block is None else block + more


def _silence(samples: int, counts: Counts) -> Block:
    frames = samples // FRAME_SAMPLES
    counts.packets_silent += frames
    return silent_block(frames)


def _cut(part: Part, start: int, end: int, counts: Counts) -> Block:
    frames = (end - start) // FRAME_SAMPLES
    if part.run is not None:
        block = part.run.cut(part.first + (start - part.start) // FRAME_SAMPLES, frames)
        counts.packets_passed_through += block.frames
        return block if block.frames == frames else block + _silence((frames - block.frames) * FRAME_SAMPLES, counts)
    if part.opus is None:
        return _silence(end - start, counts)
    packets = [part.opus.packet(position) for position in range(start, end, FRAME_SAMPLES)]
    missing = packets.count(None)
    counts.packets_not_ready += missing
    counts.packets_encoded += frames - missing
    return block_of(packet or SILENT_PACKET for packet in packets)
