"""What the beat will need, made ready before it: opens renditions, lays out the parts of channels, renders mixes.

Works in one thread beside the beat, in which files may be slow. It changes a channel only by replacing its row of
parts. Sounds that cannot be opened give way to their fallback, or to silence, are counted and tried again; a mix that
cannot be rendered is dropped, and who carries it is planned anew.
"""

from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace

import structlog

from streams.channel import BLOCK_SAMPLES, Channel, Part, between
from streams.cue import Cue
from streams.errors import SoundDamaged, SoundMissing
from streams.frame import SAMPLE_RATE_HZ
from streams.mix import Mix, MixKey, mix_key
from streams.mount import Kind
from streams.mp3 import MP3_SAMPLES
from streams.packets import PacketRun
from streams.source import Sound
from streams.sources.run import RunSound
from streams.splice import Span, follow, splice

HORIZON_SAMPLES = 20 * SAMPLE_RATE_HZ
"""Cues that begin within 20 s are laid out; 10 s before the next one begins the channel is planned again."""

TRY_AGAIN_SAMPLES = 2 * SAMPLE_RATE_HZ
"""After so long a missing sound is looked for again, and a mix that failed is made again."""

AHEAD_SAMPLES = 4 * BLOCK_SAMPLES
"""Mixes are rendered 800 ms ahead of the beat."""

_FOR_EVER = 1 << 62
_LACKING_KEPT = 500

log = structlog.get_logger()


