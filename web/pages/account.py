"""Tài khoản: one's own password and language; for administrators, the people of the unit."""

import secrets
from dataclasses import dataclass

from fastapi import APIRouter
from sqlalchemy.orm import Session
from starlette.responses import Response

from broadcast import account as accounts
from broadcast.account import Account
from broadcast.administrative_unit import unit, unit_of_path
from broadcast.errors import NotAllowed, NotFound, Refused
from broadcast.permission import ROLE_NAMES, ROLES, Person, require
from web.place import choices
from web.session import Anybody, Sent, SignedIn, Visit, go

router = APIRouter()

COMMUNE_DEPTH = 1  # grants are given to the city (0) and its communes; villages are reached through them


@dataclass(frozen=True, slots=True)
class Shown:
    """What one rendering of a page adds: a mistake, or a new password to be seen this once."""

    error: str = ""
    password: str = ""
    whose: str = ""


@router.get("/tai-khoan")
def mine(visit: SignedIn) -> Response:
    """Who one is, one's password, language and way out."""
    return _mine(visit, "")


def _mine(visit: Visit, error: str) -> Response:
    with visit.looking() as session:
        grants = [(ROLE_NAMES[role], unit_of_path(session, path).name) for role, path, _ in visit.person.grants]
    return visit.show(
        "account.html",
        status=422 if error else 200,
        grants=grants,
        error=error,
        rules=bool(visit.person.paths("account")),
    )


@router.post("/tai-khoan/mat-khau")
def new_password(visit: Anybody, form: Sent) -> Response:
    """Change one's own password; everybody signed in with the old one is signed out, also oneself."""
    person, now = visit.person, visit.station.now()
    old, new = (form.fields.get(name, [""])[-1] for name in ("cu", "moi"))
    with visit.station.database.reading() as session:
        hashed = accounts.account_of_name(session, person.sign_in_name).password_hash
    try:
        if not accounts.is_password(old, hashed):
            raise Refused("Mật khẩu đang dùng chưa đúng. Xin gõ lại.")
        with visit.acting() as session:
            found = accounts.account_of_name(session, person.sign_in_name)
            accounts.set_password(session, found, new, now, person=person)
    except Refused as error:
        return _mine(visit, str(error))
    return go("/dang-nhap")


@router.get("/tai-khoan/moi-nguoi")
def people(visit: SignedIn) -> Response:
    """All accounts that this administrator looks after."""
    return _people(visit, Shown())


def _people(visit: Visit, shown: Shown, status: int = 200) -> Response:
    person = visit.person
    with visit.looking() as session:
        if not person.paths("account"):
            raise NotAllowed(act="account")
        known = [(one, accounts.grants_of(session, one.id)) for one in accounts.accounts(session)]
        ours = [(one, grants) for one, grants in known if _looks_after(person, grants)]
        names = {path: unit_of_path(session, path).name for _, grants in ours for _, path, _ in grants}
        possible = [
            one
            for one in choices(session, person, "account", visit.station.now())
            if one.path.count("/") <= COMMUNE_DEPTH
        ]
    return visit.show(
        "account_people.html", status=status, people=ours, names=names, units=possible,
        roles=ROLES, role_names=ROLE_NAMES, shown=shown,
    )  # fmt: skip


def _looks_after(person: Person, grants: tuple[tuple[str, str, str], ...]) -> bool:
    """Whether a person administers everything that the account may do: nobody is reset by somebody below them."""
    return bool(grants) and all(person.may("account", path) for _, path, _ in grants)


def _theirs(session: Session, visit: Visit, account_id: str) -> Account:
    """The account, for somebody who looks after it. Raises NotFound, NotAllowed."""
    found = session.get(Account, account_id)
    if found is None:
        raise NotFound(object_type="account", object_id=account_id)
    if not _looks_after(visit.person, accounts.grants_of(session, found.id)):
        raise NotAllowed(act="account", object_type="account", object_id=account_id)
    return found


@router.post("/tai-khoan/moi-nguoi")
def add(visit: Anybody, form: Sent) -> Response:
    """A new account with one role over one unit; its password is shown this once."""
    person, now = visit.person, visit.station.now()
    try:
        with visit.acting() as session:
            of = unit(session, form.one("don_vi"))
            require(person, "account", of.path)
            new, password = accounts.add_account(
                session, form.one("ten"), form.one("ho_ten"), form.one("vai_tro"), of,
                password=None, now=now, person=person,
            )  # fmt: skip
    except Refused as error:
        return _people(visit, Shown(error=str(error)), 422)
    return _people(visit, Shown(password=password, whose=new.sign_in_name))


@router.post("/tai-khoan/moi-nguoi/{account_id}/mat-khau")
def reset(visit: Anybody, account_id: str, form: Sent) -> Response:
    """A new password for somebody who lost theirs, shown this once."""
    password = secrets.token_urlsafe(12)
    with visit.acting() as session:
        found = _theirs(session, visit, account_id)
        accounts.set_password(session, found, password, visit.station.now(), person=visit.person)
    return _people(visit, Shown(password=password, whose=found.sign_in_name))


@router.post("/tai-khoan/moi-nguoi/{account_id}/dong")
def close(visit: Anybody, account_id: str, form: Sent) -> Response:
    """End an account. Nobody ends their own: somebody has to be left to open the door."""
    try:
        with visit.acting() as session:
            found = _theirs(session, visit, account_id)
            if found.id == visit.person.account_id:
                raise Refused("Không thể đóng tài khoản đang dùng để đăng nhập.")
            accounts.close_account(session, found, visit.station.now(), person=visit.person)
    except Refused as error:
        return _people(visit, Shown(error=str(error)), 422)
    return go("/tai-khoan/moi-nguoi")
