"""The rundown's body: read back as it was written; hostile bytes raise RundownMalformed and nothing else."""

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broadcast.errors import NaiveInstant, RundownMalformed
from broadcast.priority import Rank
from broadcast.rundown import (
    MAX_BODY_BYTES,
    MAX_ITEMS,
    Item,
    Rundown,
    difference,
    from_body,
    from_ms,
    in_order,
    to_body,
    to_ms,
    trimmed,
)

NOW = datetime(2026, 3, 1, 10, tzinfo=UTC)
HALF_HOUR = timedelta(minutes=30)


def item(item_id: str = "a", start: datetime = NOW, **more: Any) -> Item:
    """A minute of normal rank for the whole unit."""
    values: dict[str, Any] = {
        "latest_start": start + HALF_HOUR,
        "sound": "tone:chime",
        "duration_ms": 60_000,
        "rank": Rank.NORMAL,
        "targets": ("unit:48",),
        **more,
    }
    return Item(id=item_id, start=start, **values)


FULL = item(
    "full",
    excludes=("cluster:c2",),
    offset_ms=1_500,
    gain_db=-3.0,
    fade_in_ms=100,
    fade_out_ms=200,
    duck_db=-12.0,
    resume="missed",
    expires=NOW + HALF_HOUR,
    max_stale_s=3600,
    volume_db=6.0,
    language="en",
    title="Thông báo",
    text="Mời bà con họp tổ dân phố.",
    fallback="tone:1000",
    rank=Rank.EMERGENCY,
)


def rundown(*items: Item, revision: int = 1) -> Rundown:
    """A week of unit 48."""
    return Rundown("48", revision, NOW, NOW, NOW + timedelta(days=7), items, ("rendition:" + "0" * 64,))


instants = st.integers(0, 4_000_000_000_000).map(from_ms)
decibels = st.none() | st.floats(-60, 20)


@st.composite
def items(draw: st.DrawFn) -> Item:
    """Any item that can be made."""
    start = draw(instants)
    return Item(
        id=draw(st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)),
        start=start,
        latest_start=start + timedelta(milliseconds=draw(st.integers(0, 10**9))),
        sound=draw(st.sampled_from(["tone:chime", "rendition:" + "ab" * 32])),
        duration_ms=draw(st.integers(1, 10**8)),
        rank=draw(st.sampled_from(Rank)),
        targets=tuple(draw(st.lists(st.sampled_from(["unit:48", "unit:48/1", "cluster:c"]), max_size=3))),
        excludes=tuple(draw(st.lists(st.just("cluster:x"), max_size=2))),
        offset_ms=draw(st.integers(0, 10**6)),
        gain_db=draw(st.floats(-60, 20)),
        duck_db=draw(decibels),
        resume=draw(st.sampled_from(["resume", "missed"])),
        expires=draw(st.none() | instants),
        max_stale_s=draw(st.none() | st.integers(0, 10**6)),
        volume_db=draw(decibels),
        title=draw(st.text(st.characters(codec="utf-8"), max_size=20)),
        fallback=draw(st.none() | st.just("tone:chime")),
    )


@settings(deadline=None)
@given(st.lists(items(), max_size=4), st.integers(0, 2**53 - 1))
def test_a_rundown_comes_back_as_it_was_written(made: list[Item], revision: int) -> None:
    written = rundown(*made, revision=revision)
    body = to_body(written)
    assert from_body(body) == written
    assert to_body(from_body(body)) == body


def test_defaults_are_left_out_of_the_body() -> None:
    (body,) = cbor2.loads(to_body(rundown(item())))["items"]
    assert body.keys() == {"id", "at", "late", "snd", "dur", "rank", "to"}


def test_unknown_keys_are_passed_over() -> None:
    body = cbor2.loads(to_body(rundown(FULL)))
    body["colour"] = "red"
    body["items"][0]["polygon"] = [1, 2]
    assert from_body(cbor2.dumps(body)) == rundown(FULL)


