"""One broadcast as people see it: the same occurrence of a schedule in all units of a page, told once."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from broadcast.administrative_unit import AdministrativeUnit
from broadcast.agenda import Planned
from broadcast.unit_path import lineage
from speakers.cluster import ClusterView

NAMED = 2


@dataclass(frozen=True, slots=True)
class Group:
    """`first` speaks for all `members`; `clusters` are those of the page that it aims at; `places` are its units."""

    first: Planned
    members: tuple[Planned, ...]
    clusters: tuple[ClusterView, ...]
    places: tuple[str, ...]

    @property
    def named(self) -> tuple[str, ...]:
        """The first places, as many as fit on a line."""
        return self.places[:NAMED]

    @property
    def others(self) -> int:
        """How many places are not named."""
        return max(0, len(self.places) - NAMED)


def aimed_at(views: Sequence[ClusterView], targets: Iterable[str]) -> list[ClusterView]:
    """The clusters among these that `unit:<path>` and `cluster:<id>` mean."""
    wanted = set(targets)
    return [
        view
        for view in views
        if f"cluster:{view.cluster.id}" in wanted or any(f"unit:{path}" in wanted for path in lineage(view.unit.path))
    ]


def grouped(session: Session, planned: Iterable[Planned], views: Sequence[ClusterView]) -> list[Group]:
    """The broadcasts, in order of start."""
    by_occurrence: dict[tuple[str, str], list[Planned]] = {}
    for one in planned:
        by_occurrence.setdefault((one.schedule_id, one.occurrence), []).append(one)
    paths = {one.unit_path for members in by_occurrence.values() for one in members}
    rows = session.execute(
        select(AdministrativeUnit.path, AdministrativeUnit.name)
        .where(AdministrativeUnit.path.in_(paths))
        .order_by(AdministrativeUnit.valid_from)
    )
    names = {row.path: row.name for row in rows}
    return [
        Group(
            members[0],
            tuple(members),
            tuple(aimed_at(views, [target for one in members for target in one.targets])),
            tuple(names.get(one.unit_path, one.unit_path) for one in members),
        )
        for members in by_occurrence.values()
    ]
