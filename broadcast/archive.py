"""The archive: episodes that may be heard again. They are written by `broadcast.settlement` when an item has aired.

An episode belongs to the unit whose rundown named it; the page of a commune also shows those of the city and of its
own villages.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Index, Select, and_, or_, select
from sqlalchemy.orm import Mapped, Session, defer, mapped_column

from broadcast.administrative_unit import AdministrativeUnit, unit_of_path, units_below
from broadcast.audit import record
from broadcast.database import Base, new_id
from broadcast.errors import NotFound
from broadcast.permission import Person, require
from broadcast.unit_path import covers, lineage

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
        Index("ix_episode_aired", "aired_at", "id"),
        Index("ix_episode_unit_aired", "unit_path", "aired_at", "id"),
    )


def belongs(episode: Episode, unit: AdministrativeUnit) -> bool:
    """Whether the episode stands on the unit's page."""
    return covers(episode.unit_path, unit.path) or ("/" in unit.path and covers(unit.path, episode.unit_path))


def episodes(
    session: Session, unit: AdministrativeUnit, before: datetime | None = None, limit: int = 20, *, before_id: str = ""
) -> list[Episode]:
    """The episodes on a unit's page aired before an instant (of that instant, those before an id), the newest first.

    Its own, those of the units above it and, for a commune, those of its villages. Each part is read in order from an
    index, no more than the page takes.
    """
    parts = [Episode.unit_path == path for path in lineage(unit.path)]
    villages = [one.path for one in units_below(session, unit)] if "/" in unit.path else []
    if villages:
        parts.append(Episode.unit_path.in_(villages))
    chosen = _newest(limit)
    if before is not None:
        same = and_(Episode.aired_at == before, Episode.id < before_id)
        chosen = chosen.where(or_(Episode.aired_at < before, same))
    found = [one for part in parts for one in session.scalars(chosen.where(part))]
    return sorted(found, key=lambda one: (one.aired_at, one.id), reverse=True)[:limit]


def newest(session: Session, limit: int = 20) -> list[Episode]:
    """The latest episodes of all units, for a list: their texts and sentences are not read."""
    light = (defer(Episode.text, raiseload=True), defer(Episode.sentences, raiseload=True))
    return list(session.scalars(_newest(limit).options(*light)))


def _newest(limit: int) -> Select[Episode]:
    there = select(Episode).where(Episode.withdrawn_at.is_(None))
    return there.order_by(Episode.aired_at.desc(), Episode.id.desc()).limit(limit)


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
