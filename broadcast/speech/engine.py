"""Running one speech engine: a process that is given sentences and time, and is killed when it takes too long.

`speak` yields the sound of each sentence as it arrives and always leaves no process behind. The engines themselves
are `espeak_process` and `piper_process`; any program that talks as `pipe` says can stand in their place.
"""

import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

import numpy as np

from broadcast.speech import pipe
from broadcast.speech.errors import (
    SpeechEngineDied,
    SpeechEngineError,
    SpeechEngineMissing,
    SpeechNonsense,
    SpeechTooSlow,
    UnknownVoice,
)

ENGINES: Mapping[str, tuple[str, ...]] = {
    "espeak": (sys.executable, "-m", "broadcast.speech.espeak_process"),
    "piper": (sys.executable, "-m", "broadcast.speech.piper_process"),
}
"""The program of each engine; a table, so that a station may add its own."""

_HOUSE = Path(__file__).resolve().parents[2]
_SAMPLE_RATES_HZ = range(8_000, 48_001)
_SILENT_PEAK = 100
"""Of 32,767. A sentence that never gets louder was not spoken."""
_LEAVE_S = 5.0


def speak(
    command: Sequence[str], request: pipe.Request, *, time_limit_s: float, stall_limit_s: float
) -> Generator[tuple[int, bytes]]:
    """Yield (sample rate in Hz, mono 16-bit PCM) for every sentence of the request, in order.

    `time_limit_s` is for all of it, `stall_limit_s` for one sentence. Raises SpeechEngineMissing, SpeechEngineDied,
    SpeechTooSlow, SpeechNonsense, or UnknownVoice when the engine says so.
    """
    with tempfile.TemporaryFile() as asked, tempfile.TemporaryFile() as complaints:
        # A file, not a pipe: nobody waits for anybody while the request is long and the engine slow to read.
        asked.write(pipe.pack_request(request))
        asked.seek(0)
        engine = _start(command, asked, complaints)
        try:
            yield from _listen(_Ear(engine, complaints, time_limit_s, stall_limit_s), len(request.sentences))
        finally:
            _stop(engine)


def _start(command: Sequence[str], asked: IO[bytes], complaints: IO[bytes]) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            command,
            stdin=asked,
            stdout=subprocess.PIPE,
            stderr=complaints,
            cwd=_HOUSE,
            start_new_session=True,
            bufsize=0,
        )
    except OSError as error:
        raise SpeechEngineMissing(f"Không chạy được bộ đọc {command[0]} ({error.strerror}).") from error


def _stop(engine: subprocess.Popen[bytes]) -> None:
    """Kill the engine with whatever it started, and collect it."""
    with suppress(ProcessLookupError):
        os.killpg(engine.pid, signal.SIGKILL)
    engine.wait()
    if engine.stdout:
        engine.stdout.close()


class _Ear:
    """Reads frames from an engine with a deadline, and knows why there are none."""

    def __init__(
        self, engine: subprocess.Popen[bytes], complaints: IO[bytes], time_limit_s: float, stall_limit_s: float
    ) -> None:
        assert engine.stdout is not None
        self._engine, self._complaints, self._stall_limit_s = engine, complaints, stall_limit_s
        self._deadline_s = time.monotonic() + time_limit_s
        self._descriptor = engine.stdout.fileno()
        os.set_blocking(self._descriptor, False)

    def frame(self) -> tuple[bytes, bytes]:
        """The next frame's letter and bytes."""
        deadline_s = min(self._deadline_s, time.monotonic() + self._stall_limit_s)
        try:
            kind, length = pipe.parse_header(self._read(pipe.HEADER_BYTES, deadline_s))
        except pipe.FrameMalformed as error:
            raise SpeechNonsense from error
        return kind, self._read(length, deadline_s)

    def _read(self, length: int, deadline_s: float) -> bytes:
        content = bytearray()
        with selectors.DefaultSelector() as ready:
            ready.register(self._descriptor, selectors.EVENT_READ)
            while len(content) < length:
                left_s = deadline_s - time.monotonic()
                if left_s <= 0 or not ready.select(left_s):
                    raise SpeechTooSlow
                piece = os.read(self._descriptor, min(length - len(content), 1 << 20))
                if not piece:
                    raise self.death()
                content += piece
        return bytes(content)

    def death(self) -> SpeechEngineDied:
        """The error for an engine that closed its pipe, with its last words."""
        try:
            status = str(self._engine.wait(_LEAVE_S))
        except subprocess.TimeoutExpired:
            status = "?"
        self._complaints.seek(0)
        words = self._complaints.read()[-2000:].decode(errors="replace").strip().splitlines()
        detail = f"mã thoát {status}" + (f": {words[-1][:200]}" if words else "")
        return SpeechEngineDied(f"{SpeechEngineDied.__doc__} ({detail})")


def _listen(ear: _Ear, expected: int) -> Iterator[tuple[int, bytes]]:
    kind, payload = ear.frame()
    if kind == pipe.ERROR:
        raise _named(payload)
    sample_rate_hz = int(payload) if payload.isdigit() and len(payload) < 7 else 0
    if kind != pipe.RATE or sample_rate_hz not in _SAMPLE_RATES_HZ:
        raise SpeechNonsense
    for _ in range(expected):
        kind, payload = ear.frame()
        if kind == pipe.ERROR:
            raise _named(payload)
        if kind != pipe.SENTENCE or not _audible(payload):
            raise SpeechNonsense
        yield sample_rate_hz, payload
    if ear.frame()[0] != pipe.END:
        raise SpeechNonsense


def _named(payload: bytes) -> SpeechEngineError | UnknownVoice:
    """What an engine says about itself, as our error."""
    name = payload.decode(errors="replace")
    if name == pipe.UNKNOWN_VOICE:
        return UnknownVoice()
    return SpeechEngineMissing() if name == pipe.MISSING_ENGINE else SpeechEngineDied(f"Bộ đọc báo lỗi: {name[:200]}.")


def _audible(pcm: bytes) -> bool:
    if not pcm or len(pcm) % 2:
        return False
    samples = np.frombuffer(pcm, dtype="<i2")
    return bool(max(int(samples.max()), -int(samples.min())) >= _SILENT_PEAK)
