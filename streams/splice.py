"""Which stretches of a channel are silence, which carry packets unchanged, and which must be mixed.

Pure: cues and opened packet runs in, a row of spans on the frame grid out. One rendition alone at unity gain is
passed through; its own beginning and end need no fade, a cut in its middle does. Cues are first moved to the
nearest frame (at most 10 ms), so that passed and mixed stretches of one sound fit together to the sample.
`streams.channel` carries the spans out, `streams.mix` renders the mixed ones.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from streams.cue import JOIN_SAMPLES, Cue
from streams.frame import FRAME_SAMPLES
from streams.gain import DUCK_RELEASE_SAMPLES
from streams.packets import PacketRun


@dataclass(frozen=True, slots=True)
class Span:
    """From `start` to `end` (frame positions) the `cues` are heard; none: silence.

    With `run` the span is packets of that run unchanged, packet `first` at `start`; without, it must be mixed.
    """

    start: int
    end: int
    cues: tuple[Cue, ...] = ()
    run: PacketRun | None = None
    first: int = 0


def nearest_frame(position: int) -> int:
    """The frame position nearest to a position."""
    return (position + FRAME_SAMPLES // 2) // FRAME_SAMPLES * FRAME_SAMPLES


def _next_frame(position: int) -> int:
    return -(-position // FRAME_SAMPLES) * FRAME_SAMPLES


def on_grid(cue: Cue) -> Cue:
    """The cue with its start, its end and the first sample of its sound on the frame grid.

    Cues that met before still meet: start and end are moved each to the nearest frame.
    """
    start, end = nearest_frame(cue.start), nearest_frame(cue.end)
    zero = min(nearest_frame(cue.start - cue.offset), start)
    return replace(cue, start=start, offset=start - zero, length=max(0, end - start))


def follow(old: Sequence[Cue], new: Sequence[Cue], at: int) -> list[Cue]:
    """The cues to obey from `at` on, when `old` were obeyed until then: what stops fades out, what joins fades in.

    A cue of both goes on unheard. A cue of `old` alone that sounds at `at` is cut to end one fade later; a cue of
    `new` alone that began before `at` begins there, in its middle.
    """
    known = {cue.id: cue for cue in old}
    wanted = []
    going_on = set()
    for cue in new:
        before = known.get(cue.id)
        if before is not None and _same_sound(before, cue):
            going_on.add(cue.id)
            late = max(0, before.start - cue.start)
            wanted.append(_begun_later(cue, late))
        else:
            wanted.append(_begun_later(cue, max(0, at - cue.start)))
    for cue in old:
        if cue.id not in going_on and cue.start < at < cue.end:
            fade = max(cue.fade_out, JOIN_SAMPLES)
            wanted.append(replace(cue, id=f"{cue.id}~", length=min(cue.end, at + fade) - cue.start, fade_out=fade))
    return [cue for cue in wanted if cue.length > 0]


def _begun_later(cue: Cue, samples: int) -> Cue:
    return replace(cue, start=cue.start + samples, offset=cue.offset + samples, length=cue.length - samples)


def _same_sound(one: Cue, other: Cue) -> bool:
    return (one.sound, one.start - one.offset, one.gain_db) == (other.sound, other.start - other.offset, other.gain_db)


def splice(cues: Iterable[Cue], runs: Mapping[str, PacketRun]) -> tuple[Span, ...]:
    """The spans in which something is heard, in order and without overlap; between them is silence.

    `cues` may lie off the grid; `runs` holds the packets of the sounds that may be passed through.
    """
    placed = [_within_run(cue, runs) for cue in map(on_grid, cues)]
    placed = [cue for cue in placed if cue.length > 0]
    mixed = {index: _mixed_stretches(cue, runs.get(cue.sound)) for index, cue in enumerate(placed)}
    marks = {mark for cue in placed for mark in (cue.start, cue.end)}
    marks |= {mark for stretches in mixed.values() for stretch in stretches for mark in stretch}
    spans: list[Span] = []
    for start, end in pairwise(sorted(marks)):
        heard = [index for index, cue in enumerate(placed) if cue.start <= start and end <= cue.end]
        if not heard:
            continue
        alone = len(heard) == 1 and not any(low <= start < high for low, high in mixed[heard[0]])
        _append(spans, _span(start, end, [placed[index] for index in heard], runs if alone else {}))
    return _with_last_packets(spans)


def _with_last_packets(spans: list[Span]) -> tuple[Span, ...]:
    """Where silence follows the last whole frame of a run, one more packet holds the rest that the pre-skip delays."""
    for index, span in enumerate(spans):
        followed = index + 1 < len(spans) and spans[index + 1].start == span.end
        next_packet = span.first + (span.end - span.start) // FRAME_SAMPLES
        if span.run is not None and not followed and next_packet == len(span.run) - 1:
            spans[index] = replace(span, end=span.end + FRAME_SAMPLES)
    return tuple(spans)


def _span(start: int, end: int, cues: list[Cue], runs: Mapping[str, PacketRun]) -> Span:
    run = runs.get(cues[0].sound)
    first = (start - cues[0].start + cues[0].offset) // FRAME_SAMPLES if run else 0
    return Span(start, end, tuple(cues), run, first)


def _append(spans: list[Span], span: Span) -> None:
    """Joins the span to the last one where both are of one piece: the same packets, or both mixed."""
    last = spans[-1] if spans else None
    if last and last.end == span.start and last.run is span.run and (span.run is None or last.cues == span.cues):
        spans[-1] = replace(last, end=span.end, cues=tuple(dict.fromkeys(last.cues + span.cues)))
    else:
        spans.append(span)


def _within_run(cue: Cue, runs: Mapping[str, PacketRun]) -> Cue:
    """A cue that is longer than its sound ends with it (and with the last packet, which holds the pre-skip's rest)."""
    run = runs.get(cue.sound)
    if run is None:
        return cue
    return replace(cue, length=max(0, min(cue.length, len(run) * FRAME_SAMPLES - cue.offset)))


def _mixed_stretches(cue: Cue, run: PacketRun | None) -> list[tuple[int, int]]:
    """The stretches of a cue (frame positions) that cannot be passed through even when it is alone."""
    if run is None or not run.passable or cue.gain_db != 0.0:
        return [(cue.start, cue.end)]
    stretches = [
        (duck.start // FRAME_SAMPLES * FRAME_SAMPLES, _next_frame(duck.end + DUCK_RELEASE_SAMPLES))
        for duck in cue.ducks
        if duck.end > duck.start and duck.gain_db != 0.0
    ]
    natural_end = cue.offset + cue.length > run.length - FRAME_SAMPLES
    if cue.fade_in > JOIN_SAMPLES or (cue.offset > 0 and cue.fade_in > 0):
        stretches.append((cue.start, _next_frame(cue.start + cue.fade_in)))
    if cue.fade_out > JOIN_SAMPLES or (not natural_end and cue.fade_out > 0):
        stretches.append(((cue.end - cue.fade_out) // FRAME_SAMPLES * FRAME_SAMPLES, cue.end))
    inside = ((max(low, cue.start), min(high, cue.end)) for low, high in stretches)
    return [(low, high) for low, high in inside if low < high]
