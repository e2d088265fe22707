"""Clusters: loudspeakers that act as one, of one unit; and which of them a set of targets reaches."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, ForeignKey, false, func, or_, select
from sqlalchemy.orm import Mapped, Session, defer, mapped_column

from broadcast.administrative_unit import AdministrativeUnit
from broadcast.audit import record
from broadcast.database import Base, new_id
from broadcast.errors import NotFound, Refused
from speakers.heartbeat import State, state_of
from speakers.speaker import Speaker

MAX_NAME = 120


class Cluster(Base):
    """Loudspeakers that act as one, of one unit (a village or a commune)."""

    __tablename__ = "cluster"

    id: Mapped[str] = mapped_column(primary_key=True, default=new_id)
    unit_id: Mapped[str] = mapped_column(ForeignKey("administrative_unit.id"), index=True)
    name: Mapped[str]
    created_at: Mapped[datetime]
    retired_at: Mapped[datetime | None]


@dataclass(frozen=True, slots=True)
class ClusterView:
    """A cluster with its speakers and what is known of them now."""

    cluster: Cluster
    unit: AdministrativeUnit
    speakers: tuple[tuple[Speaker, State], ...]

    @property
    def online(self) -> int:
        """How many of its speakers answer."""
        return sum(1 for _, state in self.speakers if state is State.ONLINE)


def add_cluster(
    session: Session, unit: AdministrativeUnit, name: str, *, person_id: str | None, now: datetime
) -> Cluster:
    """A new cluster. Raises Refused for an empty name."""
    clean = " ".join(name.split())[:MAX_NAME]
    if not clean:
        raise Refused("Xin đặt tên cho cụm loa.")
    cluster = Cluster(unit_id=unit.id, name=clean, created_at=now)
    session.add(cluster)
    session.flush()
    detail = {"name": cluster.name}
    record(session, "cluster.add", "cluster", cluster.id, person_id=person_id, unit_id=unit.id, now=now, detail=detail)
    return cluster


def cluster(session: Session, cluster_id: str) -> tuple[Cluster, AdministrativeUnit]:
    """A cluster in use and its unit. Raises NotFound."""
    row = session.execute(
        select(Cluster, AdministrativeUnit)
        .join(AdministrativeUnit, AdministrativeUnit.id == Cluster.unit_id)
        .where(Cluster.id == cluster_id, Cluster.retired_at.is_(None))
    ).first()
    if row is None:
        raise NotFound("Không tìm thấy cụm loa này.", object_type="cluster", object_id=cluster_id)
    return row[0], row[1]


def retire_cluster(session: Session, cluster_id: str, *, person_id: str | None, now: datetime) -> None:
    """Take a cluster and its speakers out of use. Raises NotFound."""
    found, unit = cluster(session, cluster_id)
    found.retired_at = now
    for speaker in session.scalars(select(Speaker).where(Speaker.cluster_id == found.id)):
        speaker.retired_at = speaker.retired_at or now
        speaker.provisioned = False
    detail = {"name": found.name}
    record(session, "cluster.retire", "cluster", found.id, person_id=person_id, unit_id=unit.id, now=now, detail=detail)


@dataclass(frozen=True, slots=True)
class Fleet:
    """How many clusters and speakers are in use somewhere, and how many speakers answer."""

    clusters: int
    speakers: int
    online: int


def fleet(session: Session, unit_paths: Sequence[str], *, now: datetime, heartbeat_s: int) -> Fleet:
    """The numbers of the units at these paths and of all below them."""
    inside = (Cluster.retired_at.is_(None), _inside(unit_paths))
    of_unit = AdministrativeUnit.id == Cluster.unit_id
    clusters = session.scalar(
        select(func.count()).select_from(Cluster).join(AdministrativeUnit, of_unit).where(*inside)
    )
    seen = session.execute(
        select(Speaker.alive, Speaker.last_seen_at)
        .join(Cluster, Cluster.id == Speaker.cluster_id)
        .join(AdministrativeUnit, of_unit)
        .where(Speaker.retired_at.is_(None), *inside)
    ).all()
    online = sum(state_of(alive, seen_at, now, heartbeat_s) is State.ONLINE for alive, seen_at in seen)
    return Fleet(clusters or 0, len(seen), online)


def views(
    session: Session,
    unit_paths: Sequence[str],
    *,
    now: datetime,
    heartbeat_s: int,
    most: int | None = None,
    skipped: int = 0,
) -> list[ClusterView]:
    """The clusters in use of the units at these paths and of all below them, with their speakers, by path and name;
    at most `most` of them after the first `skipped`."""
    found: dict[str, tuple[Cluster, AdministrativeUnit, list[tuple[Speaker, State]]]] = {}
    order = (AdministrativeUnit.path, Cluster.name, Cluster.id)
    chosen = (
        select(Cluster.id)
        .join(AdministrativeUnit, AdministrativeUnit.id == Cluster.unit_id)
        .where(Cluster.retired_at.is_(None), _inside(unit_paths))
        .order_by(*order)
        .limit(most)
        .offset(skipped)
    )
    rows = session.execute(
        select(Cluster, AdministrativeUnit, Speaker)
        .join(AdministrativeUnit, AdministrativeUnit.id == Cluster.unit_id)
        .outerjoin(Speaker, (Speaker.cluster_id == Cluster.id) & Speaker.retired_at.is_(None))
        .where(Cluster.id.in_(chosen))
        .order_by(*order, Speaker.name)
        .options(defer(Speaker.reported, raiseload=True))  # a heartbeat of each, which no list shows
    )
    for one, unit, speaker in rows:
        _, _, speakers = found.setdefault(one.id, (one, unit, []))
        if speaker is not None:
            speakers.append((speaker, state_of(speaker.alive, speaker.last_seen_at, now, heartbeat_s)))
    return [ClusterView(one, unit, tuple(speakers)) for one, unit, speakers in found.values()]


def reached(session: Session, targets: Iterable[tuple[str, str | None]]) -> list[str]:
    """The ids of the clusters in use that targets (unit id, cluster id or None) reach, without repeats."""
    wanted_units: list[str] = []
    wanted_clusters: set[str] = set()
    for unit_id, cluster_id in targets:
        if cluster_id is not None:
            wanted_clusters.add(cluster_id)
            continue
        unit = session.get(AdministrativeUnit, unit_id)
        if unit is not None:
            wanted_units.append(unit.path)
    rows = session.scalars(
        select(Cluster.id)
        .join(AdministrativeUnit, AdministrativeUnit.id == Cluster.unit_id)
        .where(Cluster.retired_at.is_(None), or_(Cluster.id.in_(wanted_clusters), _inside(wanted_units)))
        .order_by(Cluster.id)
    )
    return list(rows)


def _inside(unit_paths: Iterable[str]) -> ColumnElement[bool]:
    """Whether a unit is one of these or lies below one."""
    path = AdministrativeUnit.path
    return or_(false(), *(or_(path == top, path.startswith(f"{top}/", autoescape=True)) for top in unit_paths))