class Planner:
    """Lays out channels and renders their mixes.

    `missing` and `damaged` count sounds that could not be opened, each once until it can; `faults` mixes dropped.
    """

    def __init__(
        self,
        open_sound: Callable[[str], Sound],
        packets_of: Callable[[str], PacketRun],
        *,
        bitrate_bps: int,
    ) -> None:
        self._open_sound = open_sound
        self._packets_of = packets_of
        self._bitrate_bps = bitrate_bps
        # Several of one key, where who joined late needed an earlier start than those who carry the first.
        self._mixes: list[tuple[MixKey, Mix]] = []
        self._lacking: deque[tuple[type[SoundMissing], str]] = deque(maxlen=_LACKING_KEPT)
        self.missing = 0
        self.damaged = 0
        self.faults = 0

    @property
    def mixes(self) -> int:
        """How many encoders there are."""
        return len(self._mixes)

    def plan(self, channel: Channel, wanted: Sequence[Cue], now: Callable[[], int]) -> None:
        """Replaces the channel's parts by those of the wanted cues. `now` tells the next block the beat will render."""
        begin = now()
        soon = [cue for cue in wanted if cue.end > begin and cue.start < begin + HORIZON_SAMPLES]
        later = min((cue.start for cue in wanted if cue.start >= begin + HORIZON_SAMPLES), default=_FOR_EVER)
        runs: dict[str, PacketRun] = {}
        cues = [opened for cue in soon if (opened := self._opened(cue, runs))]
        again = later - HORIZON_SAMPLES // 2
        if cues != soon:
            again = min(again, begin + TRY_AGAIN_SAMPLES)
        old_cues = channel.cues
        # A join needs a mix to be rendered first, so the new row takes over a whole block later than it could.
        at = now() if old_cues is None else now() + 2 * BLOCK_SAMPLES
        if old_cues is not None:
            sounding = [cue for cue in old_cues if cue.end > at]
            cues = follow(sounding, cues, at)
            for cue in sounding:
                self._load(cue.sound, runs)
        spans = splice(cues, runs)
        laid = [self._part(span, max(span.start, at), channel, runs) for span in spans if span.end > at]
        kept = between(channel.parts, now(), at)
        channel.parts = (*kept, *between(laid, at, None))
        channel.cues = tuple(cues)
        channel.plan_again_at = again

    def _opened(self, cue: Cue, runs: dict[str, PacketRun]) -> Cue | None:
        """The cue when its sound can be had, else the same with its fallback, else None."""
        if self._load(cue.sound, runs):
            return cue
        if cue.fallback and self._load(cue.fallback, runs):
            return replace(cue, sound=cue.fallback, offset=0, fallback=None)
        return None

    def _load(self, sound: str, runs: dict[str, PacketRun]) -> bool:
        if sound in runs or not sound.startswith("rendition:"):
            return True
        try:
            runs[sound] = self._packets_of(sound)
        except SoundMissing as error:
            self._count(type(error), sound)
            return False
        for kind in (SoundMissing, SoundDamaged):
            if (kind, sound) in self._lacking:
                self._lacking.remove((kind, sound))
        return True

    def _count(self, kind: type[SoundMissing], sound: str) -> None:
        """Counts a sound that cannot be had once, however often and for however many channels it is tried."""
        if (kind, sound) in self._lacking:
            return
        self._lacking.append((kind, sound))
        if kind is SoundDamaged:
            self.damaged += 1
        else:
            self.missing += 1

    def _part(self, span: Span, start: int, channel: Channel, runs: Mapping[str, PacketRun]) -> Part:
        opus = None
        if span.run is None and "ogg" in channel.mounts:
            opus = self._mix(span, start, "ogg", runs)
        mp3 = self._mix(span, start, "mp3", runs) if "mp3" in channel.mounts else None
        return Part(span.start, span.end, span.run, span.first, opus, mp3)

    def _mix(self, span: Span, start: int, kind: Kind, runs: Mapping[str, PacketRun]) -> Mix:
        key = mix_key(span, kind)
        for known, mix in self._mixes:
            if known == key and mix.start <= start:
                return mix
        held = {cue.sound: runs[cue.sound] for cue in span.cues if cue.sound in runs}

        def open_sound(name: str) -> Sound:
            return RunSound(held[name]) if name in held else self._open_sound(name)

        mix = Mix(open_sound, span.cues, start, span.end, kind=kind, bitrate_bps=self._bitrate_bps)
        if span.start <= start:
            mix.render(start + BLOCK_SAMPLES)
        self._mixes.append((key, mix))
        return mix

    def render(self, position: int) -> None:
        """Renders what the mixes need for the blocks after `position`, and forgets what lies before it.

        A mix that fails is dropped and counted; the others go on.
        """
        for entry in tuple(self._mixes):
            mix = entry[1]
            if mix.start > position + AHEAD_SAMPLES:
                continue
            try:
                mix.render(position + AHEAD_SAMPLES)
                mix.forget_before(position // MP3_SAMPLES if mix.kind == "mp3" else position)
            except Exception:
                self.faults += 1
                log.exception("mix_not_rendered", cues=[cue.id for cue in mix.cues])
                self._mixes.remove(entry)
                mix.close()

    def forget(self, channels: Iterable[Channel]) -> None:
        """Time has jumped: nothing that was laid out is right any more, every channel is to be planned anew."""
        for _, mix in self._mixes:
            mix.close()
        self._mixes.clear()
        for channel in channels:
            channel.parts, channel.cues, channel.plan_again_at = (), None, 0

    def sweep(self, channels: Collection[Channel], position: int) -> None:
        """Lets go of parts that are over and of mixes that no channel carries any more.

        A channel that carries a mix which is rendered no more is to be planned anew.
        """
        rendered = {mix for _, mix in self._mixes}
        carried: set[Mix] = set()
        for channel in channels:
            if channel.parts and channel.parts[0].end <= position:
                channel.parts = tuple(part for part in channel.parts if part.end > position)
            mixes = {mix for part in channel.parts for mix in (part.opus, part.mp3) if mix}
            if mixes - rendered:
                channel.plan_again_at = min(channel.plan_again_at, position + TRY_AGAIN_SAMPLES)
            carried |= mixes
        for _, mix in self._mixes:
            if mix not in carried:
                mix.close()
        self._mixes = [(key, mix) for key, mix in self._mixes if mix in carried]
