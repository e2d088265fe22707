"""Who has the air: examples that read like a day at a station, and properties that hold for every rundown."""

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broadcast.errors import NaiveInstant
from broadcast.onair import SHORTEST_SPAN_SAMPLES, OnAir, Place, Span, cues_of, decide, item_id_of
from broadcast.priority import Rank
from broadcast.rundown import Item, Rundown
from streams.frame import SAMPLE_RATE_HZ, sample_position, samples_of_ms

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
BEFORE = NOON - timedelta(days=1)
COMMUNE = "48/20197"
PLACE = Place(COMMUNE)


def at(seconds: float) -> datetime:
    """So many seconds after noon."""
    return NOON + timedelta(seconds=seconds)


def item(name: str, start_s: float, duration_s: float, rank: Rank = Rank.NORMAL, **more: object) -> Item:
    """An item for the commune that may begin five minutes late."""
    values: dict[str, object] = {
        "id": name,
        "start": at(start_s),
        "latest_start": at(start_s + 300),
        "sound": f"rendition:{name}",
        "duration_ms": round(duration_s * 1000),
        "rank": rank,
        "targets": (f"unit:{COMMUNE}",),
    }
    return Item(**{**values, **more})  # type: ignore[arg-type]


def rundown(*items: Item, unit: str = COMMUNE, revision: int = 1) -> Rundown:
    """A rundown of a unit."""
    return Rundown(unit, revision, NOON, NOON, NOON + timedelta(days=7), items)


def told(on_air: OnAir) -> list[tuple[str, float, float, float]]:
    """(item, start in seconds after noon, offset in seconds, length in seconds) of each span."""
    noon = sample_position(NOON)
    return [
        (s.item.id, (s.start - noon) / SAMPLE_RATE_HZ, s.offset / SAMPLE_RATE_HZ, s.length / SAMPLE_RATE_HZ)
        for s in on_air.spans
    ]


def lost(on_air: OnAir) -> list[tuple[str, str]]:
    """(item, reason) of what is missed."""
    return [(missed.item.id, missed.reason) for missed in on_air.missed]


