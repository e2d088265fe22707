"""What the beat will need, made ready before it: opens renditions, lays out the parts of channels, renders mixes.

Works in one thread beside the beat, in which files may be slow. It changes a channel only by replacing its row of
parts. Sounds that cannot be opened give way to their fallback, or to silence, are counted and tried again.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace

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
"""After so long a missing sound is looked for again."""

AHEAD_SAMPLES = 4 * BLOCK_SAMPLES
"""Mixes are rendered 800 ms ahead of the beat."""

_FOR_EVER = 1 << 62


class Planner:
    """Lays out channels and renders their mixes. `missing` and `damaged` count sounds that could not be opened."""

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
        self._mixes: dict[MixKey, Mix] = {}
        self.missing = 0
        self.damaged = 0

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
        except SoundDamaged:
            self.damaged += 1
            return False
        except SoundMissing:
            self.missing += 1
            return False
        return True

    def _part(self, span: Span, start: int, channel: Channel, runs: Mapping[str, PacketRun]) -> Part:
        opus = None
        if span.run is None and "ogg" in channel.mounts:
            opus = self._mix(span, start, "ogg", runs)
        mp3 = self._mix(span, start, "mp3", runs) if "mp3" in channel.mounts else None
        return Part(span.start, span.end, span.run, span.first, opus, mp3)

    def _mix(self, span: Span, start: int, kind: Kind, runs: Mapping[str, PacketRun]) -> Mix:
        key = mix_key(span, kind)
        mix = self._mixes.get(key)
        if mix is None or mix.start > start:
            held = {cue.sound: runs[cue.sound] for cue in span.cues if cue.sound in runs}

            def open_sound(name: str) -> Sound:
                return RunSound(held[name]) if name in held else self._open_sound(name)

            mix = Mix(open_sound, span.cues, start, span.end, kind=kind, bitrate_bps=self._bitrate_bps)
            if span.start <= start:
                mix.render(start + BLOCK_SAMPLES)
            self._mixes[key] = mix
        return mix

    def render(self, position: int) -> None:
        """Renders what the mixes need for the blocks after `position`, and forgets what lies before it."""
        for mix in tuple(self._mixes.values()):
            if mix.start <= position + AHEAD_SAMPLES:
                mix.render(position + AHEAD_SAMPLES)
                mix.forget_before(position // MP3_SAMPLES if mix.kind == "mp3" else position)

    def forget(self, channels: Iterable[Channel]) -> None:
        """Time has jumped: nothing that was laid out is right any more, every channel is to be planned anew."""
        for mix in self._mixes.values():
            mix.close()
        self._mixes.clear()
        for channel in channels:
            channel.parts, channel.cues, channel.plan_again_at = (), None, 0

    def sweep(self, channels: Collection[Channel], position: int) -> None:
        """Lets go of parts that are over and of mixes that no channel carries any more."""
        for channel in channels:
            if channel.parts and channel.parts[0].end <= position:
                channel.parts = tuple(part for part in channel.parts if part.end > position)
        carried = {mix for channel in channels for part in channel.parts for mix in (part.opus, part.mp3) if mix}
        for key, mix in list(self._mixes.items()):
            if mix not in carried:
                del self._mixes[key]
                mix.close()
