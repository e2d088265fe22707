"""The database: aware instants only, all or nothing, and readers that keep no writer waiting."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise

import pytest
from sqlalchemy.exc import StatementError

from broadcast.account import Attempt
from broadcast.database import Database, new_id
from broadcast.errors import NaiveInstant


def attempt(at: datetime) -> Attempt:
    return Attempt(id=new_id(), sign_in_name="lan", address="", at=at)


def test_a_naive_instant_is_refused_at_the_door(database: Database) -> None:
    def keep() -> None:
        with database.transaction() as session:
            session.add(attempt(datetime(2026, 11, 22, 17, 0)))  # noqa: DTZ001

    with pytest.raises(StatementError) as refusal:
        keep()
    assert isinstance(refusal.value.orig, NaiveInstant)


def test_a_naive_instant_is_refused_in_a_question_too(database: Database) -> None:
    with database.reading() as session, pytest.raises(StatementError, match="no time zone"):
        session.query(Attempt).where(Attempt.at > datetime(2026, 11, 22)).all()  # noqa: DTZ001


def test_an_instant_comes_back_as_it_went_in_whatever_its_zone(database: Database) -> None:
    at = datetime(2026, 11, 22, 17, 0, 0, 123456, tzinfo=timezone(timedelta(hours=7)))
    with database.transaction() as session:
        session.add(attempt(at))
    with database.reading() as session:
        (kept,) = session.query(Attempt)
        assert kept.at == at
        assert kept.at.tzinfo is UTC
        assert session.query(Attempt).where(Attempt.at == at.astimezone(UTC)).count() == 1


def test_a_transaction_is_kept_whole_or_not_at_all(database: Database, now: datetime) -> None:
    def broken() -> None:
        with database.transaction() as session:
            session.add(attempt(now))
            session.flush()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        broken()
    with database.reading() as session:
        assert session.query(Attempt).count() == 0


def test_a_look_changes_nothing(database: Database, now: datetime) -> None:
    with database.reading() as session:
        session.add(attempt(now))
        session.flush()
    with database.reading() as session:
        assert session.query(Attempt).count() == 0


def test_who_looks_keeps_no_writer_waiting_and_sees_what_was_there(database: Database, now: datetime) -> None:
    with database.reading() as reader:
        assert reader.query(Attempt).count() == 0
        with database.transaction() as writer:
            writer.add(attempt(now))
    with database.reading() as reader:
        assert reader.query(Attempt).count() == 1


def test_writers_side_by_side_wait_for_each_other(database: Database, now: datetime) -> None:
    def write(_: int) -> None:
        with database.transaction() as session:
            session.query(Attempt).count()  # reading first is what makes a deferred transaction fail
            session.add(attempt(now))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(40)))
    with database.reading() as session:
        assert session.query(Attempt).count() == 40


def test_identifiers_lie_in_the_order_of_time_and_never_meet() -> None:
    ids = [new_id() for _ in range(5_000)]
    assert len(set(ids)) == 5_000
    assert {len(one) for one in ids} == {24}
    assert all(earlier[:9] <= later[:9] for earlier, later in pairwise(ids))
