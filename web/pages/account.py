"""Tài khoản: one's own password and language; for administrators, the people of the unit."""

import secrets
from dataclasses import dataclass, replace

from fastapi import APIRouter
from sqlalchemy.orm import Session
from starlette.responses import Response

from broadcast import account as accounts
from broadcast.account import Account
from broadcast.administrative_unit import unit, unit_of_path
from broadcast.errors import NotAllowed, NotFound, Refused
from broadcast.permission import ROLE_NAMES, ROLES, Person, require
from web.place import Place, place
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
def people(visit: SignedIn, don_vi: str = "") -> Response:
    """All accounts that this administrator looks after; a unit chosen elsewhere is the one offered for a new role."""
    return _people(visit, Shown(), unit_id=don_vi)


def _people(visit: Visit, shown: Shown, status: int = 200, unit_id: str = "") -> Response:
    person = visit.person
    with visit.looking() as session:
        here = place(session, person, "account", unit_id, visit.station.now())
        known = [(one, accounts.grants_of(session, one.id)) for one in accounts.accounts(session)]
        ours = [(one, grants) for one, grants in known if _looks_after(person, grants)]
        names = {path: unit_of_path(session, path).name for _, grants in ours for _, path, _ in grants}
    return visit.show(
        "account_people.html", status=status, people=ours, names=names, place=_for_grants(here),
        roles=ROLES, role_names=ROLE_NAMES, shown=shown,
    )  # fmt: skip


def _for_grants(here: Place) -> Place:
    """The place with those units only to which roles are given."""
    return replace(here, choices=[one for one in here.choices if one.path.count("/") <= COMMUNE_DEPTH])


@router.get("/tai-khoan/moi-nguoi/{account_id}")
def one(visit: SignedIn, account_id: str, don_vi: str = "") -> Response:
    """One account: its roles, its password, its end."""
    return _one(visit, account_id, Shown(), unit_id=don_vi)


def _one(visit: Visit, account_id: str, shown: Shown, status: int = 200, unit_id: str = "") -> Response:
    with visit.looking() as session:
        found = _theirs(session, visit, account_id)
        here = place(session, visit.person, "account", unit_id, visit.station.now())
        grants = accounts.grants_of(session, found.id)
        names = {path: unit_of_path(session, path).name for _, path, _ in grants}
    return visit.show(
        "account_one.html", status=status, one=found, grants=grants, names=names, place=_for_grants(here),
        roles=ROLES, role_names=ROLE_NAMES, shown=shown,
    )  # fmt: skip


def _looks_after(person: Person, grants: tuple[tuple[str, str, str], ...]) -> bool:
    """Whether a person administers everything that the account may do: nobody is reset by somebody below them.

    An account that may do nothing any more is the city's to look after.
    """
    over_all = any("/" not in path for path in person.paths("account"))
    return over_all or (bool(grants) and all(person.may("account", path) for _, path, _ in grants))


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


@router.post("/tai-khoan/moi-nguoi/{account_id}/giao")
def give_role(visit: Anybody, account_id: str, form: Sent) -> Response:
    """One more role over one unit."""
    try:
        with visit.acting() as session:
            found, of = _theirs(session, visit, account_id), unit(session, form.one("don_vi"))
            require(visit.person, "account", of.path)
            accounts.grant(session, found, form.one("vai_tro"), of, visit.station.now(), person=visit.person)
    except Refused as error:
        return _one(visit, account_id, Shown(error=str(error)), 422)
    return go(f"/tai-khoan/moi-nguoi/{account_id}")


@router.post("/tai-khoan/moi-nguoi/{account_id}/bo")
def take_role(visit: Anybody, account_id: str, form: Sent) -> Response:
    """Take a role away, from the next page on. Nobody takes their own: somebody has to be left to give roles."""
    try:
        with visit.acting() as session:
            found, of = _theirs(session, visit, account_id), unit(session, form.one("don_vi"))
            if found.id == visit.person.account_id:
                raise Refused("Không thể tự bỏ vai trò của mình. Xin nhờ một người quản trị khác.")
            if len(accounts.grants_of(session, found.id)) == 1:
                raise Refused("Đây là vai trò duy nhất của tài khoản. Xin giao vai trò khác trước.")
            accounts.revoke(session, found, form.one("vai_tro"), of, visit.station.now(), person=visit.person)
    except Refused as error:
        return _one(visit, account_id, Shown(error=str(error)), 422)
    return go(f"/tai-khoan/moi-nguoi/{account_id}")


@router.post("/tai-khoan/moi-nguoi/{account_id}/mat-khau")
def reset(visit: Anybody, account_id: str, form: Sent) -> Response:
    """A new password for somebody who lost theirs, shown this once."""
    password = secrets.token_urlsafe(12)
    with visit.acting() as session:
        found = _theirs(session, visit, account_id)
        accounts.set_password(session, found, password, visit.station.now(), person=visit.person)
    return _one(visit, account_id, Shown(password=password, whose=found.sign_in_name))


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
        return _one(visit, account_id, Shown(error=str(error)), 422)
    return go(f"/tai-khoan/moi-nguoi/{account_id}")
