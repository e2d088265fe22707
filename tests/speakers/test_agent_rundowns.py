"""The rundowns a pole obeys, also when it starts with a clock that is years wrong: nothing is heard twice or never."""

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from broadcast.rundown import Rundown
from broadcast.rundown_body import to_body
from broadcast.signing import generate_key, public_bytes, sign, trusted_key
from speakers.agent.memory import open_memory
from speakers.agent.rundowns import Rundowns
from speakers.topic import topic
from speakers.wire import Wanted

NOW = datetime(2026, 3, 1, 10, tzinfo=UTC)
WRONG = (datetime(1970, 1, 1, 0, 1, tzinfo=UTC), datetime(2099, 1, 1, tzinfo=UTC))
KEY = generate_key()
TOPIC = topic("rundown", "48")


def message(revision: int) -> bytes:
    return sign(to_body(Rundown("48", revision, NOW, NOW, NOW + timedelta(days=7))), TOPIC, KEY)


def rundowns_in(memory: sqlite3.Connection) -> Rundowns:
    return Rundowns(memory, trusted_key(public_bytes(KEY)), "d1", Wanted(0, "48", ("48",)))


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    opened = open_memory(tmp_path)
    yield opened
    opened.close()


def obeyed(rundowns: Rundowns) -> dict[str, int]:
    return {unit: rundown.revision for unit, rundown in rundowns.by_unit.items()}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_kept_rundown_is_obeyed_as_soon_as_the_clock_is_right(memory: sqlite3.Connection, wrong: datetime) -> None:
    rundowns_in(memory).receive(message(5), TOPIC, NOW)
    again = rundowns_in(memory)
    again.recall(wrong)
    assert obeyed(again) == {}
    assert not again.take_up(wrong)
    assert again.take_up(NOW)
    assert obeyed(again) == {"48": 5}
    assert not again.take_up(NOW)


@pytest.mark.parametrize("wrong", WRONG)
def test_a_kept_rundown_that_the_broker_repeats_is_obeyed_too(memory: sqlite3.Connection, wrong: datetime) -> None:
    rundowns_in(memory).receive(message(5), TOPIC, NOW)
    again = rundowns_in(memory)
    again.recall(wrong)
    assert again.receive(message(4), TOPIC, NOW) is None
    assert again.receive(message(5), TOPIC, NOW) is not None
    assert again.refused == {"older": 1}


def test_of_two_that_wait_for_their_time_the_newer_counts(memory: sqlite3.Connection) -> None:
    rundowns = rundowns_in(memory)
    for revision in (6, 5):
        assert rundowns.receive(message(revision), TOPIC, WRONG[0]) is None
    assert rundowns.take_up(NOW)
    assert obeyed(rundowns) == {"48": 6}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_came_while_the_clock_was_wrong_needs_not_come_again(memory: sqlite3.Connection, wrong: datetime) -> None:
    rundowns = rundowns_in(memory)
    assert rundowns.receive(message(5), TOPIC, wrong) is None
    assert rundowns.refused.total() == 1
    assert rundowns.take_up(NOW)
    assert obeyed(rundowns) == {"48": 5}


def test_what_waits_for_its_time_takes_nothing_from_what_is_obeyed(memory: sqlite3.Connection) -> None:
    rundowns = rundowns_in(memory)
    rundowns.receive(message(5), TOPIC, NOW)
    assert rundowns.receive(message(6), TOPIC, WRONG[0]) is None
    assert obeyed(rundowns) == {"48": 5}
    rundowns.receive(message(7), TOPIC, NOW)
    assert not rundowns.take_up(NOW)
    assert obeyed(rundowns) == {"48": 7}
