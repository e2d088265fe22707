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
from broadcast.rundown import Item, Rundown
from broadcast.rundown_body import MAX_BODY_BYTES, MAX_ITEMS, Contents, Timed, from_body, from_ms, to_body, to_ms

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
    in_order = tuple(sorted(written.items, key=lambda one: (to_ms(one.start), one.id)))
    assert from_body(body) == replace(written, items=in_order)
    assert to_body(from_body(body)) == body


def test_what_is_heard_often_is_written_once() -> None:
    week = [item(f"day {day}", NOW + timedelta(days=day), text="Mời bà con họp. " * 30) for day in range(7)]
    body = cbor2.loads(to_body(rundown(*week, FULL)))
    assert [one["of"] for one in body["items"]] == [0, 1, 0, 0, 0, 0, 0, 0]
    assert len(body["what"]) == 2
    assert len(to_body(rundown(*week))) < len(to_body(rundown(week[0]))) + 6 * 50


@settings(deadline=None)
@given(st.lists(items(), max_size=4))
def test_bodies_are_deterministic_cbor(made: list[Item]) -> None:
    body = to_body(rundown(*made))
    assert cbor2.dumps(cbor2.loads(body), canonical=True) == body


def test_contents_are_cut_with_what_only_later_items_name() -> None:
    soon, later = {"snd": "tone:chime", "text": "a"}, {"snd": "tone:440", "text": "b"}
    whole = Contents.of([Timed(2, "later", 2, later), Timed(1, "soon", 1, soon), Timed(3, "again", 3, soon)])
    assert [one["id"] for one in whole.items] == ["soon", "later", "again"]
    assert whole.first(1) == Contents([soon], [{"at": 1, "id": "soon", "of": 0, "late": 1}])
    assert whole.first(0) == Contents([], [])
    assert whole.without_texts_from(2).what == [soon, {"snd": "tone:440"}]


def test_defaults_are_left_out_of_the_body() -> None:
    body = cbor2.loads(to_body(rundown(item())))
    assert body["items"][0].keys() == {"id", "at", "late", "of"}
    assert body["what"][0].keys() == {"snd", "dur", "rank", "to"}


def test_unknown_keys_are_passed_over() -> None:
    body = cbor2.loads(to_body(rundown(FULL)))
    body["colour"] = "red"
    body["what"][0]["polygon"] = [1, 2]
    body["items"][0]["colour"] = "red"
    assert from_body(cbor2.dumps(body)) == rundown(FULL)


BAD = [
    ("v", 2), ("v", None), ("unit", 4), ("rev", -1), ("rev", 1.0), ("rev", True), ("rev", 2**53), ("issued", "now"),
    ("from", -1), ("to", 10**18), ("items", {}), ("items", [4]), ("items", [{}]), ("prefetch", "x"), ("prefetch", [1]),
    ("what", {}), ("what", []), ("what", [4]), ("what", [{}]), ("what", None),
]  # fmt: skip
BAD_OF_ITEM = [
    ("id", 4), ("at", None), ("at", 1.5), ("late", 0), ("exp", -5), ("of", 1), ("of", -1), ("of", "0"), ("of", True),
    ("of", [0]), ("of", None),
]  # fmt: skip
BAD_OF_WHAT = [
    ("snd", b"x"), ("dur", 0), ("dur", -1), ("dur", True),
    ("dur", 2**70), ("stale", -1), ("stale", 10**13),
    ("rank", "loud"), ("rank", 10), ("to", "unit:48"), ("to", [1]), ("off", -1), ("gain", float("nan")), ("gain", 1e9),
    ("gain", "0"), ("res", "later"), ("stale", "x"), ("vol", float("inf")), ("title", 1), ("fb", 1),
]  # fmt: skip


@pytest.mark.parametrize(("key", "value"), BAD)
def test_a_wrong_field_makes_it_malformed(key: str, value: object) -> None:
    body = cbor2.loads(to_body(rundown(FULL))) | {key: value}
    with pytest.raises(RundownMalformed):
        from_body(cbor2.dumps(body))


@pytest.mark.parametrize(
    ("part", "key", "value"), [("items", *bad) for bad in BAD_OF_ITEM] + [("what", *bad) for bad in BAD_OF_WHAT]
)
def test_a_wrong_field_of_an_item_makes_it_malformed(part: str, key: str, value: object) -> None:
    body = cbor2.loads(to_body(rundown(FULL)))
    body[part][0][key] = value
    with pytest.raises(RundownMalformed):
        from_body(cbor2.dumps(body))


def test_what_is_too_much_is_malformed() -> None:
    with pytest.raises(RundownMalformed):
        from_body(b"\0" * (MAX_BODY_BYTES + 1))
    body = cbor2.loads(to_body(rundown(FULL)))
    for part in ("items", "what"):
        with pytest.raises(RundownMalformed):
            from_body(cbor2.dumps(body | {part: body[part] * (MAX_ITEMS + 1)}))
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
