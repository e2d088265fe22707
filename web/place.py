"""Which unit a page is about: the one in its address, or the first of those where the person may do the act."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from broadcast.administrative_unit import AdministrativeUnit, unit, unit_of_path
from broadcast.errors import NotAllowed
from broadcast.permission import Person, require

MOST_CHOICES = 150
"""So many units fit into a list; with more of them a page of its own lets the person search."""


@dataclass(frozen=True, slots=True)
class Place:
    """The unit of a page, its zone, and the units the person may change to, by path: none when they are `many`."""

    unit: AdministrativeUnit
    choices: Sequence[AdministrativeUnit]
    many: bool = False
    act: str = "view"

    @property
    def zone(self) -> ZoneInfo:
        """The zone in which this unit reads its clocks."""
        return ZoneInfo(self.unit.timezone)


def choices(session: Session, tops: Sequence[str], on: datetime) -> list[AdministrativeUnit]:
    """The units in force at these paths and below them, by path; none when they are too many for a list."""
    inside = _inside(tops, on)
    if (session.scalar(select(func.count()).select_from(AdministrativeUnit).where(*inside)) or 0) > MOST_CHOICES:
        return []
    return list(session.scalars(select(AdministrativeUnit).where(*inside).order_by(AdministrativeUnit.path)))


def _inside(tops: Sequence[str], on: datetime) -> tuple[ColumnElement[bool], ...]:
    path, ends = AdministrativeUnit.path, AdministrativeUnit.valid_to
    within = or_(*(or_(path == top, path.startswith(f"{top}/", autoescape=True)) for top in tops))
    return within, or_(ends.is_(None), ends > on.date())


def place(
    session: Session, person: Person, act: str, unit_id: str, on: datetime, *, with_choices: bool = True
) -> Place:
    """The place a page is about. Raises NotFound, or NotAllowed where the person may not do the act."""
    tops = person.paths(act)
    if not unit_id and not tops:
        raise NotAllowed(act=act)
    wanted = unit(session, unit_id) if unit_id else unit_of_path(session, tops[0])
    if unit_id:
        require(person, act, wanted.path)
    possible = choices(session, tops, on) if with_choices else []
    return Place(wanted, possible, with_choices and not possible, act)
