"""What becomes of a rundown's items, by the decision that the poles take."""

from datetime import UTC, datetime, timedelta
from typing import Any

from broadcast.outcome import outcomes, place_of
from broadcast.priority import Rank
from broadcast.rundown import Item, Rundown

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
COMMUNE = "48/20242"


def item(name: str, start_s: float, duration_s: int, **more: Any) -> Item:
    """An item for the commune that may begin a minute late."""
    start = NOON + timedelta(seconds=start_s)
    values = {"rank": Rank.NORMAL, "targets": (f"unit:{COMMUNE}",)} | more
    return Item(name, start, start + timedelta(minutes=1), "tone:chime", duration_s * 1000, **values)


def rundown(*items: Item, unit: str = COMMUNE) -> Rundown:
    """A rundown of a unit."""
    return Rundown(unit, 1, NOON, NOON, NOON + timedelta(days=7), items)


def told(own: Rundown, *above: Rundown) -> list[tuple[str, str, str, int]]:
    """(item, state, reason, seconds heard), in order of end."""
    return [(one.item.id, one.state, one.reason, one.heard_ms // 1000) for one in outcomes(own, above)]


def test_an_item_is_judged_under_what_the_units_above_send() -> None:
    city = rundown(item("e", 20, 10, rank=Rank.EMERGENCY, targets=("unit:48",)), unit="48")
    assert told(rundown(item("a", 0, 60))) == [("a", "played", "", 60)]
    (one,) = outcomes(rundown(item("a", 0, 60)), [city])
    assert (one.state, one.done_at) == ("played", NOON + timedelta(seconds=70))
    assert told(rundown(item("a", 0, 60, resume="missed")), city) == [("a", "partial", "cut", 20)]


def test_what_finds_no_place_in_time_is_missed_and_done_at_its_latest_start() -> None:
    (_, missed) = sorted(outcomes(rundown(item("a", 0, 100), item("b", 10, 5)), []), key=lambda one: one.item.id)
    assert (missed.state, missed.reason, missed.done_at) == ("missed", "too_late", NOON + timedelta(seconds=70))
    assert missed.started_at is None


def test_what_expires_is_done_then() -> None:
    (one,) = outcomes(rundown(item("a", 0, 60, expires=NOON + timedelta(seconds=25))), [])
    assert (one.state, one.reason, one.heard_ms) == ("partial", "expired", 25_000)
    assert one.done_at == one.ended_at == NOON + timedelta(seconds=25)


def test_items_for_clusters_are_judged_where_those_hear_them() -> None:
    east, west = (item(name, 0, 60, targets=(f"cluster:{name}",)) for name in ("east", "west"))
    assert place_of(east, COMMUNE).clusters == {"east"}
    assert place_of(item("a", 0, 1), COMMUNE).clusters == frozenset()
    assert sorted(told(rundown(east, west))) == [("east", "played", "", 60), ("west", "played", "", 60)]


def test_nothing_becomes_of_nothing() -> None:
    assert outcomes(rundown(), [rundown(item("a", 0, 60), unit="48")]) == []