BAD = [
    ("v", 2), ("v", None), ("unit", 4), ("rev", -1), ("rev", 1.0), ("rev", True), ("rev", 2**53), ("issued", "now"),
    ("from", -1), ("to", 10**18), ("items", {}), ("items", [4]), ("items", [{}]), ("prefetch", "x"), ("prefetch", [1]),
]  # fmt: skip
BAD_OF_ITEM = [
    ("id", 4), ("at", None), ("at", 1.5), ("late", 0), ("snd", b"x"), ("dur", 0), ("dur", -1), ("dur", True),
    ("dur", 2**70),
    ("rank", "loud"), ("rank", 10), ("to", "unit:48"), ("to", [1]), ("off", -1), ("gain", float("nan")), ("gain", 1e9),
    ("gain", "0"), ("res", "later"), ("exp", -5), ("stale", "x"), ("vol", float("inf")), ("title", 1), ("fb", 1),
]  # fmt: skip


@pytest.mark.parametrize(("key", "value"), BAD)
def test_a_wrong_field_makes_it_malformed(key: str, value: object) -> None:
    body = cbor2.loads(to_body(rundown(FULL))) | {key: value}
    with pytest.raises(RundownMalformed):
        from_body(cbor2.dumps(body))


@pytest.mark.parametrize(("key", "value"), BAD_OF_ITEM)
def test_a_wrong_field_of_an_item_makes_it_malformed(key: str, value: object) -> None:
    body = cbor2.loads(to_body(rundown(FULL)))
    body["items"][0][key] = value
    with pytest.raises(RundownMalformed):
        from_body(cbor2.dumps(body))


def test_what_is_too_much_is_malformed() -> None:
    with pytest.raises(RundownMalformed):
        from_body(b"\0" * (MAX_BODY_BYTES + 1))
    body = cbor2.loads(to_body(rundown(FULL)))
    body["items"] *= MAX_ITEMS + 1
    with pytest.raises(RundownMalformed):
        from_body(cbor2.dumps(body))
    with pytest.raises(RundownMalformed):
        from_body(b"\x81" * 100_000)


@pytest.mark.parametrize("seed", range(3))
def test_thirty_thousand_altered_bodies_are_read_or_malformed(seed: int) -> None:
    chance = random.Random(seed)
    body = to_body(rundown(FULL, item("b", NOW + HALF_HOUR)))
    for _ in range(10_000):
        hostile = bytearray(body)
        for _ in range(chance.randint(1, 3)):
            at = chance.randrange(len(hostile))
            match chance.randrange(3):
                case 0:
                    hostile[at] = chance.randrange(256)
                case 1:
                    del hostile[at : at + chance.randint(1, 5)]
                case _:
                    hostile[at:at] = chance.randbytes(chance.randint(1, 3))
        try:
            read = from_body(bytes(hostile))
        except RundownMalformed:
            continue
        assert isinstance(read, Rundown)
        assert all(one.latest_start >= one.start and one.duration_ms > 0 for one in read.items)


def test_ten_thousand_random_bodies_are_malformed() -> None:
    chance = random.Random(5)
    for _ in range(10_000):
        with pytest.raises(RundownMalformed):
            from_body(chance.randbytes(chance.randint(0, 60)))


def test_naive_instants_are_refused_at_the_door() -> None:
    with pytest.raises(NaiveInstant):
        item(start=NOW, expires=NOW.replace(tzinfo=None))
    with pytest.raises(NaiveInstant):
        replace(rundown(), issued_at=NOW.replace(tzinfo=None))


@given(instants)
def test_an_instant_keeps_its_millisecond(at: datetime) -> None:
    assert from_ms(to_ms(at)) == at


def test_a_difference_names_what_came_went_and_changed() -> None:
    old = rundown(item("stays"), item("goes"), item("moves"))
    new = rundown(item("stays"), item("moves", NOW + HALF_HOUR), item("comes"))
    found = difference(old, new)
    assert (found.added, found.removed, found.changed) == ({"comes"}, {"goes"}, {"moves"})
    assert not old.same_content(new)
    assert old.same_content(replace(old, revision=9))


def test_items_stand_in_order_of_start_and_id() -> None:
    late, b, a = item("c", NOW + HALF_HOUR), item("b"), item("a")
    assert in_order([late, b, a]) == (a, b, late)


def test_trimming_keeps_what_can_still_sound() -> None:
    old = item("old")
    last_sound = old.latest_start + timedelta(milliseconds=old.duration_ms)
    assert trimmed(rundown(old), last_sound - timedelta(milliseconds=1)).items == (old,)
    assert trimmed(rundown(old), last_sound).items == ()
