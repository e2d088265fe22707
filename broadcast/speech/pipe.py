"""What passes through the pipes between the station and a speech engine's process.

To the engine, on standard input: one JSON object, `{"voice", "rate", "sentences"}`. From it, on standard output:
frames of one letter, four bytes of length (little endian) and that many bytes: `H` sample rate in Hz as text,
`S` one sentence of mono 16-bit PCM, `E` the name of an error and a reason, `Z` the end. Nothing else is sound.
An engine ends with the process that started it.
"""

import ctypes
import json
import os
import signal
import struct
import sys
from dataclasses import dataclass
from typing import BinaryIO

HEADER_BYTES = 5
MAX_FRAME_BYTES = 64 * 1024 * 1024
"""About ten minutes of one sentence at 48 kHz; a longer frame is garbage."""

RATE, SENTENCE, ERROR, END = b"H", b"S", b"E", b"Z"
UNKNOWN_VOICE, MISSING_ENGINE = "unknown-voice", "missing-engine"
_PR_SET_PDEATHSIG = 1


class FrameMalformed(Exception):
    """These bytes are not a frame of a speech engine."""


@dataclass(frozen=True, slots=True)
class Request:
    """What an engine is asked: `voice` is its own name for the voice (or a file), `rate` 1.0 is normal."""

    voice: str
    rate: float
    sentences: tuple[str, ...]


def pack_request(request: Request) -> bytes:
    """The request as it is written to the engine."""
    fields = {"voice": request.voice, "rate": request.rate, "sentences": list(request.sentences)}
    return json.dumps(fields, ensure_ascii=False).encode()


def parse_request(raw: bytes) -> Request:
    """The request as the engine reads it."""
    fields = json.loads(raw)
    return Request(str(fields["voice"]), float(fields["rate"]), tuple(str(text) for text in fields["sentences"]))


def pack_frame(kind: bytes, payload: bytes = b"") -> bytes:
    """One frame: letter, length, bytes."""
    return kind + struct.pack("<I", len(payload)) + payload


def parse_header(header: bytes) -> tuple[bytes, int]:
    """Letter and length of a frame. Raises FrameMalformed when no frame of ours begins so."""
    if len(header) != HEADER_BYTES or header[:1] not in {RATE, SENTENCE, ERROR, END}:
        raise FrameMalformed
    length: int = struct.unpack("<I", header[1:])[0]
    if length > MAX_FRAME_BYTES:
        raise FrameMalformed
    return header[:1], length


def end_with_parent() -> None:
    """Have the kernel kill this process when its parent ends, however that does: a hung engine stays behind nobody."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def take_standard_output() -> BinaryIO:
    """The pipe to the station, for frames only: whatever libraries print afterwards goes to standard error."""
    sound = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return sound
