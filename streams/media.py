"""Any media file -> blocks of mono float32 at 48 kHz, in bounded memory. The file is a stranger's: nothing is believed.

Only formats that hold sound are tried, so a playlist cannot make the decoder open other files or addresses. Length is
counted while decoding; what the header states (`streams.stated`) serves to notice that too little came out. What was
decoded before a fault is kept when it is nearly all. Next: `streams.analysis` measures the blocks, `streams.rendition`
encodes them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import InputContainer

from streams.errors import EmptyFile, NoAudioTrack, NotSound, TooLarge, TooLong, Truncated
from streams.frame import SAMPLE_RATE_HZ, Samples
from streams.stated import ends_inside, stated_samples

BLOCK_SAMPLES = SAMPLE_RATE_HZ
ENOUGH = 0.9
"""A file of which this share of the stated length was decoded is used as it is."""

_FORMATS = (
    "aac,ac3,aiff,amr,amrnb,amrwb,ape,asf,au,avi,caf,eac3,flac,flv,"
    "matroska,webm,mov,mp4,m4a,3gp,3g2,mj2,mp3,mpeg,mpegts,ogg,tta,w64,wav,wv"
)
_RATES_HZ = range(4_000, 384_001)
_MOST_CHANNELS = 64


@dataclass(frozen=True, slots=True)
class Limits:
    """What may come in. Encoders pad the end a little, so half a second over the longest is let pass."""

    bytes: int = 500_000_000
    duration_s: float = 7200.0
    grace_s: float = 0.5

    @property
    def samples(self) -> int:
        """The largest number of samples at 48 kHz."""
        return round((self.duration_s + self.grace_s) * SAMPLE_RATE_HZ)


def decode_media(path: Path, limits: Limits) -> Iterator[Samples]:
    """Blocks of BLOCK_SAMPLES of the first audio track of `path`, the last one shorter.

    Raises EmptyFile, TooLarge, NotSound, NoAudioTrack, and in the course of decoding TooLong, Truncated, NotSound.
    """
    size = path.stat().st_size
    if size == 0:
        raise EmptyFile
    if size > limits.bytes:
        raise TooLarge(f"Tệp quá lớn, giới hạn là {limits.bytes // 1_000_000} MB. Hãy lưu lại dưới dạng MP3.")
    container = _open(path)
    try:
        if not container.streams.audio:
            raise NoAudioTrack if container.streams.video else NotSound
        stated = stated_samples(container, path)
        decoded = 0
        for block in _in_blocks(_decode(container, container.streams.audio[0])):
            decoded += block.size
            if decoded > limits.samples:
                raise TooLong(f"Bản ghi dài quá {_in_words(limits.duration_s)}. Hãy cắt thành nhiều phần ngắn hơn.")
            yield block
        if not decoded:
            raise NotSound
        if decoded < ENOUGH * stated or ends_inside(container, path):
            raise Truncated
    finally:
        container.close()


def _open(path: Path) -> InputContainer:
    try:
        return av.open(str(path), options={"format_whitelist": _FORMATS, "protocol_whitelist": "file"})
    except (av.FFmpegError, ValueError) as error:
        with path.open("rb") as file:
            cut_mp4 = file.read(8)[4:] == b"ftyp"  # an MP4 whose end is missing has no table of contents
        raise (Truncated if cut_mp4 else NotSound) from error


def _decode(container: InputContainer, track: AudioStream) -> Iterator[Samples]:
    """Mono samples at 48 kHz as they come; ends quietly where the file can be read no further."""
    if track.codec_context is None:  # a coding that FFmpeg knows nothing of
        raise NotSound
    resampler, shape = None, None
    for frame in _frames(container, track):
        if frame.sample_rate not in _RATES_HZ or not 0 < frame.layout.nb_channels <= _MOST_CHANNELS:
            raise NotSound
        if shape != (frame.format.name, frame.layout.name, frame.sample_rate):
            # The format may change in mid-file: internet radio recordings, HE-AAC.
            if resampler is not None:
                yield from _resampled(resampler, None)
            resampler = av.AudioResampler("flt", "mono", SAMPLE_RATE_HZ, BLOCK_SAMPLES)
            shape = (frame.format.name, frame.layout.name, frame.sample_rate)
        assert resampler is not None
        frame.pts = None
        yield from _resampled(resampler, frame)
    if resampler is not None:
        yield from _resampled(resampler, None)


def _resampled(resampler: av.AudioResampler, frame: av.AudioFrame | None) -> Iterator[Samples]:
    """What comes out for a frame, or at the end for None. Some numbers of channels have no known way to one."""
    try:
        ready = resampler.resample(frame)
    except (av.FFmpegError, ValueError) as error:
        raise NotSound(
            "Không trộn được các kênh âm thanh của tệp này thành một. Hãy xuất lại tệp với một hoặc hai kênh."
        ) from error
    yield from (piece.to_ndarray()[0] for piece in ready)


def _frames(container: InputContainer, track: AudioStream) -> Iterator[av.AudioFrame]:
    packets = container.demux(track)
    while True:
        try:
            packet = next(packets, None)
        except (av.FFmpegError, ValueError):
            return
        if packet is None:
            return
        try:
            frames = track.codec_context.decode(packet)
        except (av.FFmpegError, ValueError):
            continue
        yield from frames


def _in_blocks(pieces: Iterator[Samples]) -> Iterator[Samples]:
    """The same sound in blocks of one size, with what is not a number made silence."""
    waiting: list[Samples] = []
    held = 0
    for piece in pieces:
        waiting.append(np.nan_to_num(piece, copy=False, nan=0.0, posinf=0.0, neginf=0.0))
        held += piece.size
        if held >= BLOCK_SAMPLES:
            joined = np.concatenate(waiting)
            whole = held - held % BLOCK_SAMPLES
            yield from (joined[begin : begin + BLOCK_SAMPLES] for begin in range(0, whole, BLOCK_SAMPLES))
            waiting, held = [joined[whole:]], held - whole
    if held:
        yield np.concatenate(waiting)


def _in_words(duration_s: float) -> str:
    if duration_s >= 3600:
        return f"{duration_s / 3600:g} giờ".replace(".", ",")
    return f"{duration_s / 60:g} phút".replace(".", ",") if duration_s >= 60 else f"{duration_s:g} giây"
