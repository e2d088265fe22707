"""Which unit a page is about: the one in its address, or the first of those where the person may do the act."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from broadcast.administrative_unit import AdministrativeUnit, unit, unit_of_path, units_below
from broadcast.errors import NotAllowed
from broadcast.permission import Person, require


@dataclass(frozen=True, slots=True)
class Place:
    """The unit of a page, its zone, and the units the person may change to, by path."""

    unit: AdministrativeUnit
    choices: Sequence[AdministrativeUnit]

    @property
    def zone(self) -> ZoneInfo:
        """The zone in which this unit reads its clocks."""
        return ZoneInfo(self.unit.timezone)


def choices(session: Session, person: Person, act: str, on: datetime) -> list[AdministrativeUnit]:
    """The units in force where the person may do the act: those of the grants and all below them, by path."""
    found: list[AdministrativeUnit] = []
    today = on.date()
    for path in person.paths(act):
        above = unit_of_path(session, path)
        found += [one for one in (above, *units_below(session, above)) if one.valid_to is None or one.valid_to > today]
    return found


def place(session: Session, person: Person, act: str, unit_id: str, on: datetime) -> Place:
    """The place a page is about. Raises NotFound, or NotAllowed where the person may not do the act."""
    possible = choices(session, person, act, on)
    if unit_id:
        wanted = unit(session, unit_id)
        require(person, act, wanted.path)
        return Place(wanted, possible)
    if not possible:
        raise NotAllowed(act=act)
    return Place(possible[0], possible)
