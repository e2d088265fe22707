"""Frames to MP3: one mono 48 kHz encoder whose MP3 frames stand alone, so that streams can be joined from them.

The bit reservoir is off: no MP3 frame needs bytes of the one before it. They lie on one grid for all encoders
(multiples of MP3_SAMPLES since the epoch, like our own frames), so a listener's stream may go from one encoder, or
from silence, to another at any MP3 frame. One encoder belongs to one thread.
"""

import av
import numpy as np

from streams.frame import SAMPLE_RATE_HZ, Frame, Samples

MP3_SAMPLES = 1152
"""Samples in one MP3 frame: 24 ms."""

MP3_BITRATE_BPS = 64_000
_FRAME_BYTES = MP3_SAMPLES // 8 * MP3_BITRATE_BPS // SAMPLE_RATE_HZ

# MPEG-1 layer III, no checksum; 64 kb/s, 48 kHz, not padded; mono. No main data: nothing to decode is silence.
SILENT_MP3 = bytes((0xFF, 0xFB, 0x54, 0xC4)).ljust(_FRAME_BYTES, b"\0")

DELAY_MP3_FRAMES = 3
"""How many MP3 frames must be put in after the one that is wanted before it surely comes out."""


def mp3_index(position: int) -> int:
    """The number of the first MP3 frame that begins at or after a position."""
    return -(-position // MP3_SAMPLES)


class Mp3Encoder:
    """Takes our frames in a row, gives MP3 frames with their numbers on the grid."""

    def __init__(self) -> None:
        context = av.CodecContext.create("libmp3lame", "w")
        context.sample_rate = SAMPLE_RATE_HZ
        context.layout = "mono"
        context.format = av.AudioFormat("fltp")
        context.bit_rate = MP3_BITRATE_BPS
        context.options = {"reservoir": "0"}
        context.open()
        self._context = context
        self._waiting: Samples = np.zeros(0, dtype=np.float32)
        self._pts = 0
        self._number: int | None = None

    def encode(self, frame: Frame) -> list[tuple[int, bytes]]:
        """The MP3 frames that are ready after `frame`, each with its grid number. Frames must follow each other."""
        samples = frame.samples
        if self._number is None:
            self._number = mp3_index(frame.position)
            samples = samples[self._number * MP3_SAMPLES - frame.position :]
        if self._pts == 0 and not self._waiting.size and not samples.size:
            self._number = None
            return []
        self._waiting = np.concatenate((self._waiting, samples))
        ready: list[tuple[int, bytes]] = []
        while self._waiting.size >= MP3_SAMPLES:
            block, self._waiting = self._waiting[:MP3_SAMPLES], self._waiting[MP3_SAMPLES:]
            ready += self._encode_block(block)
        return ready

    def _encode_block(self, block: Samples) -> list[tuple[int, bytes]]:
        sound = av.AudioFrame(format="fltp", layout="mono", samples=MP3_SAMPLES)
        sound.planes[0].update(np.ascontiguousarray(block, dtype=np.float32).tobytes())
        sound.sample_rate = SAMPLE_RATE_HZ
        sound.pts = self._pts
        self._pts += MP3_SAMPLES
        ready = []
        for packet in self._context.encode(sound):
            assert self._number is not None
            ready.append((self._number, bytes(packet)))
            self._number += 1
        return ready