class TestExamples:
    """One story each."""

    def test_what_is_alone_plays_from_its_start_to_its_end(self) -> None:
        on_air = decide([rundown(item("a", 0, 60))], BEFORE, PLACE)
        assert told(on_air) == [("a", 0, 0, 60)]
        assert on_air.missed == ()

    def test_an_emergency_cuts_and_what_it_cut_resumes_at_the_right_sample(self) -> None:
        on_air = decide([rundown(item("a", 0, 60), item("e", 20, 10, Rank.EMERGENCY))], BEFORE, PLACE)
        assert told(on_air) == [("a", 0, 0, 20), ("e", 20, 0, 10), ("a", 30, 20, 40)]

    def test_what_does_not_resume_is_declared_missed_with_what_was_heard(self) -> None:
        cut = item("a", 0, 60, resume="missed")
        on_air = decide([rundown(cut, item("e", 20, 10, Rank.EMERGENCY))], BEFORE, PLACE)
        assert told(on_air) == [("a", 0, 0, 20), ("e", 20, 0, 10)]
        assert lost(on_air) == [("a", "cut")]
        assert on_air.missed[0].heard == 20 * SAMPLE_RATE_HZ

    def test_the_later_of_two_normal_items_waits(self) -> None:
        on_air = decide([rundown(item("a", 0, 60), item("b", 30, 60))], BEFORE, PLACE)
        assert told(on_air) == [("a", 0, 0, 60), ("b", 60, 0, 60)]

    def test_who_would_begin_after_the_latest_start_is_missed(self) -> None:
        on_air = decide([rundown(item("a", 0, 400), item("b", 30, 60))], BEFORE, PLACE)
        assert told(on_air) == [("a", 0, 0, 400)]
        assert lost(on_air) == [("b", "too_late")]

    def test_the_emergency_of_the_higher_unit_wins(self) -> None:
        city = rundown(item("city", 10, 20, Rank.EMERGENCY, targets=("unit:48",)), unit="48")
        commune = rundown(item("commune", 0, 20, Rank.EMERGENCY))
        on_air = decide([commune, city], BEFORE, PLACE)
        assert told(on_air) == [("commune", 0, 0, 10), ("city", 10, 0, 20), ("commune", 30, 10, 10)]

    def test_of_two_that_start_together_the_higher_units_is_first_whoever_signed_last(self) -> None:
        for revision in (1, 3):
            city = rundown(item("z", 0, 20, targets=("unit:48",)), unit="48", revision=revision)
            on_air = decide([rundown(item("a", 0, 20), revision=2), city], BEFORE, PLACE)
            assert told(on_air) == [("z", 0, 0, 20), ("a", 20, 0, 20)]

    def test_a_normal_item_of_the_higher_unit_has_no_right_before_an_earlier_one(self) -> None:
        city = rundown(item("city", 10, 20, targets=("unit:48",)), unit="48")
        on_air = decide([rundown(item("commune", 0, 20)), city], BEFORE, PLACE)
        assert told(on_air) == [("commune", 0, 0, 20), ("city", 20, 0, 20)]

    def test_an_item_that_ducks_lies_over_what_plays(self) -> None:
        over = item("e", 20, 10, Rank.PRIORITY, duck_db=-12.0)
        on_air = decide([rundown(item("a", 0, 60), over)], BEFORE, PLACE)
        assert told(on_air) == [("a", 0, 0, 60), ("e", 20, 0, 10)]
        (duck,) = on_air.spans[0].ducks
        assert (duck.start, duck.end, duck.gain_db) == (sample_position(at(20)), sample_position(at(30)), -12.0)

    def test_an_expired_rest_is_not_played(self) -> None:
        dies = item("a", 0, 60, expires=at(25))
        on_air = decide([rundown(dies, item("e", 20, 10, Rank.EMERGENCY))], BEFORE, PLACE)
        assert told(on_air) == [("a", 0, 0, 20), ("e", 20, 0, 10)]
        assert lost(on_air) == [("a", "expired")]

    def test_a_device_that_was_long_out_of_touch_does_not_play_what_must_be_fresh(self) -> None:
        fresh = item("a", 100, 60, max_stale_s=60)
        assert lost(decide([rundown(fresh)], BEFORE, PLACE, last_contact=at(0))) == [("a", "stale")]
        assert told(decide([rundown(fresh)], BEFORE, PLACE, last_contact=at(90))) == [("a", 100, 0, 50)]

    def test_an_item_for_a_cluster_is_heard_by_that_cluster_and_by_whoever_hears_all_below(self) -> None:
        only = rundown(item("a", 0, 60, targets=("cluster:c1",)))
        assert told(decide([only], BEFORE, Place(COMMUNE, frozenset({"c1"})))) == [("a", 0, 0, 60)]
        assert told(decide([only], BEFORE, Place(COMMUNE, frozenset({"c2"})))) == []
        assert told(decide([only], BEFORE, Place(COMMUNE, below=True))) == [("a", 0, 0, 60)]

    def test_an_excluded_cluster_hears_nothing(self) -> None:
        but = rundown(item("a", 0, 60, excludes=("cluster:c1",)))
        assert told(decide([but], BEFORE, Place(COMMUNE, frozenset({"c1"})))) == []
        assert told(decide([but], BEFORE, PLACE)) == [("a", 0, 0, 60)]

    def test_a_neighbour_with_a_similar_code_hears_nothing(self) -> None:
        assert told(decide([rundown(item("a", 0, 60))], BEFORE, Place("48/201970"))) == []

    def test_of_two_rundowns_of_a_unit_the_newer_counts(self) -> None:
        old, new = rundown(item("old", 0, 60)), rundown(item("new", 0, 60), revision=2)
        assert told(decide([new, old], BEFORE, PLACE)) == told(decide([old, new], BEFORE, PLACE)) == [("new", 0, 0, 60)]

    def test_what_ended_before_now_is_not_told(self) -> None:
        day = rundown(item("a", 0, 60), item("b", 100, 60))
        assert [span.item.id for span in decide([day], at(60), PLACE).spans] == ["b"]
        assert [span.item.id for span in decide([day], at(59), PLACE).spans] == ["a", "b"]

    def test_a_gap_too_short_to_hear_anything_is_left_silent(self) -> None:
        day = rundown(item("p", 0, 10, Rank.PRIORITY), item("q", 11, 10, Rank.PRIORITY), item("a", 5, 60))
        assert [told for told in told(decide([day], BEFORE, PLACE)) if told[0] == "a"] == [("a", 21, 0, 60)]

    def test_a_naive_now_is_refused(self) -> None:
        with pytest.raises(NaiveInstant):
            decide([], datetime(2026, 11, 24), PLACE)  # noqa: DTZ001

    def test_cues_carry_the_fades_of_the_item_and_short_joins_where_it_was_cut(self) -> None:
        faded = item("a", 0, 60, fade_in_ms=500, fade_out_ms=700)
        first, middle, last = cues_of(decide([rundown(faded, item("e", 20, 10, Rank.EMERGENCY))], BEFORE, PLACE))
        assert (first.id, middle.id, last.id) == ("a#0", "e#0", "a#1")
        assert (first.fade_in, first.fade_out) == (samples_of_ms(500), samples_of_ms(5))
        assert (last.fade_in, last.fade_out) == (samples_of_ms(5), samples_of_ms(700))
        assert item_id_of(last.id) == "a"


