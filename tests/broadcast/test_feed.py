"""The feed gives listeners the cues that the poles obey."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from threading import Event
from typing import Any

import pytest

from broadcast.feed import Feed
from broadcast.playout import Playout
from broadcast.schedule import add, play_now
from broadcast.signing import generate_key
from streams.cue import Cue
from streams.frame import sample_position


class Engine:
    """Notes what it is given."""

    def __init__(self, *channels: str) -> None:
        self.channels = list(channels)
        self.given: list[tuple[str, list[Cue]]] = []
        self.callbacks: list[Callable[[str], None]] = []
        self.fed = Event()

    def listened(self) -> Sequence[str]:
        """Who is listened to."""
        return self.channels

    def give(self, channel: str, cues: Sequence[Cue]) -> None:
        """Take cues."""
        self.given.append((channel, list(cues)))
        self.fed.set()

    def on_open(self, callback: Callable[[str], None]) -> None:
        """Keep the callback."""
        self.callbacks.append(callback)


@pytest.fixture
def playout(desk: Any, now: datetime) -> Playout:
    """A playout that looks when told."""
    return Playout(desk.database, desk.storage, generate_key(), now=lambda: now)


def start(desk: Any, now: datetime, unit: Any, cluster: str | None = None) -> str:
    """Put a programme on air; gives its sound."""
    programme = desk.approved(seconds=120)
    with desk.database.transaction() as session:
        play_now(session, programme, [(unit.id, cluster)], desk.editor, now, lead_ms=400)
    return f"rendition:{programme.rendition_sha256}"


@pytest.mark.parametrize("by_slug", [False, True])
def test_a_listener_hears_what_is_on_air_at_the_unit(desk: Any, now: datetime, playout: Playout, by_slug: bool) -> None:
    unit = desk.city.hai_chau
    sound = start(desk, now, unit, "cụm 1")
    playout.look(now)
    engine = Engine(unit.slug if by_slug else unit.path, desk.city.lien_chieu.path)
    Feed(desk.database, engine, now=lambda: now).feed(now)
    given = dict(engine.given)
    (cue,) = given[engine.channels[0]]
    assert (cue.sound, cue.start) == (sound, sample_position(now + timedelta(milliseconds=400)))
    assert given[engine.channels[1]] == []


def test_cues_are_given_again_only_when_they_change(desk: Any, now: datetime, playout: Playout) -> None:
    engine = Engine(desk.city.hai_chau.path)
    feed = Feed(desk.database, engine, now=lambda: now)
    for _ in range(3):
        feed.feed(now)
    start(desk, now, desk.city.hai_chau)
    playout.look(now)
    for _ in range(3):
        feed.feed(now)
    assert [len(cues) for _, cues in engine.given] == [0, 1]


def test_nothing_is_decided_anew_until_a_rundown_that_is_heard_changes_or_the_cues_run_low(
    desk: Any, now: datetime, playout: Playout
) -> None:
    decided: list[str] = []

    class Counted(Feed):
        def cues(self, unit: str, now: datetime) -> list[Cue]:
            decided.append(unit)
            return super().cues(unit, now)

    start(desk, now, desk.city.hai_chau)
    playout.look(now)
    feed = Counted(desk.database, Engine("hai-chau", desk.city.lien_chieu.path), now=lambda: now)
    for second in range(200):
        feed.feed(now + timedelta(seconds=second))
    assert set(decided) == {desk.city.hai_chau.path, desk.city.lien_chieu.path}
    assert len(decided) == 2
    start(desk, now + timedelta(seconds=200), desk.city.lien_chieu)
    playout.look(now + timedelta(seconds=200))
    feed.feed(now + timedelta(seconds=200))
    assert decided[2:] == [desk.city.lien_chieu.path]
    feed.feed(now + timedelta(seconds=301))
    assert decided[3:] == [desk.city.hai_chau.path]


def test_a_channel_that_could_not_be_fed_is_fed_at_the_next_look(desk: Any, now: datetime, playout: Playout) -> None:
    unit, failing = desk.city.hai_chau, [True]

    class Failing(Feed):
        def cues(self, unit: str, now: datetime) -> list[Cue]:
            if failing:
                failing.pop()
                raise OSError("the disk is away for a moment")
            return super().cues(unit, now)

    engine = Engine(unit.path)
    feed = Failing(desk.database, engine, now=lambda: now)
    for _ in range(2):
        feed.feed(now)
    start(desk, now, unit)
    playout.look(now)
    failing.append(True)
    for _ in range(2):
        feed.feed(now)
    assert (feed.failed, [len(cues) for _, cues in engine.given]) == (2, [0, 1])


def test_only_the_next_minutes_are_given(desk: Any, now: datetime, playout: Playout) -> None:
    targets = [(desk.city.hai_chau.id, None)]
    with desk.database.transaction() as session:
        add(session, desk.approved(), targets, "2026-11-22T17:30:00", person=desk.editor, now=now)
    playout.look(now)
    feed = Feed(desk.database, Engine(), now=lambda: now)
    assert feed.cues(desk.city.hai_chau.path, now) == []
    assert len(feed.cues(desk.city.hai_chau.path, now + timedelta(minutes=25))) == 1


def test_the_citys_channel_plays_only_what_is_for_the_whole_city(desk: Any, now: datetime, playout: Playout) -> None:
    start(desk, now, desk.city.hai_chau)
    sound = start(desk, now, desk.city.city)
    playout.look(now)
    feed = Feed(desk.database, Engine(), now=lambda: now)
    assert [cue.sound for cue in feed.cues("48", now)] == [sound]


def test_an_unknown_channel_is_silent(desk: Any, now: datetime) -> None:
    assert Feed(desk.database, Engine(), now=lambda: now).cues("nowhere", now) == []


async def test_a_new_listener_is_fed_at_once_and_the_loop_ends_when_told(desk: Any, now: datetime) -> None:
    engine = Engine()
    feed, stop = Feed(desk.database, engine, now=lambda: now), asyncio.Event()
    running = asyncio.create_task(feed.run(stop))
    async with asyncio.timeout(20):
        await asyncio.sleep(0)
        engine.channels.append(desk.city.hai_chau.path)
        engine.callbacks[0](engine.channels[0])
        assert await asyncio.to_thread(engine.fed.wait, 10)
        stop.set()
        await running
