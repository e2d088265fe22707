"""Frames to Opus packets: one mono 48 kHz libopus encoder, 20 ms a packet.

One encoder belongs to one thread. The packets are bare; `streams.ogg` and `streams.rendition` wrap them.
"""

from typing import Literal

import av
import numpy as np

from streams.frame import FRAME_SAMPLES, SAMPLE_RATE_HZ, Samples

SPEECH_BITRATE_BPS = 24_000
MUSIC_BITRATE_BPS = 32_000

Application = Literal["voip", "audio"]


class OpusEncoder:
    """Encodes mono float32 to Opus. `pre_skip` is how many samples of the decoded stream precede the first real one.

    `encode` may return nothing for the first frame: libopus looks ahead. Packet n decodes to samples
    `n * 960 - pre_skip` and onwards of what was put in.
    """

    def __init__(
        self, bitrate_bps: int = SPEECH_BITRATE_BPS, complexity: int = 9, application: Application = "voip"
    ) -> None:
        context = av.CodecContext.create("libopus", "w")
        context.sample_rate = SAMPLE_RATE_HZ
        context.layout = "mono"
        context.format = av.AudioFormat("flt")
        context.bit_rate = bitrate_bps
        context.options = {
            "application": application,
            "compression_level": str(complexity),
            "frame_duration": "20",
            "vbr": "constrained",  # with "on" music takes half as much again as it may
        }
        context.open()
        self._context = context
        self._pts = 0
        self.head = bytes(context.extradata or b"")
        """The OpusHead packet that describes this stream (RFC 7845 section 5.1)."""
        self.pre_skip = int.from_bytes(self.head[10:12], "little")

    def encode(self, samples: Samples) -> list[bytes]:
        """Packets for `samples`, float32 of shape (n * FRAME_SAMPLES,). Raises ValueError for another length."""
        if samples.ndim != 1 or samples.size % FRAME_SAMPLES:
            raise ValueError(f"The encoder takes whole frames of {FRAME_SAMPLES} samples, not shape {samples.shape}.")
        if not samples.size:
            return []
        # PyAV cuts it into packets of 20 ms; one call for many costs less than many calls.
        frame = av.AudioFrame(format="flt", layout="mono", samples=samples.size)
        plane = frame.planes[0]
        plane.update(samples.astype(np.float32, copy=False).tobytes().ljust(plane.buffer_size, b"\0"))
        frame.sample_rate = SAMPLE_RATE_HZ
        frame.pts = self._pts
        self._pts += samples.size
        return [bytes(packet) for packet in self._context.encode(frame)]

    def flush(self) -> list[bytes]:
        """The last packets, after which the encoder must not be used."""
        return [bytes(packet) for packet in self._context.encode(None)]
