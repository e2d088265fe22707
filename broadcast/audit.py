"""The audit log: who did what, to what, when. Every act of a person writes one row in the act's own transaction.

An act that was refused leaves no transaction to write in; `acting` writes its row in one of its own.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, Session, mapped_column

from broadcast.database import Base, Database, new_id
from broadcast.errors import NotAllowed, NotFound
from broadcast.permission import Person


class Audit(Base):
    """One act of one person (or of the station itself, account_id empty)."""

    __tablename__ = "audit"

    id: Mapped[str] = mapped_column(primary_key=True, default=new_id)
    at: Mapped[datetime] = mapped_column(index=True)
    account_id: Mapped[str | None] = mapped_column(ForeignKey("account.id"), index=True)
    act: Mapped[str]  # programme.approve, schedule.add, sign_in.fail ...
    object_type: Mapped[str]
    object_id: Mapped[str]
    unit_id: Mapped[str | None] = mapped_column(index=True)
    detail: Mapped[dict[str, Any]]
    address: Mapped[str] = mapped_column(default="")


def record(
    session: Session,
    act: str,
    object_type: str,
    object_id: str,
    *,
    person_id: str | None,
    unit_id: str | None,
    now: datetime,
    detail: dict[str, Any] | None = None,
    address: str = "",
) -> None:
    """Write one act down, such as `programme.approve`. `person_id` None is the station itself."""
    session.add(
        Audit(
            at=now,
            account_id=person_id,
            act=act,
            object_type=object_type,
            object_id=object_id,
            unit_id=unit_id,
            detail=detail or {},
            address=address,
        )
    )


@contextmanager
def acting(database: Database, person: Person, *, now: datetime, address: str = "") -> Iterator[Session]:
    """A transaction in which a person acts. What the law refuses is undone, written down, and raised again."""
    try:
        with database.transaction() as session:
            yield session
    except (NotAllowed, NotFound) as refusal:
        with database.transaction() as session:
            record_refusal(session, refusal, person, now=now, address=address)
        raise


@contextmanager
def looking(database: Database, person: Person, *, now: datetime, address: str = "") -> Iterator[Session]:
    """A look at the database by a person. What they may not see is written down, and raised again."""
    try:
        with database.reading() as session:
            yield session
    except (NotAllowed, NotFound) as refusal:
        with database.transaction() as session:
            record_refusal(session, refusal, person, now=now, address=address)
        raise


def record_refusal(
    session: Session, refusal: NotAllowed | NotFound, person: Person, *, now: datetime, address: str = ""
) -> None:
    """Write down that a person asked for what they may not have; for callers with a transaction of their own."""
    missing = isinstance(refusal, NotFound)
    record(
        session,
        "refused.not_found" if missing else "refused.not_allowed",
        refusal.object_type,
        refusal.object_id,
        person_id=person.account_id,
        unit_id=None,
        now=now,
        detail={} if isinstance(refusal, NotFound) else {"act": refusal.act, "unit": refusal.unit_path},
        address=address,
    )
