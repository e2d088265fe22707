"""People: accounts, what they may do where, and the tables of their sign-ins.

The roles are in `broadcast.permission`; signing in and out is in `broadcast.sign_in`.
"""

import secrets
import unicodedata
from datetime import datetime

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from sqlalchemy import ForeignKey, Index, delete, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from broadcast.administrative_unit import AdministrativeUnit
from broadcast.audit import record
from broadcast.database import Base, new_id
from broadcast.errors import NotFound, Refused, WeakPassword
from broadcast.line import one_line
from broadcast.permission import ROLES, Person

MIN_PASSWORD_CHARACTERS = 10
MAX_PASSWORD_CHARACTERS = 1_000
"""Longer ones are an attempt to keep the processor busy, not a password."""

_ARGON2 = PasswordHash((Argon2Hasher(time_cost=3, memory_cost=19_456, parallelism=1),))


class Account(Base):
    """A person who signs in. `password_hash` is argon2id."""

    __tablename__ = "account"

    id: Mapped[str] = mapped_column(primary_key=True, default=new_id)
    sign_in_name: Mapped[str] = mapped_column(unique=True)
    full_name: Mapped[str]
    password_hash: Mapped[str]
    language: Mapped[str] = mapped_column(default="vi")
    created_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]


class Grant(Base):
    """A role over a unit and all it covers: administrator, editor, approver, technician, viewer."""

    __tablename__ = "grant_"

    account_id: Mapped[str] = mapped_column(ForeignKey("account.id"), primary_key=True)
    role: Mapped[str] = mapped_column(primary_key=True)
    unit_id: Mapped[str] = mapped_column(ForeignKey("administrative_unit.id"), primary_key=True)


class SignIn(Base):
    """A server-side session. `token_hash` is the SHA-256 of the cookie; the cookie itself is nowhere stored."""

    __tablename__ = "sign_in"

    token_hash: Mapped[str] = mapped_column(primary_key=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("account.id"), index=True)
    csrf: Mapped[str]
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    address: Mapped[str]


class Attempt(Base):
    """A failed sign-in, for throttling by name and by address."""

    __tablename__ = "attempt"

    id: Mapped[str] = mapped_column(primary_key=True, default=new_id)
    sign_in_name: Mapped[str]
    address: Mapped[str]
    at: Mapped[datetime]

    __table_args__ = (
        Index("ix_attempt_name_at", "sign_in_name", "at"),
        Index("ix_attempt_address_at", "address", "at"),
    )


def add_account(
    session: Session,
    name: str,
    full_name: str,
    role: str,
    unit: AdministrativeUnit,
    *,
    password: str | None,
    now: datetime,
    person: Person | None = None,
) -> tuple[Account, str]:
    """Add a person with one role over one unit; gives the account and its password, made up when None is given.

    `person` is who adds it, None for the operator at the command line. Raises Refused when the name is taken or
    not a name, WeakPassword when the password is too short.
    """
    sign_in_name = name_of(name)
    if session.scalar(select(Account.id).where(Account.sign_in_name == sign_in_name)):
        raise Refused(f"Tên đăng nhập «{sign_in_name}» đã có người dùng. Xin chọn tên khác.")
    chosen = password if password is not None else secrets.token_urlsafe(12)
    account = Account(
        id=new_id(),
        sign_in_name=sign_in_name,
        full_name=one_line(full_name) or sign_in_name,
        password_hash=hash_of(chosen),
        language="vi",
        created_at=now,
    )
    session.add(account)
    session.flush()
    _record(session, "account.add", account, now, by=person, unit_id=unit.id)
    grant(session, account, role, unit, now, person=person)
    return account, chosen


def grant(
    session: Session,
    account: Account,
    role: str,
    unit: AdministrativeUnit,
    now: datetime,
    *,
    person: Person | None = None,
) -> None:
    """Give a role over a unit and all it covers; giving it twice changes nothing. Raises Refused for no such role."""
    if role not in ROLES:
        raise Refused(f"Không có vai trò «{role}». Xin chọn một trong: {', '.join(ROLES)}.")
    if session.get(Grant, (account.id, role, unit.id)) is None:
        session.add(Grant(account_id=account.id, role=role, unit_id=unit.id))
        _record(session, f"account.grant.{role}", account, now, by=person, unit_id=unit.id)


