"""One mixed stretch of sound, rendered once ahead of the beat and shared by every channel that carries it.

The cues of a mix never change (a change makes another mix), so it can be rendered ahead, by the thread that
prepares, without ever being wrong. The beat only takes the finished packets.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from streams.cue import Cue
from streams.encoder import OpusEncoder
from streams.frame import FRAME_SAMPLES, Frame
from streams.mp3 import DELAY_MP3_FRAMES, MP3_SAMPLES, Mp3Encoder
from streams.player import Player
from streams.source import Sound
from streams.splice import Span

WARM_UP_FRAMES = 6
"""Frames decoded and encoded before the first that is wanted, so that codecs have settled when it comes."""

MixKey = tuple[str, int, tuple[Cue, ...]]


def mix_key(span: Span, kind: str) -> MixKey:
    """What makes two spans the same sound: format, end and cues, whatever the cues are called."""
    return kind, span.end, tuple(sorted((replace(cue, id="") for cue in span.cues), key=repr))


class Mix:
    """Renders the cues of a span from frame position `start` on, as Opus packets or MP3 frames.

    `render` and `forget_before` belong to the preparing thread, `packet` and `mp3` to the beat.
    """

    def __init__(
        self,
        open_sound: Callable[[str], Sound],
        cues: Sequence[Cue],
        start: int,
        end: int,
        *,
        kind: str,
        bitrate_bps: int,
    ) -> None:
        self.kind = kind
        self.cues = cues
        self.start = start
        self.end = end
        position = start - WARM_UP_FRAMES * FRAME_SAMPLES
        self._player = Player(open_sound, position)
        self._player.give(cues)
        self._position = position
        self._opus = OpusEncoder(bitrate_bps) if kind == "ogg" else None
        self._opus_position = position
        self._mp3 = Mp3Encoder() if kind == "mp3" else None
        self._ready: dict[int, bytes] = {}

    def render(self, until: int) -> None:
        """Makes everything ready that begins before `until` (a frame position), at most to the end of the mix."""
        extra = FRAME_SAMPLES if self._opus else (DELAY_MP3_FRAMES + 1) * MP3_SAMPLES
        last = min(until, self.end) + extra
        while self._position < last:
            frame = self._player.read()
            self._position += FRAME_SAMPLES
            self._encode(frame)

    def _encode(self, frame: Frame) -> None:
        if self._opus:
            for packet in self._opus.encode(np.asarray(frame.samples, dtype=np.float32)):
                self._ready[self._opus_position] = packet
                self._opus_position += FRAME_SAMPLES
        elif self._mp3:
            self._ready.update(self._mp3.encode(frame))

    def packet(self, number: int) -> bytes | None:
        """The Opus packet of a frame position, or the MP3 frame of a grid number; None when it is not ready."""
        return self._ready.get(number)

    def forget_before(self, number: int) -> None:
        """Lets go of packets before a position (or MP3 number) that nobody will ask for."""
        for old in [key for key in self._ready if key < number]:
            del self._ready[old]

    def close(self) -> None:
        """Lets go of files."""
        self._player.close()
