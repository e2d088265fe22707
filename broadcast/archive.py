"""The archive: episodes that may be heard again. They are written by `broadcast.settlement` when an item has aired.

An episode belongs to the unit whose rundown named it; the page of a commune also shows those of the city and of its
own villages.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Index, and_, or_, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from broadcast.administrative_unit import AdministrativeUnit, unit_of_path
from broadcast.audit import record
from broadcast.database import Base, new_id
from broadcast.errors import NotFound
from broadcast.permission import Person, require

_TOGETHER = timedelta(minutes=1)


class Episode(Base):
    """An aired item of one unit. `sentences` holds [text, start_ms, end_ms], the transcript where it is known."""

    __tablename__ = "episode"

    id: Mapped[str] = mapped_column(primary_key=True, default=new_id)
    item_id: Mapped[str]
    unit_path: Mapped[str]
    programme_id: Mapped[str | None]
    rendition_sha256: Mapped[str]
    title: Mapped[str]
    text: Mapped[str]
    sentences: Mapped[list[Any]]
    aired_at: Mapped[datetime]
    duration_ms: Mapped[int]
    withdrawn_at: Mapped[datetime | None]

    __table_args__ = (
        Index("uq_episode_item_unit", "item_id", "unit_path", unique=True),
        Index("ix_episode_unit_aired", "unit_path", "aired_at"),
    )


def _of(unit: AdministrativeUnit) -> ColumnElement[bool]:
    """Episodes of the unit, of those above it and, for a commune, of those below it."""
    paths = [unit.path.rsplit("/", cut)[0] for cut in range(unit.path.count("/") + 1)]
    own = Episode.unit_path.in_(paths)
    return or_(own, Episode.unit_path.startswith(f"{unit.path}/")) if "/" in unit.path else own


def belongs(episode: Episode, unit: AdministrativeUnit) -> bool:
    """Whether the episode stands on the unit's page."""
    above = unit.path == episode.unit_path or unit.path.startswith(f"{episode.unit_path}/")
    return above or ("/" in unit.path and episode.unit_path.startswith(f"{unit.path}/"))


def episodes(
    session: Session, unit: AdministrativeUnit, before: datetime | None = None, limit: int = 20, *, before_id: str = ""
) -> list[Episode]:
    """The episodes on a unit's page aired before an instant, the newest first; of that instant, those before an id."""
    chosen = select(Episode).where(_of(unit), Episode.withdrawn_at.is_(None))
    if before is not None:
        same = and_(Episode.aired_at == before, Episode.id < before_id)
        chosen = chosen.where(or_(Episode.aired_at < before, same))
    return list(session.scalars(chosen.order_by(Episode.aired_at.desc(), Episode.id.desc()).limit(limit)))


def newest(session: Session, limit: int = 20) -> list[Episode]:
    """The latest episodes of all units."""
    chosen = select(Episode).where(Episode.withdrawn_at.is_(None))
    return list(session.scalars(chosen.order_by(Episode.aired_at.desc(), Episode.id.desc()).limit(limit)))


def episode(session: Session, episode_id: str) -> Episode:
    """The episode of an id. Raises NotFound, also when it was withdrawn."""
    found = session.get(Episode, episode_id)
    if found is None or found.withdrawn_at is not None:
        raise NotFound(
            "Không tìm thấy chương trình này, hoặc chương trình đã bị gỡ.", object_type="episode", object_id=episode_id
        )
    return found


def everywhere(session: Session, one: Episode) -> list[Episode]:
    """The episodes of the same broadcast in all units, this one among them: aired within a minute of one another."""
    chosen = select(Episode).where(
        Episode.rendition_sha256 == one.rendition_sha256,
        Episode.title == one.title,
        Episode.aired_at.between(one.aired_at - _TOGETHER, one.aired_at + _TOGETHER),
        Episode.withdrawn_at.is_(None),
    )
    return list(session.scalars(chosen.order_by(Episode.unit_path)))


def withdraw_episode(session: Session, one: Episode, person: Person, now: datetime) -> None:
    """Take an episode from the archive. Raises NotAllowed."""
    require(person, "approve", one.unit_path, object_type="episode", object_id=one.id)
    if one.withdrawn_at is not None:
        return
    one.withdrawn_at = now
    unit_id = unit_of_path(session, one.unit_path).id
    record(
        session, "episode.withdraw", "episode", one.id,
        person_id=person.account_id, unit_id=unit_id, now=now, detail={"title": one.title},
    )  # fmt: skip


def keep_episodes(session: Session, wanted: Sequence[Episode]) -> int:
    """Write the episodes that are not there yet, by item and unit; gives how many."""
    ids = {one.item_id for one in wanted}
    rows = session.execute(select(Episode.item_id, Episode.unit_path).where(Episode.item_id.in_(ids))).all()
    there = {(item_id, path) for item_id, path in rows}
    fresh = [one for one in wanted if (one.item_id, one.unit_path) not in there]
    session.add_all(fresh)
    return len(fresh)
