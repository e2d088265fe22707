"""Signing in and out: server-side sessions, and patience with whoever guesses passwords.

These take the database, not a session: checking a password costs 20 ms, which no transaction may wait for, and
a failed attempt has to stay written down although the caller is told no.
"""

import hashlib
import secrets
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, func, select
from sqlalchemy.orm import Session

from broadcast.account import Account, Attempt, SignIn, folded_name, hash_of, is_password, person_from
from broadcast.audit import record
from broadcast.database import Database, new_id
from broadcast.errors import TooManyAttempts, WrongPassword
from broadcast.permission import Person

LASTS = timedelta(hours=12)
FREE_BY_NAME = 5
FREE_BY_ADDRESS = 20
"""So many failures cost nothing; each further one doubles the wait, from one second to `LONGEST_WAIT`."""
LONGEST_WAIT = timedelta(minutes=5)
REMEMBERED = timedelta(hours=1)
_SEEN_EVERY = timedelta(minutes=1)
_NOBODY = hash_of(secrets.token_urlsafe(16))
"""What an unknown name is checked against, so that the answer takes as long as for a known one."""


def sign_in(
    database: Database, name: str, password: str, address: str, now: datetime, *, lasts: timedelta = LASTS
) -> str:
    """Sign a person in; gives the token for the cookie, which is kept nowhere here.

    Raises WrongPassword (also for unknown and closed accounts), or TooManyAttempts without looking at the password.
    """
    sign_in_name = folded_name(name)[:64]
    with database.transaction() as session:
        # One guess at a name after the other, each counted as failed until it is right: a hundred at once do not slip
        # through together.
        account = session.scalar(select(Account).where(Account.sign_in_name == sign_in_name).with_for_update())
        attempt_id = _attempt(session, sign_in_name, address, now)
    known = account is not None and account.closed_at is None
    right = is_password(password, account.password_hash if account and known else _NOBODY)
    with database.transaction() as session:
        if account is None or not known or not right:
            _record(session, "sign_in.fail", account, sign_in_name, address=address, now=now)
        else:
            session.execute(delete(Attempt).where(Attempt.sign_in_name == sign_in_name))
            session.execute(delete(Attempt).where(Attempt.id == attempt_id))
            _record(session, "sign_in", account, sign_in_name, address=address, now=now)
            return _session_of(session, account, address, now, lasts)
    raise WrongPassword


def person_of(
    database: Database, token: str, now: datetime, *, lasts: timedelta = LASTS, used: bool = True
) -> Person | None:
    """Who holds this token; None when nobody does any more. Use of it, once a minute, makes it last longer; a page
    that looks again by itself is no use."""
    with database.reading() as session:
        found = session.get(SignIn, _hash(token))
        account = session.get(Account, found.account_id) if found else None
        if found is None or account is None or account.closed_at is not None or found.expires_at <= now:
            return None
        person = person_from(session, account, found.csrf)
        seen_at = found.seen_at
    if used and now - seen_at >= _SEEN_EVERY:
        with database.transaction() as session:
            again = session.get(SignIn, _hash(token))
            if again is not None:
                again.seen_at, again.expires_at = now, now + lasts
    return person


def sign_out(database: Database, token: str, now: datetime) -> None:
    """End the session of this token; an unknown one is already ended."""
    with database.transaction() as session:
        found = session.get(SignIn, _hash(token))
        if found is not None:
            record(session, "sign_out", "account", found.account_id, person_id=found.account_id, unit_id=None, now=now)
            session.delete(found)


def wait_for(failures: int, free: int) -> timedelta:
    """How long to wait after so many failures: nothing for the free ones, then 1, 2, 4 ... seconds."""
    if failures < free:
        return timedelta(0)
    return min(LONGEST_WAIT, timedelta(seconds=2 ** min(failures - free, 20)))


def _attempt(session: Session, sign_in_name: str, address: str, now: datetime) -> str:
    session.execute(delete(Attempt).where(Attempt.at < now - REMEMBERED))
    _be_patient(session, Attempt.sign_in_name == sign_in_name, FREE_BY_NAME, now)
    _be_patient(session, Attempt.address == address, FREE_BY_ADDRESS, now)
    attempt = Attempt(id=new_id(), sign_in_name=sign_in_name, address=address, at=now)
    session.add(attempt)
    return attempt.id


def _be_patient(session: Session, whose: ColumnElement[bool], free: int, now: datetime) -> None:
    failures = session.scalar(select(func.count()).select_from(Attempt).where(whose)) or 0
    last = session.scalar(select(Attempt.at).where(whose).order_by(Attempt.at.desc()).limit(1))
    left = (last or now) + wait_for(failures, free) - now
    if failures and left > timedelta(0):
        raise TooManyAttempts(
            f"Đăng nhập sai quá nhiều lần. Xin đợi {max(1, round(left.total_seconds()))} giây rồi thử lại."
        )


def _session_of(session: Session, account: Account, address: str, now: datetime, lasts: timedelta) -> str:
    session.execute(delete(SignIn).where(SignIn.expires_at <= now))
    token = secrets.token_urlsafe(32)
    session.add(
        SignIn(
            token_hash=_hash(token),
            account_id=account.id,
            csrf=secrets.token_urlsafe(24),
            created_at=now,
            seen_at=now,
            expires_at=now + lasts,
            address=address,
        )
    )
    return token


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _record(session: Session, act: str, account: Account | None, name: str, *, address: str, now: datetime) -> None:
    by = account.id if account else None
    record(session, act, "account", by or name, person_id=by, unit_id=None, now=now, address=address)
