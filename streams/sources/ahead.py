"""Decoding ahead of the beat, bounded: a sound is read in half-second chunks by whoever has time, taken by the beat.

The beat takes samples by their number in the sound. `fill` may run in another thread: chunks are appended by one
thread and dropped by the other, and only decoding itself is locked.
"""

from collections import deque
from threading import Lock

import numpy as np

from streams.errors import SoundError
from streams.frame import SAMPLE_RATE_HZ, Samples
from streams.source import Reader, Sound

CHUNK_SAMPLES = SAMPLE_RATE_HZ // 2
AHEAD_SAMPLES = 2 * SAMPLE_RATE_HZ
"""No more than this, and one chunk, is held ahead of what was taken last."""

_PATIENCE_S = 0.005
_REOPEN_SAMPLES = 5 * SAMPLE_RATE_HZ


class Late(Exception):
    """The samples are being decoded by another thread and are not there yet."""


class ReadAhead:
    """One decoding of `sound` from sample `offset`, held up to two seconds ahead."""

    def __init__(self, sound: Sound, offset: int) -> None:
        """Raises SoundMissing."""
        self._sound = sound
        self._reader: Reader = sound.decode(offset)
        self._chunks: deque[tuple[int, Samples]] = deque()
        self._decoded = offset
        self._taken = offset
        self._decoding = Lock()
        self._exhausted = False
        self._closed = False
        self._failure: SoundError | None = None
        self.length = sound.length

    @property
    def failure(self) -> SoundError | None:
        """What stands in the way of decoding further. What was decoded before it can still be taken."""
        return self._failure

    def take(self, offset: int, count: int) -> Samples:
        """Samples `offset` to `offset + count`, fewer at the end; never to be written into.

        `offset` may jump forward, never back. Raises Late, and SoundDamaged when it comes to what cannot be decoded.
        """
        self._taken = offset
        while self._chunks and _after(self._chunks[0]) <= offset:
            self._chunks.popleft()
        while not self._exhausted and self._decoded < offset + count:
            if self._failure is not None:
                raise self._failure
            if not self._decoding.acquire(timeout=_PATIENCE_S):
                raise Late
            try:
                self._decode_chunk()
            finally:
                self._decoding.release()
        return self._cut(offset, count)

    def fill(self) -> None:
        """Decodes until two seconds are held ahead. For the thread that has time."""
        while not self._exhausted and self._failure is None and self._decoded < self._taken + AHEAD_SAMPLES:
            with self._decoding:
                self._decode_chunk()

    def begin_again(self) -> None:
        """After a failure opens the sound anew where it failed: the file may have been replaced by a whole one."""
        with self._decoding:
            if self._closed:
                return
            self._reader.close()
            try:
                self._reader = self._sound.decode(self._decoded)
                self._failure = None
            except SoundError as error:
                self._failure = error
            finally:
                self._close_if_told()

    def close(self) -> None:
        """Lets go of the file, or leaves that to the thread that is decoding it just now."""
        self._closed = self._exhausted = True
        if self._decoding.acquire(blocking=False):
            self._reader.close()
            self._decoding.release()

    def _decode_chunk(self) -> None:
        if self._closed:
            return
        try:
            if self._taken > self._decoded + _REOPEN_SAMPLES:
                self._reader.close()
                self._reader = self._sound.decode(self._taken)
                self._decoded = self._taken
            samples = self._reader.read(CHUNK_SAMPLES)
        except SoundError as error:
            self._failure = error
            return
        finally:
            self._close_if_told()
        samples.flags.writeable = False
        if samples.size:
            self._chunks.append((self._decoded, samples))
        self._decoded += samples.size
        self._exhausted = self._closed or samples.size < CHUNK_SAMPLES

    def _close_if_told(self) -> None:
        """Whoever wanted to close while another thread was decoding has left it to that thread."""
        if self._closed:
            self._reader.close()

    def _cut(self, offset: int, count: int) -> Samples:
        pieces = []
        for begin, samples in tuple(self._chunks):
            if begin < offset + count and offset < begin + samples.size:
                pieces.append(samples[max(0, offset - begin) : offset + count - begin])
        if len(pieces) == 1:
            return pieces[0]
        return np.concatenate(pieces) if pieces else np.zeros(0, dtype=np.float32)


def _after(chunk: tuple[int, Samples]) -> int:
    """The number of the sample just after a chunk."""
    begin, samples = chunk
    return begin + samples.size
