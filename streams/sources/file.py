"""A rendition on disk, decoded from any of its samples.

Decoding starts half a second before the wanted sample or earlier and drops what lies before, as it does the pre-skip:
RFC 7845 asks for 80 ms, but then the first samples of music differ by up to -47 dB and those of speech, whose coding
remembers longer, by -9. Now music is the same, and speech differs by less than -45 dB at first. Memory is one packet.
A gap between packets means that a page did not pass its checksum: the file is damaged.
"""

from collections import deque
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer

from streams.errors import SoundDamaged, SoundMissing
from streams.frame import SAMPLE_RATE_HZ, Samples

SETTLE_SAMPLES = SAMPLE_RATE_HZ // 2


class RenditionReader:
    """Reads an Ogg Opus file (mono, 48 kHz) from sample `offset` on."""

    def __init__(self, path: Path, offset: int) -> None:
        self._path = path
        self._container = _open(path)
        self._stream = self._container.streams.audio[0]
        head = self._stream.codec_context.extradata or b""
        self._decoder = av.CodecContext.create("libopus", "r")
        self._decoder.extradata = head
        self._decoder.options = {"request_sample_fmt": "flt"}
        self._pre_skip = int.from_bytes(head[10:12], "little")
        self.length = max(0, (self._stream.duration or 0) - self._pre_skip)
        self.begin(offset)

    def begin(self, offset: int) -> None:
        """Reads from sample `offset` on. Only before anything was read."""
        self._left = np.zeros(0, dtype=np.float32)
        self._blocks = self._decode_from(offset) if offset < self.length else iter(())

    def read(self, count: int) -> Samples:
        """The next `count` samples, fewer only at the end. Raises SoundDamaged."""
        gathered = [self._left]
        missing = count - self._left.size
        while missing > 0 and (block := next(self._blocks, None)) is not None:
            gathered.append(block)
            missing -= block.size
        joined = np.concatenate(gathered)
        self._left = joined[count:]
        return joined[:count]

    def close(self) -> None:
        """Closes the file."""
        self._blocks = iter(())
        self._container.close()

    def _decode_from(self, offset: int) -> Iterator[Samples]:
        """Decoded blocks of which the first begins at sample `offset`."""
        try:
            if offset > SETTLE_SAMPLES:
                self._container.seek(offset - SETTLE_SAMPLES, stream=self._stream)
            at = expected = None
            for packet in self._container.demux(self._stream):
                if packet.size == 0:
                    break
                if packet.pts is None or packet.pts != (packet.pts if expected is None else expected):
                    raise SoundDamaged(f"Tệp âm thanh {self._path.name} bị hỏng: thiếu một đoạn.")
                expected = packet.pts + (packet.duration or 0)
                if at is None:
                    # A new decoder always drops `pre_skip` samples, in mid-file too.
                    at = packet.pts + self._pre_skip
                for frame in self._decoder.decode(packet):
                    block: Samples = frame.to_ndarray()[0]
                    begin = max(0, offset - at)
                    at += block.size
                    if begin < block.size:
                        yield block[begin:]
        except (av.FFmpegError, OSError) as error:
            raise SoundDamaged(f"Tệp âm thanh {self._path.name} bị hỏng.") from error
        if at is None or at < self.length:
            raise SoundDamaged(f"Tệp âm thanh {self._path.name} bị hỏng: thiếu phần cuối.")


class FileSound:
    """A rendition as a sound: opened again for each further decoding, so any number of players may use it."""

    def __init__(self, path: Path) -> None:
        """Raises SoundMissing, SoundDamaged."""
        self._path = path
        opened = RenditionReader(path, 0)
        self.length = opened.length
        self._opened = deque([opened])  # for whoever decodes first

    def decode(self, offset: int) -> RenditionReader:
        """A reader from sample `offset`. Raises SoundMissing, SoundDamaged."""
        try:
            reader = self._opened.pop()
        except IndexError:
            return RenditionReader(self._path, offset)
        reader.begin(offset)
        return reader


def _open(path: Path) -> InputContainer:
    try:
        container = av.open(str(path), format="ogg")
    except OSError as error:
        if isinstance(error, av.FFmpegError) and path.is_file():
            raise SoundDamaged(f"Tệp âm thanh {path.name} bị hỏng.") from error
        raise SoundMissing(f"Không tìm thấy tệp âm thanh {path.name}.") from error
    except (av.FFmpegError, ValueError) as error:
        raise SoundDamaged(f"Tệp âm thanh {path.name} bị hỏng.") from error
    tracks = container.streams.audio
    if len(tracks) != 1 or tracks[0].codec_context.name != "opus" or tracks[0].codec_context.channels != 1:
        container.close()
        raise SoundDamaged(f"Tệp âm thanh {path.name} không phải là bản phát (Ogg Opus một kênh).")
    return container
