"""Cues -> frames. The same player stands behind a pole, a listener and a test; it owns no thread and no clock.

Whoever has the beat calls `read` once per frame. Another thread may `give` new cues at any time (they are obeyed from
the next frame on), and should `prepare` a few times a second, so that files are opened and decoded outside the beat.
`read` never fails: a sound that cannot be played is its fallback or silence, and a `Play` says so.
Next: `streams.voice` plays one cue, `streams.mixer` adds the voices, a sink takes the frames.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Literal

from streams.cue import Cue
from streams.frame import FRAME_SAMPLES, SAMPLE_RATE_HZ, Frame, frame_floor
from streams.mixer import Part, mix
from streams.sources.ahead import Late
from streams.voice import OpenSound, Voice

PREPARE_SAMPLES = 10 * SAMPLE_RATE_HZ
MOST_PLAYS = 10_000

PlayKind = Literal["started", "ended", "cut", "missing", "fallback"]


@dataclass(frozen=True, slots=True)
class Play:
    """What became of a cue at `position`. `heard_samples` counts what had gone out of `sound` by then.

    started: its first sample; ended: just after its last, as planned or because the sound was shorter; cut: just
    after the fade that took it off the air; missing: it should be heard and cannot be (a `started` may still follow,
    when the file arrives); fallback: like started, but `sound` is the fallback.
    """

    cue_id: str
    sound: str
    kind: PlayKind
    position: int
    heard_samples: int = 0


class Player:
    """Plays cues from `position` on, which is moved down to the frame grid. `open_sound` finds sounds by name."""

    def __init__(self, open_sound: OpenSound, position: int) -> None:
        self._open_sound = open_sound
        self._position = frame_floor(position)
        self._notes: deque[tuple[Cue, ...]] = deque(maxlen=1)
        self._lists = Lock()  # held for moments only: the beat changes the lists, `prepare` copies them
        self._waiting: list[Voice] = []  # by start, the next one last
        self._voices: list[Voice] = []
        self._plays: deque[Play] = deque(maxlen=MOST_PLAYS)
        self._late_parts = 0

    @property
    def position(self) -> int:
        """The position of the frame that `read` gives next."""
        return self._position

    def give(self, cues: Sequence[Cue]) -> None:
        """All that is wanted from now on, in any order; what is not among it is no longer wanted. From any thread."""
        self._notes.append(tuple(cues))

    def read(self) -> Frame:
        """The next frame, silent when nothing is wanted. Never raises. Its samples must not be written into."""
        position = self._position
        if self._notes:
            self._obey(self._notes.pop(), position)
        if self._waiting and self._waiting[-1].cue.start < position + FRAME_SAMPLES:
            self._begin(position + FRAME_SAMPLES)
        parts = []
        for voice in tuple(self._voices):
            part = self._play(voice, position)
            if part is not None:
                parts.append(part)
        self._position = position + FRAME_SAMPLES
        return mix(position, parts)

    def skip_to(self, position: int) -> None:
        """Leaves out what lies before `position` (on the grid), when the beat was late. Never goes back."""
        self._position = max(self._position, frame_floor(position))

    def prepare(self) -> tuple[str, ...]:
        """Opens what begins within 10 s and decodes ahead what plays. For one thread beside the beat; never raises.

        Returns the ids of the cues that cannot be heard whole, as far as is known: a reason for alarm before they are.
        """
        soon = self._position + PREPARE_SAMPLES
        with self._lists:
            voices = self._voices + [voice for voice in self._waiting if voice.cue.start < soon]
        troubles = [(voice.cue.id, voice.prepare(self._position)) for voice in voices]
        return tuple(cue_id for cue_id, trouble in troubles if trouble is not None)

    def take_late(self) -> int:
        """How many times since the last call a sound was silent for a frame because it was not decoded in time."""
        late, self._late_parts = self._late_parts, 0
        return late

    def take_plays(self) -> list[Play]:
        """What has happened since the last call, oldest first. For one thread, any one."""
        plays = []
        while self._plays:
            plays.append(self._plays.popleft())
        return plays

    def close(self) -> None:
        """Lets go of all files; nothing is wanted any more."""
        with self._lists:
            voices = self._voices + self._waiting
            self._voices, self._waiting = [], []
        for voice in voices:
            voice.close()

    def _obey(self, cues: tuple[Cue, ...], position: int) -> None:
        """Goes on with the voices still wanted, lets go of the others, and keeps the new cues for their time."""
        wanted = {cue.id: cue for cue in cues if cue.end > position and cue.length > 0}
        playing, waiting = [], []
        for voice in self._voices:
            cue = wanted.get(voice.cue.id)
            if cue is not None and voice.continues_as(cue, position):
                voice.follow(wanted.pop(cue.id), position)
            elif not voice.is_cut and "ended" not in voice.told and voice.heard:
                voice.cut(position)
            elif not voice.is_cut:
                voice.close()
                continue
            playing.append(voice)
        for voice in self._waiting:
            cue = wanted.get(voice.cue.id)
            if cue is not None and voice.continues_as(cue, position):
                voice.follow(wanted.pop(cue.id), position)
                waiting.append(voice)
            else:
                voice.close()
        waiting += [Voice(cue, self._open_sound) for cue in wanted.values()]
        waiting.sort(key=lambda voice: (-voice.cue.start, voice.cue.id))
        with self._lists:
            self._voices, self._waiting = playing, waiting

    def _begin(self, before: int) -> None:
        with self._lists:
            while self._waiting and self._waiting[-1].cue.start < before:
                self._voices.append(self._waiting.pop())

    def _play(self, voice: Voice, position: int) -> Part | None:
        """The voice's part of the frame at `position`; writes down what became of it."""
        frame_end = position + FRAME_SAMPLES
        part = None
        try:
            part = voice.part(position)
        except Late:
            self._late_parts += 1
        if part is not None:
            self._tell(voice, "fallback" if voice.is_fallback else "started", position + part.begin, heard=0)
        elif voice.trouble is not None and voice.end > position and not voice.is_cut:
            if voice.cue.fallback is not None and not voice.is_fallback:
                return self._fall_back(voice, position)
            self._tell(voice, "missing", max(position, voice.cue.start), heard=voice.heard)
        if voice.end <= frame_end:
            if voice.heard:
                self._tell(voice, "cut" if voice.is_cut else "ended", voice.end, voice.heard)
            else:
                self._tell(voice, "missing", max(position, voice.cue.start), heard=0)
            if voice.is_cut or voice.cue.end <= frame_end:
                self._drop(voice)
        return part

    def _fall_back(self, voice: Voice, position: int) -> Part | None:
        instead = Voice(voice.cue, self._open_sound, fallback_at=max(position, voice.cue.start))
        with self._lists:
            self._voices[self._voices.index(voice)] = instead
        voice.close()
        return self._play(instead, position)

    def _tell(self, voice: Voice, kind: PlayKind, position: int, heard: int) -> None:
        if kind not in voice.told:
            voice.told.add(kind)
            self._plays.append(Play(voice.cue.id, voice.sound, kind, position, heard))

    def _drop(self, voice: Voice) -> None:
        with self._lists:
            self._voices.remove(voice)
        voice.close()
