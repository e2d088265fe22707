"""Signing in: the cookie is nowhere stored, guessing gets slower and slower, use makes it last."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadcast.account import Attempt, SignIn, account_of_name, close_account
from broadcast.audit import Audit
from broadcast.database import Database
from broadcast.errors import TooManyAttempts, WrongPassword
from broadcast.permission import Person
from broadcast.sign_in import LASTS, LONGEST_WAIT, person_of, sign_in, sign_out, wait_for

PASSWORD = "đủ dài để dùng"
HERE = "192.0.2.1"
SECOND = timedelta(seconds=1)


@pytest.fixture
def lan(person: Callable[..., Person]) -> Person:
    return person("lan", "editor")


def test_the_right_password_gives_a_token_and_the_token_the_person(
    database: Database, lan: Person, now: datetime
) -> None:
    token = sign_in(database, " LAN ", PASSWORD, HERE, now)
    found = person_of(database, token, now)
    assert found is not None
    assert (found.account_id, found.grants) == (lan.account_id, lan.grants)
    assert len(found.csrf) >= 24


def test_the_token_itself_is_nowhere_stored(database: Database, lan: Person, now: datetime) -> None:
    token = sign_in(database, "lan", PASSWORD, HERE, now)
    with database.reading() as session:
        (row,) = session.query(SignIn)
        assert token not in {str(value) for value in vars(row).values()}


@pytest.mark.parametrize(
    ("name", "password"), [("lan", "một mật khẩu sai"), ("nobody", PASSWORD), ("", ""), ("lan\0", "")]
)
def test_a_wrong_password_and_an_unknown_name_are_told_the_same(
    database: Database, lan: Person, now: datetime, name: str, password: str
) -> None:
    with pytest.raises(WrongPassword, match="Tên đăng nhập hoặc mật khẩu chưa đúng"):
        sign_in(database, name.replace("\0", "\u200b"), password, HERE, now)
    with database.reading() as session:
        assert [row.act for row in session.query(Audit).where(Audit.act.startswith("sign_in"))] == ["sign_in.fail"]


def test_a_closed_account_does_not_sign_in_and_is_signed_out(database: Database, lan: Person, now: datetime) -> None:
    token = sign_in(database, "lan", PASSWORD, HERE, now)
    with database.transaction() as session:
        close_account(session, account_of_name(session, "lan"), now)
    assert person_of(database, token, now) is None
    with pytest.raises(WrongPassword):
        sign_in(database, "lan", PASSWORD, HERE, now)


def test_twenty_wrong_passwords_take_more_than_half_an_hour(database: Database, lan: Person, now: datetime) -> None:
    at, wrong = now, 0
    while wrong < 20:
        try:
            sign_in(database, "lan", f"sai lần {wrong}", f"198.51.100.{wrong}", at)
        except WrongPassword:
            wrong += 1
        except TooManyAttempts:
            at += 20 * SECOND
    assert at - now > timedelta(minutes=30)


def test_whoever_must_wait_is_told_how_long_and_the_right_password_waits_too(
    database: Database, lan: Person, now: datetime
) -> None:
    for _ in range(5):
        with pytest.raises(WrongPassword):
            sign_in(database, "lan", "sai", HERE, now)
    with pytest.raises(TooManyAttempts, match="Xin đợi 1 giây"):
        sign_in(database, "lan", PASSWORD, HERE, now)
    assert sign_in(database, "lan", PASSWORD, HERE, now + SECOND)


def test_one_address_that_tries_many_names_is_slowed(database: Database, lan: Person, now: datetime) -> None:
    for number in range(20):
        with pytest.raises(WrongPassword):
            sign_in(database, f"name{number}", "sai", HERE, now)
    with pytest.raises(TooManyAttempts):
        sign_in(database, "lan", PASSWORD, HERE, now)
    assert sign_in(database, "lan", PASSWORD, "192.0.2.2", now)


def test_many_guesses_at_once_do_not_slip_through_together(database: Database, lan: Person, now: datetime) -> None:
    def guess(number: int) -> type[Exception]:
        try:
            sign_in(database, "lan", f"sai {number}", HERE, now)
        except (WrongPassword, TooManyAttempts) as error:
            return type(error)
        raise AssertionError("a wrong password signed in")

    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(guess, range(16)))
    assert told.count(WrongPassword) == 5


def test_success_forgets_the_failures_of_the_name(database: Database, lan: Person, now: datetime) -> None:
    for _ in range(4):
        with pytest.raises(WrongPassword):
            sign_in(database, "lan", "sai", HERE, now)
    sign_in(database, "lan", PASSWORD, HERE, now)
    with database.reading() as session:
        assert session.query(Attempt).count() == 0


@given(st.integers(0, 200), st.integers(1, 30))
def test_the_wait_only_grows_and_has_an_end(failures: int, free: int) -> None:
    wait = wait_for(failures, free)
    assert timedelta(0) <= wait <= wait_for(failures + 1, free) <= LONGEST_WAIT
    assert (wait == timedelta(0)) == (failures < free)


def test_a_sign_in_lasts_as_long_as_it_is_used(database: Database, lan: Person, now: datetime) -> None:
    token = sign_in(database, "lan", PASSWORD, HERE, now)
    at = now
    for _ in range(4):
        at += LASTS - SECOND
        assert person_of(database, token, at) is not None
    assert person_of(database, token, at + LASTS) is None


def test_signing_out_ends_it_and_is_written_down(database: Database, lan: Person, now: datetime) -> None:
    token = sign_in(database, "lan", PASSWORD, HERE, now)
    for _ in range(2):
        sign_out(database, token, now)
    assert person_of(database, token, now) is None
    with database.reading() as session:
        assert session.query(Audit).where(Audit.act == "sign_out").count() == 1


@pytest.mark.parametrize("token", ["", "x", "a" * 5000, "tiếng Việt"])
def test_a_token_that_was_never_given_is_nobody(database: Database, now: datetime, token: str) -> None:
    assert person_of(database, token, now) is None
