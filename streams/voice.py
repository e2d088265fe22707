"""One cue being played: its sound, decoded ahead, at the level the cue wants, with a smooth way into every change.

A change of instruction at position P (joined late, new level, new ducks, cut) is always the same thing: from P on the
level slides, over so many samples, from what it was to what the cue now wants. A cut wants nothing.
`streams.player` owns the voices and says when; a voice that fails is silent, says why in `trouble`, and tries again
every second, so that a file which arrives late is joined where it should be by then.
"""

from collections.abc import Callable
from dataclasses import replace
from threading import Lock

import numpy as np

from streams.cue import JOIN_SAMPLES, Cue
from streams.errors import SoundDamaged, SoundError
from streams.frame import FRAME_SAMPLES, SAMPLE_RATE_HZ, Samples, samples_of_ms
from streams.gain import Gain, cue_gain, rise
from streams.mixer import Part
from streams.source import Sound
from streams.sources.ahead import Late, ReadAhead

OpenSound = Callable[[str], Sound]

CHANGE_SAMPLES = samples_of_ms(80)
RETRY_SAMPLES = SAMPLE_RATE_HZ
BEGIN_AGAIN_SAMPLES = SAMPLE_RATE_HZ // 2

_PATIENCE_S = 0.005


class Voice:
    """The sound of one cue. `heard` counts the samples of it that went out, `sound` is the name of what is played."""

    def __init__(self, cue: Cue, open_sound: OpenSound, *, fallback_at: int | None = None) -> None:
        """`fallback_at`: play the cue's fallback instead, its first sample at this position."""
        self.cue = cue
        self.is_fallback = fallback_at is not None
        self.sound = (cue.fallback or "") if self.is_fallback else cue.sound
        self.heard = 0
        self.trouble: SoundError | None = None
        self.told: set[str] = set()
        """What the player has already written down about it."""
        self._open_sound = open_sound
        self._origin = cue.start - cue.offset if fallback_at is None else fallback_at
        self._sound_end: int | None = None
        self._shape = cue
        self._cut_end: int | None = None
        self._ahead: ReadAhead | None = None
        self._opening = Lock()
        self._closed = False
        self._retry_at = self._begin_again_at = 0
        self._sounded_to = cue.start
        self._level = 0.0
        self._slide_from, self._slide_at, self._slide_length = 0.0, cue.start, 0

    @property
    def end(self) -> int:
        """The position just after the last sample that can be heard, as far as is known now."""
        return self._shape.end if self._cut_end is None else self._cut_end

    @property
    def is_cut(self) -> bool:
        """Whether it is on its way out, or gone, before its time."""
        return self._cut_end is not None

    def continues_as(self, cue: Cue, position: int) -> bool:
        """Whether `cue` asks for the same samples of the same sound at the same positions, from `position` on."""
        same = (self.cue.sound, self.cue.start - self.cue.offset) == (cue.sound, cue.start - cue.offset)
        return same and not self.is_cut and (cue.start <= position or not self.heard)

    def follow(self, cue: Cue, position: int) -> None:
        """From `position` on obeys `cue`, for which `continues_as` holds; one in trouble tries again at once."""
        if self.trouble is not None:  # whoever says it anew may have brought the file
            self.trouble, self._retry_at = None, 0
        if cue == self.cue:
            return
        self.cue = cue
        self._reshape()
        if self.heard:
            self._slide(position, min(CHANGE_SAMPLES, max(1, (cue.end - position) // 2)))
        else:
            self._sounded_to = cue.start

    def cut(self, position: int) -> None:
        """From `position` on the voice fades out, over the cue's fade or what is left of the cue."""
        length = max(JOIN_SAMPLES, min(self.cue.fade_out, self.cue.end - position))
        self._slide(position, length)
        self._cut_end = position + length

    def prepare(self, position: int) -> SoundError | None:
        """Opens the sound to be heard from `position`, or decodes further ahead. For a thread that is not the beat.

        Returns what will be in the way of hearing all of it, before the beat comes to it; what is good is still heard.
        """
        try:
            ahead = self._open(max(position, self.cue.start), patience_s=-1)
            if ahead.failure is not None and position >= self._begin_again_at:
                self._begin_again_at = position + BEGIN_AGAIN_SAMPLES
                ahead.begin_again()
            ahead.fill()
            self.trouble = None
            return ahead.failure or self._shortness(ahead)
        except Late:
            pass
        except Exception as error:
            self._fail(error)
        return self.trouble

    def part(self, position: int) -> Part | None:
        """What is heard of it in the frame at `position`; None for nothing. Raises Late, and nothing else."""
        begin = max(position, self.cue.start)
        count = min(position + FRAME_SAMPLES, self.end) - begin
        if count <= 0 or begin < self._retry_at:
            return None
        try:
            ahead = self._open(begin, _PATIENCE_S)
            if self._sound_end != self._origin + ahead.length:
                self._sound_end = self._origin + ahead.length
                self._reshape()
            samples = ahead.take(begin - self._origin, max(0, min(count, self.end - begin)))
        except Late:
            raise
        except Exception as error:
            self._fail(error)
            self._retry_at = begin + RETRY_SAMPLES
            return None
        self.trouble = None
        return self._levelled(samples, begin, position) if samples.size else None

    def close(self) -> None:
        """Lets go of the sound."""
        self._closed = True
        ahead = self._ahead
        if ahead is not None:
            ahead.close()

    def _levelled(self, samples: Samples, begin: int, position: int) -> Part:
        if self._sounded_to != begin:  # joined late, or there was a hole
            self._level = 0.0
            self._slide(begin, JOIN_SAMPLES)
        gain = self._gain(begin, samples.size)
        self._level = gain if isinstance(gain, float) else float(gain[-1])
        self._sounded_to = begin + samples.size
        self.heard += samples.size
        if isinstance(gain, float) and gain == 1.0:
            return Part(begin - position, samples)
        return Part(begin - position, np.multiply(samples, gain, dtype=np.float32))

    def _slide(self, position: int, length: int) -> None:
        self._slide_from, self._slide_at, self._slide_length = self._level, position, length

    def _gain(self, position: int, count: int) -> Gain:
        wanted: Gain = 0.0 if self.is_cut else cue_gain(self._shape, position, count)
        if position >= self._slide_at + self._slide_length:
            return wanted
        arrived = rise(position - self._slide_at, count, self._slide_length)
        return wanted * arrived + self._slide_from * (1.0 - arrived)

    def _open(self, position: int, patience_s: float) -> ReadAhead:
        """The decoding, begun for `position` if there is none. Raises Late while another thread opens it."""
        ahead = self._ahead
        if ahead is not None:
            return ahead
        if not self._opening.acquire(timeout=patience_s):
            raise Late
        try:
            ahead = self._ahead
            if ahead is None and not self._closed:
                ahead = self._ahead = ReadAhead(self._open_sound(self.sound), max(0, position - self._origin))
            if ahead is None or self._closed:  # closed before, or while it was opened
                self.close()
                raise Late
            return ahead
        finally:
            self._opening.release()

    def _shortness(self, ahead: ReadAhead) -> SoundError | None:
        """A file that lost its last page ends early without another sign."""
        missing = self.cue.offset + self.cue.length - ahead.length
        if missing <= FRAME_SAMPLES or self.is_fallback:
            return None
        return SoundDamaged(f"Âm thanh «{self.sound}» ngắn hơn dự kiến {missing / SAMPLE_RATE_HZ:.1f} giây.")

    def _fail(self, error: Exception) -> None:
        self.trouble = error if isinstance(error, SoundError) else SoundDamaged(str(error) or None)
        failed, self._ahead = self._ahead, None
        if failed is not None:
            failed.close()

    def _reshape(self) -> None:
        """The cue as it can be played: not beyond the sound's end, and with a fade wherever it enters or leaves it."""
        cue, sound_end = self.cue, self._sound_end
        fade_in = max(cue.fade_in, JOIN_SAMPLES) if cue.offset > 0 and not self.is_fallback else cue.fade_in
        if sound_end is None:
            self._shape = replace(cue, fade_in=fade_in)
        elif sound_end > cue.end:
            self._shape = replace(cue, fade_in=fade_in, fade_out=max(cue.fade_out, JOIN_SAMPLES))
        else:
            self._shape = replace(cue, fade_in=fade_in, length=max(0, sound_end - cue.start))
