"""`loa account add|password|grant|revoke|close|list`: people and their rights, on the command line of the station."""

import argparse
import getpass
import sys
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from broadcast.account import (
    account_of_name,
    accounts,
    add_account,
    close_account,
    grant,
    grants_of,
    revoke,
    set_password,
)
from broadcast.administrative_unit import AdministrativeUnit, seed_da_nang, unit_of_path, unit_of_slug
from broadcast.database import Database
from broadcast.errors import NotFound
from broadcast.permission import ROLES


def add_parser(subparsers: Any) -> None:
    """Add `account` with its verbs to an argparse sub-parser collection."""
    parser: argparse.ArgumentParser = subparsers.add_parser("account", help="people, their rights and passwords")
    verbs = parser.add_subparsers(dest="verb", required=True)
    add = verbs.add_parser("add", help="add a person; prints a made-up password unless one is asked for")
    add.add_argument("name", help="sign-in name")
    add.add_argument("--full-name", default="", help="the person's name")
    add.add_argument("--ask", action="store_true", help="ask for the password instead of making one up")
    given = verbs.add_parser("grant", help="give a role over a unit")
    taken = verbs.add_parser("revoke", help="take a role over a unit away")
    for verb in (given, taken):
        verb.add_argument("name")
    for verb in (add, given, taken):
        verb.add_argument("--role", choices=list(ROLES), required=True)
        verb.add_argument("--unit", default="48", help="path or slug of the unit (48, 48/20242, hai-chau)")
    for name, text in (("password", "give a new password"), ("close", "end an account")):
        verbs.add_parser(name, help=text).add_argument("name")
    verbs.add_parser("list", help="all people and their rights")


def run(arguments: argparse.Namespace, database: Database, now: datetime) -> int:
    """Carry out one verb; returns the exit status. Raises LoaError."""
    asks = arguments.verb == "password" or (arguments.verb == "add" and arguments.ask)
    given = _asked() if asks else None  # before the transaction: others write while somebody types
    with database.transaction() as session:
        seed_da_nang(session, now.date())
        if arguments.verb == "add":
            _add(session, arguments, given, now)
        elif arguments.verb == "list":
            _list(session)
        else:
            _change(session, arguments, given, now)
    return 0


def _add(session: Session, arguments: argparse.Namespace, given: str | None, now: datetime) -> None:
    unit = _unit(session, arguments.unit)
    account, password = add_account(
        session, arguments.name, arguments.full_name, arguments.role, unit, password=given, now=now
    )
    print(f"{account.sign_in_name}: {arguments.role}, {unit.name}" + ("" if given else f". Mật khẩu: {password}"))


def _change(session: Session, arguments: argparse.Namespace, given: str | None, now: datetime) -> None:
    account = account_of_name(session, arguments.name)
    if given is not None:
        set_password(session, account, given, now)
    elif arguments.verb == "close":
        close_account(session, account, now)
    else:
        change = revoke if arguments.verb == "revoke" else grant
        change(session, account, arguments.role, _unit(session, arguments.unit), now)
    print(f"{account.sign_in_name}: xong.")


def _list(session: Session) -> None:
    for account in accounts(session):
        rights = ", ".join(f"{role} {path}" for role, path, _ in grants_of(session, account.id))
        closed = " (đã đóng)" if account.closed_at else ""
        print(f"{account.sign_in_name:<20}{account.full_name:<30}{rights}{closed}")


def _unit(session: Session, named: str) -> AdministrativeUnit:
    try:
        return unit_of_path(session, named)
    except NotFound:
        return unit_of_slug(session, named)


def _asked() -> str:
    """A password typed at the terminal, or the first line of standard input when there is none."""
    return getpass.getpass("Mật khẩu: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