# Properties.

RANKS = st.sampled_from(list(Rank))
UNITS = ("48", COMMUNE, f"{COMMUNE}/thon-1")
DEEP = Place(UNITS[2], frozenset({"c1"}))


@st.composite
def items(draw: st.DrawFn, name: int, earliest_s: int = 0) -> tuple[str, Item]:
    """A unit and an item of its rundown, crowded enough that items often meet."""
    unit = draw(st.sampled_from(UNITS))
    start = at(earliest_s + draw(st.integers(0, 600)) + draw(st.sampled_from((0, 0.001, 0.5))))
    late = timedelta(seconds=draw(st.sampled_from((0, 1, 60, 600))))
    return unit, Item(
        id=f"i{name}",
        start=start,
        latest_start=start + late,
        sound=f"rendition:{name}",
        duration_ms=draw(st.sampled_from((1, 500, 1_999, 2_000, 30_000, 61_234, 300_000))),
        rank=draw(RANKS),
        targets=draw(st.sampled_from(((f"unit:{unit}",), ("cluster:c1",), ("cluster:other",)))),
        offset_ms=draw(st.sampled_from((0, 1_000))),
        duck_db=draw(st.sampled_from((None, None, None, -12.0))),
        resume=draw(st.sampled_from(("resume", "missed"))),
        expires=draw(st.sampled_from((None, None, start + timedelta(seconds=40)))),
        max_stale_s=draw(st.sampled_from((None, None, 300))),
    )


@st.composite
def days(draw: st.DrawFn) -> list[Rundown]:
    """The rundowns of a village, its commune and its city."""
    found = [draw(items(name)) for name in range(draw(st.integers(0, 9)))]
    return [rundown(*(item for of, item in found if of == unit), unit=unit) for unit in UNITS]


def all_of(rundowns: list[Rundown]) -> OnAir:
    """All spans and misses, whenever they are."""
    return decide(rundowns, BEFORE, DEEP, last_contact=at(0))


def lengths(on_air: OnAir) -> dict[str, int]:
    """By item, the samples in its spans."""
    heard: dict[str, int] = {}
    for span in on_air.spans:
        heard[span.item.id] = heard.get(span.item.id, 0) + span.length
    return heard


def overlapping(one: Span, other: Span) -> bool:
    """Whether both sound at one time."""
    return one.start < other.end and other.start < one.end


@given(days(), st.randoms(use_true_random=False))
def test_the_order_of_items_and_rundowns_makes_no_difference(rundowns: list[Rundown], chance: random.Random) -> None:
    mixed = [replace(one, items=tuple(chance.sample(one.items, len(one.items)))) for one in rundowns]
    chance.shuffle(mixed)
    assert all_of(mixed) == all_of(rundowns) == all_of(rundowns)


@given(days(), st.lists(st.integers(1, 9), min_size=3, max_size=3))
def test_signing_anew_changes_nothing_that_is_heard(rundowns: list[Rundown], revisions: list[int]) -> None:
    signed = [replace(one, revision=revision) for one, revision in zip(rundowns, revisions, strict=True)]
    assert all_of(signed) == all_of(rundowns)


@given(days())
def test_two_sounds_of_one_rank_never_sound_together(rundowns: list[Rundown]) -> None:
    spans = all_of(rundowns).spans
    for rank in Rank:
        of_rank = [span for span in spans if span.item.rank is rank]
        assert all(before.end <= after.start for before, after in pairwise(of_rank))


@given(days())
def test_nothing_sounds_beside_what_cuts_it_and_all_that_lies_under_a_ducking_item_is_ducked(
    rundowns: list[Rundown],
) -> None:
    spans = all_of(rundowns).spans
    for strong in spans:
        for weak in spans:
            if strong.item.rank > weak.item.rank and overlapping(strong, weak):
                assert strong.item.duck_db is not None
                start, end = max(strong.start, weak.start), min(strong.end, weak.end)
                assert (start, end, strong.item.duck_db) in [(d.start, d.end, d.gain_db) for d in weak.ducks]


