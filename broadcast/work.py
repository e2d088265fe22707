"""Deferrable work: a durable queue in the station's own database, filled in the same transaction as what needs it."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Index, and_, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, Session, mapped_column

from broadcast.database import Base, new_id

LEASE_S = 60.0
MAX_ATTEMPTS = 3
RETRY_AFTER = timedelta(seconds=10)
WORKER_DIED = "Máy chủ dừng giữa chừng khi đang xử lý âm thanh này. Xin thử lại, hoặc báo người quản trị."


class Work(Base):
    """One piece. `state`: waiting, working, done, failed; a lease that ran out makes it waiting again.

    `payload` says what to do; when it is done, `payload["result"]` says what came of it.
    """

    __tablename__ = "work"

    id: Mapped[str] = mapped_column(primary_key=True, default=new_id)
    kind: Mapped[str]  # rendition, speech
    key: Mapped[str] = mapped_column(unique=True)  # the same work is never queued twice
    payload: Mapped[dict[str, Any]]
    state: Mapped[str] = mapped_column(default="waiting")
    attempts: Mapped[int] = mapped_column(default=0)
    not_before: Mapped[datetime]
    leased_until: Mapped[datetime | None]
    worker: Mapped[str] = mapped_column(default="")
    error: Mapped[str] = mapped_column(default="")
    created_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]

    __table_args__ = (Index("ix_work_state_not_before", "state", "not_before"),)


def enqueue(session: Session, kind: str, key: str, payload: dict[str, Any], now: datetime) -> Work:
    """Ask for a piece of work; the one of that key that waits or is under way answers for both.

    One that is done or has failed is asked for again, with the new payload and what came of it before.
    """
    chosen = select(Work).where(Work.key == key).with_for_update()
    work = session.scalar(chosen)
    if work is None:
        try:
            with session.begin_nested():
                work = Work(id=new_id(), kind=kind, key=key, payload=payload, not_before=now, created_at=now)
                session.add(work)
        except IntegrityError:  # another transaction asked for the same in this very moment
            work = session.scalars(chosen).one()
    if work.state in {"done", "failed"}:
        work.state, work.attempts, work.error, work.ended_at = "waiting", 0, "", None
        before = {"result": work.payload["result"]} if "result" in work.payload else {}
        work.payload, work.not_before = payload | before, now
    return work


def result_of(session: Session, key: str) -> dict[str, Any] | None:
    """What the work of that key gave when it was done; None when it is not, or not any more."""
    work = session.scalar(select(Work).where(Work.key == key, Work.state == "done"))
    return work.payload.get("result") if work else None


def is_due(session: Session, kinds: Collection[str], now: datetime) -> bool:
    """Whether `claim` or `reap` would find something: a look that keeps no writer waiting."""
    waits = and_(Work.state == "waiting", Work.not_before <= now)
    lost = and_(Work.state == "working", Work.leased_until < now)
    return session.scalar(select(Work.id).where(or_(waits, lost), Work.kind.in_(kinds)).limit(1)) is not None


def claim(
    session: Session, worker: str, kinds: Collection[str], now: datetime, lease_s: float = LEASE_S
) -> Work | None:
    """Take the oldest piece that waits, speech before anything else; nobody else gets it until the lease runs out.

    None: there is none. A notice is short and somebody waits for it; a recording takes minutes.
    """
    chosen = (
        select(Work)
        .where(Work.state == "waiting", Work.not_before <= now, Work.kind.in_(kinds))
        .order_by(Work.kind != "speech", Work.not_before, Work.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    work = session.scalar(chosen)
    if work is not None:
        work.state, work.worker, work.attempts = "working", worker, work.attempts + 1
        work.leased_until = now + timedelta(seconds=lease_s)
    return work


def renew(session: Session, work_id: str, worker: str, now: datetime, lease_s: float = LEASE_S) -> bool:
    """Keep a piece for longer; False when it is not this worker's any more."""
    work = _held(session, work_id, worker)
    if work is not None:
        work.leased_until = now + timedelta(seconds=lease_s)
    return work is not None


def finish(session: Session, work_id: str, worker: str, now: datetime, result: dict[str, Any]) -> bool:
    """The piece is done, with this result; False when it is not this worker's any more."""
    work = _held(session, work_id, worker)
    if work is not None:
        work.state, work.error, work.ended_at, work.leased_until = "done", "", now, None
        work.payload = {**work.payload, "result": result}
    return work is not None


def fail(session: Session, work_id: str, worker: str, now: datetime, error: str, *, retry: bool) -> Work | None:
    """The piece went wrong. With `retry` it waits for another go, at most `MAX_ATTEMPTS` in all.

    Gives the work as it stands now (`waiting` or `failed`), None when it is not this worker's any more.
    """
    work = _held(session, work_id, worker)
    if work is not None:
        _again(work, now, error, retry=retry)
    return work


def release(session: Session, work_id: str, worker: str, now: datetime) -> None:
    """Give a piece back untouched: the worker is told to stop."""
    work = _held(session, work_id, worker)
    if work is not None:
        work.state, work.attempts, work.leased_until = "waiting", work.attempts - 1, None
        work.not_before = now


def reap(session: Session, now: datetime) -> list[Work]:
    """Take back what workers that died had begun; gives all of it as it stands now (`waiting` or `failed`)."""
    lost = select(Work).where(Work.state == "working", Work.leased_until < now).with_for_update(skip_locked=True)
    found = list(session.scalars(lost))
    for work in found:
        _again(work, now, WORKER_DIED, retry=True)
    return found


def _held(session: Session, work_id: str, worker: str) -> Work | None:
    mine = select(Work).where(Work.id == work_id, Work.worker == worker, Work.state == "working")
    return session.scalar(mine.with_for_update())


def _again(work: Work, now: datetime, error: str, *, retry: bool) -> None:
    work.error, work.leased_until = error, None
    if retry and work.attempts < MAX_ATTEMPTS:
        work.state, work.not_before = "waiting", now + RETRY_AFTER * (work.attempts - 1 or 0.2)
    else:
        work.state, work.ended_at = "failed", now
