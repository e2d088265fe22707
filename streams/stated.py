"""How long a recording says it is, and whether its end is missing: only to notice that too little came out.

FFmpeg gives a length for every file, but for raw streams it guesses from the first bit rate, and is wrong by a
multiple; and where a file is cut it shortens what the header says to what is there. So only formats whose header
states a length are believed, and of WAV and Ogg the bytes are asked. `streams.media` decides what follows.
"""

from pathlib import Path

import av
from av.container import InputContainer

from streams.frame import SAMPLE_RATE_HZ

_GUESSED = {"aac", "ac3", "eac3", "amr", "amrnb", "amrwb", "mpeg", "mpegts"}
_MP3_MARKS = (b"Xing", b"Info", b"VBRI")
_FIRST_MP3_FRAME_BYTES = 256
_LARGEST_OGG_PAGE_BYTES = 65_307
_OGG_HEADER_BYTES = 27
_WAV_CHUNKS = 32
# Who writes a WAV file without knowing its length says something from here up.
_WAV_UNKNOWN = 0x7FFF_0000


def stated_samples(container: InputContainer, path: Path) -> int:
    """The length that the header states, 0 when it states none (or nonsense)."""
    kind = container.format.name
    if kind in _GUESSED or (kind == "mp3" and not _mp3_states(path)):
        return 0
    track = container.streams.audio[0]
    if track.duration and track.time_base:
        seconds = float(track.duration * track.time_base)
    else:
        seconds = (container.duration or 0) / av.time_base
    if kind == "wav":
        seconds *= _wav_shortened(path)
    return max(0, round(seconds * SAMPLE_RATE_HZ))


def ends_inside(container: InputContainer, path: Path) -> bool:
    """Whether the file breaks off in the middle of its last page. An Ogg file has no other way of saying it."""
    if container.format.name != "ogg":
        return False
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _LARGEST_OGG_PAGE_BYTES))
        tail = file.read()
    page = tail[max(0, tail.rfind(b"OggS")) :]
    laces_end = _OGG_HEADER_BYTES + (page[_OGG_HEADER_BYTES - 1] if len(page) >= _OGG_HEADER_BYTES else 0)
    return len(page) < laces_end + sum(page[_OGG_HEADER_BYTES:laces_end]) or len(page) < _OGG_HEADER_BYTES


def _mp3_states(path: Path) -> bool:
    """Whether the first frame of an MP3 file counts the frames, behind whatever tag comes before it."""
    with path.open("rb") as file:
        tag = file.read(10)
        at = 0
        if tag[:3] == b"ID3" and len(tag) == 10:
            for byte in tag[6:]:
                at = at << 7 | byte & 0x7F
            at += 10
        file.seek(at)
        first = file.read(_FIRST_MP3_FRAME_BYTES)
    return any(mark in first for mark in _MP3_MARKS)


def _wav_shortened(path: Path) -> float:
    """How many times more sound the header of a WAV file states than there are bytes for; 1 when all is there."""
    size = path.stat().st_size
    with path.open("rb") as file:
        at = 12
        for _ in range(_WAV_CHUNKS):
            file.seek(at)
            head = file.read(8)
            if len(head) < 8:
                break
            stated = int.from_bytes(head[4:], "little")
            if head[:4] == b"data":
                there = size - at - 8
                return stated / there if 0 < there < stated < _WAV_UNKNOWN else 1.0
            at += 8 + stated + stated % 2
    return 1.0