def revoke(
    session: Session,
    account: Account,
    role: str,
    unit: AdministrativeUnit,
    now: datetime,
    *,
    person: Person | None = None,
) -> None:
    """Take a role over a unit away again; taking away what was not given changes nothing."""
    held = session.get(Grant, (account.id, role, unit.id))
    if held is not None:
        session.delete(held)
        session.flush()
        _record(session, f"account.revoke.{role}", account, now, by=person, unit_id=unit.id)


def set_password(
    session: Session, account: Account, password: str, now: datetime, *, person: Person | None = None
) -> None:
    """Give a new password and end every sign-in that used the old one. Raises WeakPassword."""
    account.password_hash = hash_of(password)
    session.execute(delete(SignIn).where(SignIn.account_id == account.id))
    _record(session, "account.password", account, now, by=person)


def close_account(session: Session, account: Account, now: datetime, *, person: Person | None = None) -> None:
    """End an account: its sign-ins end now and nobody signs in with it again; what it did stays written down."""
    account.closed_at = account.closed_at or now
    session.execute(delete(SignIn).where(SignIn.account_id == account.id))
    _record(session, "account.close", account, now, by=person)


def account_of_name(session: Session, name: str) -> Account:
    """The account of a sign-in name. Raises NotFound."""
    account = session.scalar(select(Account).where(Account.sign_in_name == folded_name(name)))
    if account is None:
        raise NotFound(f"Không có tài khoản «{name}».", object_type="account", object_id=name)
    return account


def accounts(session: Session) -> list[Account]:
    """All accounts, closed ones too, by sign-in name."""
    return list(session.scalars(select(Account).order_by(Account.sign_in_name)))


def grants_of(session: Session, account_id: str) -> tuple[tuple[str, str, str], ...]:
    """What an account was given, as (role, unit path, unit id)."""
    chosen = (
        select(Grant.role, AdministrativeUnit.path, Grant.unit_id)
        .join(AdministrativeUnit, AdministrativeUnit.id == Grant.unit_id)
        .where(Grant.account_id == account_id)
        .order_by(AdministrativeUnit.path, Grant.role)
    )
    return tuple((role, path, unit_id) for role, path, unit_id in session.execute(chosen))


def person_from(session: Session, account: Account, csrf: str = "") -> Person:
    """The account as the law of the air sees it."""
    return Person(
        account_id=account.id,
        sign_in_name=account.sign_in_name,
        full_name=account.full_name,
        language=account.language,
        csrf=csrf,
        grants=grants_of(session, account.id),
    )


def folded_name(name: str) -> str:
    """A sign-in name as it is kept and compared: composed, without case, outer spaces and unprintable signs."""
    return "".join(filter(str.isprintable, unicodedata.normalize("NFC", name.strip().casefold())))


def name_of(name: str) -> str:
    """A new sign-in name: 2 to 64 letters, digits and the signs of an e-mail address. Raises Refused."""
    folded = folded_name(name)
    if not 2 <= len(folded) <= 64 or not all(sign.isalnum() or sign in "._-@+" for sign in folded):
        raise Refused("Tên đăng nhập gồm 2 đến 64 chữ cái, chữ số hoặc các dấu . _ - @ +, không có khoảng trắng.")
    return folded


def hash_of(password: str) -> str:
    """The argon2id hash of a new password. Raises WeakPassword."""
    if len(password) < MIN_PASSWORD_CHARACTERS:
        raise WeakPassword
    if len(password) > MAX_PASSWORD_CHARACTERS:
        raise WeakPassword(f"Mật khẩu dài quá {MAX_PASSWORD_CHARACTERS} ký tự. Xin chọn mật khẩu ngắn hơn.")
    return _ARGON2.hash(password)


def is_password(password: str, password_hash: str) -> bool:
    """Whether the hash is of this password; takes some 20 ms of a core, so not inside a transaction."""
    return len(password) <= MAX_PASSWORD_CHARACTERS and _ARGON2.verify(password, password_hash)


def _record(
    session: Session, act: str, account: Account, now: datetime, *, by: Person | None, unit_id: str | None = None
) -> None:
    person_id = by.account_id if by else None
    detail = {"name": account.sign_in_name}
    record(session, act, "account", account.id, person_id=person_id, unit_id=unit_id, now=now, detail=detail)
