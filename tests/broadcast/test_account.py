"""People: added with one right, given and taken more, and never with a password that somebody could know."""

from datetime import datetime
from typing import Any

import pytest

from broadcast.account import (
    account_of_name,
    accounts,
    add_account,
    close_account,
    grant,
    grants_of,
    is_password,
    revoke,
    set_password,
)
from broadcast.administrative_unit import AdministrativeUnit, seed_da_nang
from broadcast.database import Database
from broadcast.errors import NotFound, Refused, WeakPassword
from broadcast.sign_in import person_of, sign_in

LONG_ENOUGH = "mưa to gió lớn"


@pytest.fixture
def root(database: Database, now: datetime) -> AdministrativeUnit:
    with database.transaction() as session:
        return seed_da_nang(session, now.date())


def test_a_password_is_made_up_differently_each_time(
    database: Database, root: AdministrativeUnit, now: datetime
) -> None:
    with database.transaction() as session:
        lan, hers = add_account(session, "lan", "Lan", "editor", root, password=None, now=now)
        _, his = add_account(session, "binh", "Bình", "approver", root, password=None, now=now)
        assert hers != his
        assert len(hers) >= 16
        assert is_password(hers, lan.password_hash)
        assert not is_password(his, lan.password_hash)
        assert lan.password_hash.startswith("$argon2id$")
        assert hers not in lan.password_hash


def test_a_name_is_the_same_in_any_case_and_taken_once(
    database: Database, root: AdministrativeUnit, now: datetime
) -> None:
    with database.transaction() as session:
        add_account(session, " Lan.Nguyễn@hc ", "Lan", "editor", root, password=LONG_ENOUGH, now=now)
        assert account_of_name(session, "LAN.NGUYỄN@HC").full_name == "Lan"
        with pytest.raises(Refused, match="đã có người dùng"):
            add_account(session, "lan.nguyễn@hc", "Lan", "editor", root, password=LONG_ENOUGH, now=now)


@pytest.mark.parametrize("name", ["", "x", "hai chữ", "a/b", "dài" * 30, "nul\0 l"])
def test_a_name_that_is_no_name_is_refused(
    database: Database, root: AdministrativeUnit, now: datetime, name: str
) -> None:
    with database.transaction() as session, pytest.raises(Refused, match="Tên đăng nhập gồm"):
        add_account(session, name, "Lan", "editor", root, password=LONG_ENOUGH, now=now)


@pytest.mark.parametrize("password", ["", "ngắn", "chín.chữ9", "x" * 1001])
def test_a_password_that_is_too_short_or_absurd_is_refused(
    database: Database, root: AdministrativeUnit, now: datetime, password: str
) -> None:
    with database.transaction() as session, pytest.raises(WeakPassword):
        add_account(session, "lan", "Lan", "editor", root, password=password, now=now)


def test_a_role_that_does_not_exist_is_refused(database: Database, root: AdministrativeUnit, now: datetime) -> None:
    with database.transaction() as session, pytest.raises(Refused, match="Không có vai trò «king»"):
        add_account(session, "lan", "Lan", "king", root, password=LONG_ENOUGH, now=now)


def test_rights_are_given_and_taken_once_and_written_down(
    database: Database,
    root: AdministrativeUnit,
    now: datetime,
    acts_on: Any,
) -> None:
    with database.transaction() as session:
        lan, _ = add_account(session, "lan", "Lan", "editor", root, password=LONG_ENOUGH, now=now)
        for _ in range(2):
            grant(session, lan, "technician", root, now)
        assert grants_of(session, lan.id) == (("editor", "48", root.id), ("technician", "48", root.id))
        for _ in range(2):
            revoke(session, lan, "editor", root, now)
        assert grants_of(session, lan.id) == (("technician", "48", root.id),)
        assert sorted(row.act for row in acts_on(session, "account", lan.id)) == [
            "account.add",
            "account.grant.editor",
            "account.grant.technician",
            "account.revoke.editor",
        ]


def test_a_new_password_ends_every_sign_in(
    database: Database, root: AdministrativeUnit, now: datetime, acts_on: Any
) -> None:
    with database.transaction() as session:
        add_account(session, "lan", "Lan", "editor", root, password=LONG_ENOUGH, now=now)
    token = sign_in(database, "lan", LONG_ENOUGH, "192.0.2.1", now)
    with database.transaction() as session:
        set_password(session, account_of_name(session, "lan"), "một mật khẩu mới", now)
    assert person_of(database, token, now) is None
    assert person_of(database, sign_in(database, "lan", "một mật khẩu mới", "192.0.2.1", now), now) is not None
    with database.reading() as session:
        lan = account_of_name(session, "lan")
        assert "account.password" in [row.act for row in acts_on(session, "account", lan.id)]


def test_a_closed_account_stays_in_the_books(
    database: Database, root: AdministrativeUnit, now: datetime, acts_on: Any
) -> None:
    with database.transaction() as session:
        lan, _ = add_account(session, "lan", "Lan", "editor", root, password=LONG_ENOUGH, now=now)
        close_account(session, lan, now)
        assert [(one.sign_in_name, one.closed_at) for one in accounts(session)] == [("lan", now)]
        assert "account.close" in [row.act for row in acts_on(session, "account", lan.id)]


def test_signs_that_cannot_be_seen_are_no_part_of_a_name(
    database: Database, root: AdministrativeUnit, now: datetime
) -> None:
    with database.transaction() as session:
        lan, _ = add_account(session, "l\0a\u200bn", "Lan\0\nNguyễn", "editor", root, password=LONG_ENOUGH, now=now)
        assert (lan.sign_in_name, lan.full_name) == ("lan", "Lan Nguyễn")
        assert account_of_name(session, "lan\0") is lan


def test_an_unknown_name_is_not_found(database: Database) -> None:
    with database.reading() as session, pytest.raises(NotFound, match="Không có tài khoản «lan»"):
        account_of_name(session, "lan")