@given(days())
def test_samples_heard_and_samples_missed_are_the_whole(rundowns: list[Rundown]) -> None:
    on_air = all_of(rundowns)
    heard, missed = lengths(on_air), {one.item.id: one for one in on_air.missed}
    for one in (item for day in rundowns for item in day.items):
        if one.targets == ("cluster:other",):
            assert one.id not in heard
            assert one.id not in missed
            continue
        total = samples_of_ms(one.duration_ms)
        assert heard.get(one.id, 0) <= total
        assert (heard.get(one.id, 0) < total) == (one.id in missed)
        if one.id in missed:
            assert missed[one.id].heard == heard.get(one.id, 0)


@given(days())
def test_what_is_cut_resumes_at_the_sample_where_it_stopped(rundowns: list[Rundown]) -> None:
    by_item: dict[str, list[Span]] = {}
    for span in all_of(rundowns).spans:
        by_item.setdefault(span.item.id, []).append(span)
    for spans in by_item.values():
        assert [span.part for span in spans] == list(range(len(spans)))
        assert spans[0].offset == samples_of_ms(spans[0].item.offset_ms)
        for before, after in pairwise(spans):
            assert after.offset == before.offset + before.length
            assert after.start > before.end
            assert after.item.resume == "resume"


@given(days())
def test_everything_begins_between_its_start_and_its_latest_start_and_ends_before_its_limits(
    rundowns: list[Rundown],
) -> None:
    for span in all_of(rundowns).spans:
        assert span.length > 0
        if span.part == 0:
            assert sample_position(span.item.start) <= span.start <= sample_position(span.item.latest_start)
        if span.item.expires is not None:
            assert span.end <= sample_position(span.item.expires)
        if span.item.max_stale_s is not None:
            assert span.end <= sample_position(at(span.item.max_stale_s))


@given(days())
def test_an_emergency_is_delayed_only_by_emergencies(rundowns: list[Rundown]) -> None:
    alone = [replace(day, items=tuple(i for i in day.items if i.rank is Rank.EMERGENCY)) for day in rundowns]
    among = [span for span in all_of(rundowns).spans if span.item.rank is Rank.EMERGENCY]
    assert among == list(all_of(alone).spans)


@given(days())
def test_emergencies_of_the_higher_unit_are_as_if_there_were_no_others(rundowns: list[Rundown]) -> None:
    alone = [
        replace(d, items=tuple(i for i in d.items if i.rank is Rank.EMERGENCY and d.unit == "48")) for d in rundowns
    ]
    among = [span for span in all_of(rundowns).spans if span.item.rank is Rank.EMERGENCY and span.unit == "48"]
    assert among == list(all_of(alone).spans)


@given(days(), st.integers(-60, 1_500), st.integers(1, 900))
def test_asking_later_or_for_less_tells_a_part_of_the_same(rundowns: list[Rundown], now_s: int, horizon_s: int) -> None:
    whole, now, horizon = all_of(rundowns), at(now_s), timedelta(seconds=horizon_s)
    part = decide(rundowns, now, DEEP, horizon=horizon, last_contact=at(0))
    low, high = sample_position(now), sample_position(now + horizon)
    assert part.spans == tuple(span for span in whole.spans if span.end > low and span.start < high)
    assert part.missed == tuple(missed for missed in whole.missed if missed.at >= low)


@st.composite
def later_items(draw: st.DrawFn) -> list[tuple[str, Item]]:
    """Up to four items that start 700 s after noon or later."""
    return [draw(items(100 + name, earliest_s=700)) for name in range(draw(st.integers(0, 4)))]


@given(days(), later_items())
@settings(max_examples=200)
def test_items_added_later_in_time_do_not_change_what_was_before(
    rundowns: list[Rundown], later: list[tuple[str, Item]]
) -> None:
    grown = [replace(day, items=day.items + tuple(one for unit, one in later if unit == day.unit)) for day in rundowns]
    # An item may be held back from a gap that a later one makes too short, never more.
    until = min((sample_position(one.start) for _, one in later), default=0) - SHORTEST_SPAN_SAMPLES

    def before(on_air: OnAir) -> list[tuple[str, int, int, int]]:
        told = [(s.item.id, s.start, s.offset, min(s.end, until)) for s in on_air.spans if s.start < until]
        return sorted(told)

    assert before(all_of(rundowns)) == before(all_of(grown))


@given(days())
def test_cue_ids_are_unique_and_cues_say_what_the_spans_say(rundowns: list[Rundown]) -> None:
    on_air = all_of(rundowns)
    cues = cues_of(on_air)
    assert len({cue.id for cue in cues}) == len(cues)
    assert [(cue.start, cue.offset, cue.length) for cue in cues] == [
        (s.start, s.offset, s.length) for s in on_air.spans
    ]
