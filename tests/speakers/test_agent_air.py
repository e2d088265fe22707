"""From rundowns to cues, and from what was played to the journal; without a thread, a clock or a network."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from broadcast.onair import Place
from broadcast.priority import Rank
from broadcast.rundown import Item, Rundown
from speakers.agent.air import Air, sounds_of
from speakers.agent.journal import Journal
from speakers.agent.memory import open_memory
from speakers.agent.output import Played
from streams.frame import SAMPLE_RATE_HZ, sample_position
from streams.player import Play

NOW = datetime(2026, 3, 1, 10, tzinfo=UTC)
AT = sample_position(NOW)
SECOND = SAMPLE_RATE_HZ
PLACE = Place("48/1")
SOUND = "rendition:" + "0" * 64


def seconds(count: float) -> timedelta:
    return timedelta(seconds=count)


def item(item_id: str, start_s: float, length_s: float = 10, **more: Any) -> Item:
    start = NOW + seconds(start_s)
    values: dict[str, Any] = {"latest_start": start + seconds(60), "rank": Rank.NORMAL, "targets": ("unit:48",), **more}
    return Item(id=item_id, start=start, sound=SOUND, duration_ms=round(length_s * 1000), **values)


def rundown(*items: Item, unit: str = "48", revision: int = 1) -> Rundown:
    return Rundown(unit, revision, NOW, NOW, NOW + timedelta(days=7), items)


@pytest.fixture
def journal() -> Iterator[Journal]:
    memory = open_memory(None)
    yield Journal(memory, NOW)
    memory.close()


@pytest.fixture
def air(journal: Journal) -> Air:
    """A pole that was enrolled yesterday and has been up for an hour."""
    return Air(journal, NOW - timedelta(days=1), NOW - timedelta(hours=1))


def told(journal: Journal) -> list[tuple[str, str, str, int]]:
    return [(entry.item, entry.state, entry.reason, entry.heard_ms) for entry in journal.waiting()]


def play(kind: Any, cue: str, at_s: float, heard_s: float = 0, sound: str = SOUND) -> Played:
    return Played(Play(cue, sound, kind, AT + round(at_s * SECOND), round(heard_s * SECOND)), 0.5)


def test_cues_carry_the_pole_s_volume_and_an_emergency_its_own(air: Air) -> None:
    emergency = item("storm", 30, rank=Rank.EMERGENCY, volume_db=6.0)
    loud = item("loud", 50, volume_db=6.0)
    spans = air.decide([rundown(item("news", 5, gain_db=-1.0), emergency, loud)], PLACE, NOW, None)
    cues = air.cues(spans, -10.0, lambda _: False)
    assert [(cue.id, cue.gain_db) for cue in cues] == [("news#0", -11.0), ("storm#0", 6.0), ("loud#0", -10.0)]


def test_a_pole_whose_clock_or_enrolment_is_wrong_plays_what_is_on_air(journal: Journal) -> None:
    for enrolled in (NOW + timedelta(days=3), NOW - timedelta(days=300)):
        spans = Air(journal, enrolled, NOW).decide([rundown(item("news", 5))], PLACE, NOW, None)
        assert [span.item.id for span in spans] == ["news"]


def test_a_week_of_sounds_is_fetched_for_this_place_the_soonest_first(air: Air) -> None:
    day = 86_400
    items = [
        replace(item("later", 3 * day, fallback="tone:chime"), sound="sound:later"),
        replace(item("last", 6 * day), sound="sound:last"),
        replace(item("news", 5), sound="sound:news"),
        replace(item("elsewhere", 60, targets=("unit:48/2",)), sound="sound:elsewhere"),
    ]
    week = replace(rundown(*items), prefetch=("sound:perhaps",))
    spans = air.decide([week], PLACE, NOW, None)
    wanted = sounds_of([week], PLACE, spans, NOW)
    assert list(dict.fromkeys(wanted)) == ["sound:news", "sound:later", "tone:chime", "sound:last", "sound:perhaps"]


def test_a_sound_on_its_way_is_waited_for_and_one_that_is_lost_has_its_fallback(air: Air) -> None:
    spans = air.decide([rundown(item("news", 5, fallback="tone:chime"))], PLACE, NOW, None)
    assert air.cues(spans, 0.0, lambda _: True)[0].fallback is None
    assert air.cues(spans, 0.0, lambda _: False)[0].fallback == "tone:chime"


def test_what_was_played_is_told_once(air: Air, journal: Journal) -> None:
    air.decide([rundown(item("news", 5))], PLACE, NOW, None)
    air.tell([play("started", "news#0", 5), play("ended", "news#0", 15, 10)])
    for later in (20, 40):
        assert air.settle(NOW + seconds(later)) == 0
    assert told(journal) == [("news", "played", "", 10_000)]


def test_what_went_by_unheard_while_the_pole_was_off_is_missed_offline(journal: Journal) -> None:
    back = Air(journal, NOW - timedelta(days=1), NOW + seconds(30))
    back.decide([rundown(item("news", 5), item("later", 100))], PLACE, NOW + seconds(31), None)
    back.settle(NOW + seconds(31))
    back.settle(NOW + seconds(32))
    assert told(journal) == [("news", "missed", "offline", 0)]


def test_what_came_before_the_pole_was_enrolled_is_nobody_s(journal: Journal) -> None:
    new = Air(journal, NOW + seconds(20), NOW + seconds(20))
    new.decide([rundown(item("news", 5))], PLACE, NOW + seconds(21), None)
    assert new.settle(NOW + seconds(40)) == 0


def test_a_rundown_that_came_after_the_item_makes_it_missed_offline(air: Air, journal: Journal) -> None:
    air.decide([rundown(item("news", 5))], PLACE, NOW + seconds(60), None)
    air.settle(NOW + seconds(60))
    assert told(journal) == [("news", "missed", "offline", 0)]


def test_a_missing_sound_is_missed_for_that_reason(air: Air, journal: Journal) -> None:
    air.decide([rundown(item("news", 5))], PLACE, NOW, None)
    air.tell([play("missing", "news#0", 5)])
    air.settle(NOW + seconds(16))
    assert told(journal) == []  # two seconds of patience
    air.settle(NOW + seconds(17.1))
    assert told(journal) == [("news", "missed", "missing", 0)]


def test_a_sound_that_came_late_is_partly_played(air: Air, journal: Journal) -> None:
    air.decide([rundown(item("news", 5))], PLACE, NOW, None)
    air.tell([play("missing", "news#0", 5), play("started", "news#0", 9), play("ended", "news#0", 15, 6)])
    assert told(journal) == [("news", "partial", "too_late", 6_000)]


def test_a_fallback_is_told_as_what_it_is(air: Air, journal: Journal) -> None:
    air.decide([rundown(item("news", 5, fallback="tone:chime"))], PLACE, NOW, None)
    air.tell([play("fallback", "news#0", 5, 0, "tone:chime"), play("ended", "news#0", 8, 3, "tone:chime")])
    air.settle(NOW + seconds(30))
    (entry,) = journal.waiting()
    assert (entry.sound, entry.state, entry.reason) == ("tone:chime", "missed", "missing")


def test_what_an_emergency_cuts_goes_on_and_is_told_in_parts(air: Air, journal: Journal) -> None:
    news = item("news", 0, 20)
    air.decide([rundown(news)], PLACE, NOW, None)
    air.tell([play("started", "news#0", 0)])
    storm = item("storm", 5, 4, rank=Rank.EMERGENCY)
    spans = air.decide([rundown(news, storm, revision=2)], PLACE, NOW + seconds(4), None)
    assert [(f"{span.item.id}#{span.part}", span.length // SECOND) for span in spans] == [
        ("news#0", 5), ("storm#0", 4), ("news#1", 15),
    ]  # fmt: skip
    air.tell([play("ended", "news#0", 5, 5), play("started", "storm#0", 5), play("ended", "storm#0", 9, 4)])
    air.tell([play("started", "news#1", 9), play("ended", "news#1", 24, 15)])
    air.settle(NOW + seconds(60))
    assert told(journal) == [
        ("news", "played", "", 5_000), ("storm", "played", "", 4_000), ("news", "played", "", 15_000),
    ]  # fmt: skip


def test_what_was_withdrawn_while_it_played_is_cut(air: Air, journal: Journal) -> None:
    air.decide([rundown(item("news", 0))], PLACE, NOW, None)
    air.tell([play("started", "news#0", 0)])
    assert air.decide([rundown(revision=2)], PLACE, NOW + seconds(3), None) == ()
    air.tell([play("cut", "news#0", 3.1, 3.1)])
    air.settle(NOW + seconds(60))
    assert told(journal) == [("news", "partial", "cut", 3_100)]


def test_what_the_decision_itself_gives_up_is_told_with_its_reason(air: Air, journal: Journal) -> None:
    storm = item("storm", 0, 120, rank=Rank.EMERGENCY)
    late = item("late", 10, latest_start=NOW + seconds(20))
    old = item("old", 10, latest_start=NOW + seconds(300), expires=NOW + seconds(15))
    air.decide([rundown(storm, late, old)], PLACE, NOW, None)
    air.tell([play("started", "storm#0", 0), play("ended", "storm#0", 120, 120)])
    for later in (100, 200):
        air.settle(NOW + seconds(later))
    assert sorted(told(journal)) == [
        ("late", "missed", "too_late", 0), ("old", "missed", "expired", 0), ("storm", "played", "", 120_000),
    ]  # fmt: skip


def test_a_play_of_something_else_is_not_journalled(air: Air, journal: Journal) -> None:
    air.tell([play("started", "command#1", 0), play("ended", "command#1", 3, 3)])
    assert journal.playing == ()
    assert told(journal) == []
