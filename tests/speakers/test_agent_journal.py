"""The journal: an entry for each span, numbered when finished, kept until the station has it, through power cuts."""

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from broadcast.onair import Span
from broadcast.priority import Rank
from broadcast.rundown import Item
from speakers.agent.journal import KEPT_SAMPLES, Journal
from speakers.agent.memory import Sparing, open_memory
from streams.frame import SAMPLE_RATE_HZ, sample_position

NOW = datetime(2026, 3, 1, 10, tzinfo=UTC)
AT = sample_position(NOW)
SECOND = SAMPLE_RATE_HZ


def span(item_id: str = "a", seconds: int = 10, start: int = AT) -> Span:
    item = Item(item_id, NOW, NOW + timedelta(hours=1), "tone:chime", seconds * 1000, Rank.NORMAL, ("unit:48",))
    return Span(item, "48/20197", 0, start, 0, seconds * SECOND)


@pytest.fixture
def memory(tmp_path: Path) -> sqlite3.Connection:
    opened = open_memory(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def journal(memory: sqlite3.Connection) -> Journal:
    return Journal(memory, NOW)


def test_a_span_that_was_heard_is_played(journal: Journal) -> None:
    journal.start("a#0", span(), AT, "tone:chime", 1.5)
    assert journal.playing == ("a#0",)
    assert journal.waiting() == []
    journal.end("a#0", span(), AT + 10 * SECOND, 10 * SECOND, "")
    (entry,) = journal.waiting()
    assert (entry.item, entry.cue, entry.unit, entry.state, entry.reason) == ("a", "a#0", "48/20197", "played", "")
    assert (entry.planned, entry.started, entry.ended) == (NOW, NOW, NOW + timedelta(seconds=10))
    assert (entry.heard_ms, entry.planned_ms, entry.item_ms, entry.error_ms) == (10_000, 10_000, 10_000, 1.5)


@pytest.mark.parametrize(
    ("heard_s", "reason", "state", "told"),
    [(9.6, "cut", "played", ""), (9.4, "cut", "partial", "cut"), (3, "too_late", "partial", "too_late")],
)
def test_half_a_second_may_lack(journal: Journal, heard_s: float, reason: str, state: str, told: str) -> None:
    journal.start("a#0", span(), AT, "tone:chime", None)
    journal.end("a#0", span(), AT + 10 * SECOND, round(heard_s * SECOND), reason)
    (entry,) = journal.waiting()
    assert (entry.state, entry.reason) == (state, told)


def test_a_fallback_does_not_count_as_heard(journal: Journal) -> None:
    journal.start("a#0", span(), AT, "tone:1000", None)
    journal.end("a#0", span(), AT + 10 * SECOND, 10 * SECOND, "missing")
    (entry,) = journal.waiting()
    assert (entry.sound, entry.state, entry.reason, entry.heard_ms) == ("tone:1000", "missed", "missing", 0)


def test_numbers_grow_and_batches_are_bounded(journal: Journal) -> None:
    for n in range(250):
        journal.miss(f"i{n}#0", span(f"i{n}"), "offline")
    batch = journal.waiting()
    assert len(batch) == 200
    numbers = [entry.sequence for entry in batch]
    assert numbers == list(range(numbers[0], numbers[0] + 200))
    journal.acknowledge(numbers[-1], AT)
    assert [entry.sequence for entry in journal.waiting()] == list(range(numbers[-1] + 1, numbers[-1] + 51))
    assert journal.waiting_count == 50


def test_a_power_cut_leaves_a_partial_entry_and_the_rest_says_power_too(tmp_path: Path) -> None:
    memory = open_memory(tmp_path)
    before = Journal(memory, NOW)
    before.start("a#0", span(), AT, "tone:chime", 0.0)
    before.mark_alive(AT + 4 * SECOND)
    memory.close()
    memory = open_memory(tmp_path)
    after = Journal(memory, NOW + timedelta(seconds=7))
    assert after.recover() == 1
    after.start("a#0", span(), AT + 7 * SECOND, "tone:chime", 0.0)
    after.end("a#0", span(), AT + 10 * SECOND, 3 * SECOND, "too_late")
    first, second = after.waiting()
    assert (first.state, first.reason, first.heard_ms) == ("partial", "power", 4_000)
    assert (second.state, second.reason, second.heard_ms) == ("partial", "power", 3_000)
    memory.close()


def test_what_was_acknowledged_stays_so_after_a_restart(tmp_path: Path) -> None:
    memory = open_memory(tmp_path)
    before = Journal(memory, NOW)
    before.miss("a#0", span(), "offline")
    before.acknowledge(before.waiting()[-1].sequence, AT)
    memory.close()
    memory = open_memory(tmp_path)
    after = Journal(memory, NOW)
    assert after.waiting() == []
    assert after.tells("a#0", AT)
    after.miss("b#0", span("b"), "offline")
    assert [entry.item for entry in after.waiting()] == ["b"]
    memory.close()


def test_a_restored_station_is_told_again(journal: Journal) -> None:
    for n in range(3):
        journal.miss(f"i{n}#0", span(f"i{n}"), "offline")
    first, _, last = (entry.sequence for entry in journal.waiting())
    journal.acknowledge(last, AT)
    assert journal.waiting() == []
    journal.acknowledge(first, AT)
    assert [entry.item for entry in journal.waiting()] == ["i1", "i2"]


def test_an_acknowledgement_of_what_was_never_sent_loses_nothing(journal: Journal) -> None:
    journal.acknowledge(2**52, AT)
    journal.miss("a#0", span(), "offline")
    assert [entry.item for entry in journal.waiting()] == ["a"]


def test_what_the_station_has_is_forgotten_after_days(journal: Journal, memory: sqlite3.Connection) -> None:
    journal.miss("a#0", span(), "offline")
    journal.acknowledge(journal.waiting()[0].sequence, AT + KEPT_SAMPLES + 1)
    assert memory.execute("SELECT count(*) FROM journal").fetchone() == (0,)
    assert not journal.tells("a#0", AT)


def test_numbers_begin_above_nothing_also_under_a_clock_of_1970(memory: sqlite3.Connection) -> None:
    journal = Journal(memory, datetime(1970, 1, 1, tzinfo=UTC))
    journal.miss("a#0", span(), "offline")
    assert [entry.sequence for entry in journal.waiting()] == [1]


def test_a_memory_that_was_rolled_back_gives_its_entries_numbers_the_station_does_not_have(
    memory: sqlite3.Connection,
) -> None:
    journal = Journal(memory, NOW)
    journal.miss("a#0", span(), "offline")
    kept = journal.waiting()[0].sequence
    journal.acknowledge(kept, AT)
    journal.miss("b#0", span("b"), "offline")
    journal.miss("c#0", span("c"), "offline")
    journal.acknowledge(kept + 500, AT)
    assert [(entry.item, entry.sequence) for entry in journal.waiting()] == [("b", kept + 501), ("c", kept + 502)]
    again = Journal(memory, NOW)
    again.miss("d#0", span("d"), "offline")
    assert [entry.sequence - kept for entry in again.waiting()] == [501, 502, 503]


def test_a_damaged_memory_is_put_aside_and_numbers_still_grow(tmp_path: Path) -> None:
    memory = open_memory(tmp_path)
    before = Journal(memory, NOW)
    before.miss("a#0", span(), "offline")
    number = before.waiting()[0].sequence
    memory.close()
    file = tmp_path / "agent.sqlite"
    file.write_bytes(b"\xff" * 4096 + file.read_bytes()[4096:])
    memory = open_memory(tmp_path)
    after = Journal(memory, NOW + timedelta(minutes=1))
    after.miss("b#0", span("b"), "offline")
    (entry,) = after.waiting()
    assert entry.sequence > number
    assert (tmp_path / "agent.damaged").exists()
    memory.close()


def test_a_full_disk_loses_no_entry_and_ends_nothing(
    journal: Journal, memory: sqlite3.Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    journal.start("a#0", span(), AT, "tone:chime", 0.0)
    (pages,) = memory.execute("PRAGMA page_count").fetchone()
    memory.execute(f"PRAGMA max_page_count = {pages}")
    sparing = Sparing()
    for n in range(400):
        with sparing.spared():
            journal.miss(f"i{n}#0", span("x" * 400), "offline")
    assert capsys.readouterr().out.count("memory_failed") == 1
    written = len(journal.waiting())
    assert written < 200
    memory.execute("PRAGMA max_page_count = 100000")
    journal.end("a#0", span(), AT + 10 * SECOND, 10 * SECOND, "")
    assert journal.playing == ()
    assert journal.waiting()[-1].state == "played"
