"""Which stretches pass through, which are mixed, which are silent."""

from array import array
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.cue import Cue, Duck
from streams.frame import FRAME_SAMPLES as FRAME
from streams.packets import PacketRun
from streams.splice import Span, follow, on_grid, splice

SECOND = 48_000


def run(frames: int, *, passable: bool = True) -> PacketRun:
    """A run of one-byte packets: `frames` of sound and one that holds the rest of the pre-skip."""
    ends = array("I", range(1, frames + 2))
    return PacketRun(b"\1" * (frames + 1), bytes(frames + 1), ends, ends, frames * FRAME, 312, passable)


RUNS = {"rendition:a": run(500), "rendition:b": run(500), "rendition:stereo": run(500, passable=False)}
A = Cue("a", "rendition:a", 0, 0, 500 * FRAME)
B = Cue("b", "rendition:b", 500 * FRAME, 0, 500 * FRAME)


def outline(spans: tuple[Span, ...]) -> list[tuple[int, int, str, int]]:
    """Start and end in frames, what is heard, and the first packet (-1: mixed)."""
    return [
        (
            span.start // FRAME,
            span.end // FRAME,
            "+".join(sorted(cue.id for cue in span.cues)),
            span.first if span.run else -1,
        )
        for span in spans
    ]


def test_a_programme_alone_passes_through_with_its_last_packet() -> None:
    assert outline(splice([A], RUNS)) == [(0, 501, "a", 0)]


def test_two_programmes_that_meet_pass_through_without_a_mix() -> None:
    assert outline(splice([A, B], RUNS)) == [(0, 500, "a", 0), (500, 1001, "b", 0)]


def test_programmes_that_meet_between_two_frames_still_meet() -> None:
    shift = 700
    moved = [replace(A, start=shift), replace(B, start=B.start + shift)]

    assert outline(splice(moved, RUNS)) == [(1, 501, "a", 0), (501, 1002, "b", 0)]


def test_a_cut_in_the_middle_is_mixed_and_the_rest_passes() -> None:
    cut = replace(A, offset=100 * FRAME, length=200 * FRAME)

    assert outline(splice([cut], RUNS)) == [(0, 1, "a", -1), (1, 199, "a", 101), (199, 200, "a", -1)]


@pytest.mark.parametrize(
    "cue", [replace(A, gain_db=-1.0), replace(A, sound="tone:1000"), replace(A, sound="rendition:stereo")]
)
def test_what_cannot_be_passed_is_mixed_whole(cue: Cue) -> None:
    assert outline(splice([cue], RUNS)) == [(0, 500, "a", -1)]


def test_only_the_duck_and_its_release_are_mixed() -> None:
    ducked = replace(A, ducks=(Duck(100 * FRAME, 150 * FRAME, -12.0),))

    assert outline(splice([ducked], RUNS)) == [(0, 100, "a", 0), (100, 175, "a", -1), (175, 501, "a", 175)]


def test_where_two_are_heard_both_are_mixed() -> None:
    over = replace(B, start=200 * FRAME, length=100 * FRAME, offset=0)

    assert outline(splice([A, over], RUNS)) == [(0, 200, "a", 0), (200, 300, "a+b", -1), (300, 501, "a", 300)]


def test_a_long_fade_is_mixed() -> None:
    faded = replace(A, fade_in=10 * FRAME, fade_out=20 * FRAME)

    assert outline(splice([faded], RUNS)) == [(0, 10, "a", -1), (10, 480, "a", 10), (480, 500, "a", -1)]


def test_a_cue_longer_than_its_sound_ends_with_it() -> None:
    assert outline(splice([replace(A, length=900 * FRAME)], RUNS)) == [(0, 501, "a", 0)]


def test_nothing_is_said_about_a_cue_without_length() -> None:
    assert splice([replace(A, length=0)], RUNS) == ()


def test_following_the_same_cues_changes_nothing() -> None:
    assert follow([A, B], [A, B], 100 * FRAME) == [A, B]


def test_what_is_no_longer_wanted_is_cut_with_its_fade() -> None:
    (tail,) = follow([A], [], 100 * FRAME)

    assert (tail.end, tail.fade_out) == (100 * FRAME + A.fade_out, A.fade_out)
    assert follow([tail], [], 101 * FRAME) == []


def test_what_is_new_and_has_begun_is_joined_in_its_middle() -> None:
    (joined,) = follow([], [A], 100 * FRAME)

    assert (joined.start, joined.offset, joined.end) == (100 * FRAME, 100 * FRAME, A.end)
    assert follow([joined], [A], 300 * FRAME) == [joined]


def test_what_is_not_yet_heard_is_dropped_without_a_sound() -> None:
    assert follow([B], [], 100 * FRAME) == []


cues = st.builds(
    Cue,
    id=st.uuids().map(str),
    sound=st.sampled_from(["rendition:a", "rendition:b", "rendition:stereo", "tone:1000"]),
    start=st.integers(0, 20 * SECOND),
    offset=st.one_of(st.just(0), st.integers(0, 12 * SECOND)),
    length=st.integers(0, 12 * SECOND),
    gain_db=st.sampled_from([0.0, 0.0, -6.0]),
    fade_in=st.sampled_from([240, 0, 5000]),
    fade_out=st.sampled_from([240, 0, 5000]),
    ducks=st.lists(
        st.builds(Duck, st.integers(0, 9 * SECOND), st.integers(0, 20 * SECOND), st.just(-12.0)), max_size=2
    ).map(tuple),
)


@given(st.lists(cues, max_size=6))
def test_spans_are_in_order_apart_on_the_grid_and_within_their_runs(wanted: list[Cue]) -> None:
    spans = splice(wanted, RUNS)

    end = -FRAME
    for span in spans:
        assert span.start >= end
        assert span.start < span.end
        assert span.start % FRAME == span.end % FRAME == 0
        assert span.cues
        if span.run is not None:
            (cue,) = span.cues
            assert cue.gain_db == 0.0
            assert span.first == (span.start - cue.start + cue.offset) // FRAME
            assert span.first >= 0
            assert span.first + (span.end - span.start) // FRAME <= len(span.run)
        end = span.end


@given(cues)
def test_a_cue_is_moved_by_at_most_half_a_frame_and_its_sound_lies_on_the_grid(cue: Cue) -> None:
    placed = on_grid(cue)

    assert abs(placed.start - cue.start) <= FRAME // 2
    assert abs(placed.end - cue.end) <= FRAME // 2
    assert abs((placed.start - placed.offset) - (cue.start - cue.offset)) <= FRAME // 2
    assert placed.start % FRAME == placed.offset % FRAME == placed.length % FRAME == 0


@given(st.lists(cues, max_size=5, unique_by=lambda cue: cue.id), st.lists(cues, max_size=5), st.integers(0, 400))
def test_after_a_change_only_wanted_cues_and_short_tails_are_left(old: list[Cue], new: list[Cue], frame: int) -> None:
    at = frame * FRAME
    wanted = {cue.id for cue in new}

    for cue in follow(old, new, at):
        assert cue.length > 0
        assert cue.id in wanted or cue.end <= at + max(cue.fade_out, 240)
