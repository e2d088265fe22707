"""The dated tree of administrative units: city, commune, village, of any depth."""

import re
import unicodedata
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, ForeignKey, Index, Select, or_, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from broadcast.database import Base, new_id
from broadcast.errors import NotFound, Refused
from broadcast.line import one_line

DA_NANG = Path(__file__).with_name("da_nang.tsv")
CITY_CODE = "48"
CITY_NAME = "Thành phố Đà Nẵng"
REFORM = date(2025, 7, 1)
"""Since then a province has communes and nothing between."""
COMMUNE_KINDS = ("ward", "commune", "special_zone")
KIND_NAMES = ("Thành phố ", "Phường ", "Xã ", "Đặc khu ")


class AdministrativeUnit(Base):
    """A place in the tree. `path` holds the codes from the root (`48/20197`); valid in [valid_from, valid_to)."""

    __tablename__ = "administrative_unit"

    id: Mapped[str] = mapped_column(primary_key=True, default=new_id)
    code: Mapped[str]
    parent_id: Mapped[str | None] = mapped_column(ForeignKey("administrative_unit.id"), index=True)
    path: Mapped[str]
    kind: Mapped[str]  # city, ward, commune, special_zone, village
    name: Mapped[str]  # Phường Hải Châu
    slug: Mapped[str] = mapped_column(index=True)  # hai-chau
    timezone: Mapped[str] = mapped_column(default="Asia/Ho_Chi_Minh")
    valid_from: Mapped[date]
    valid_to: Mapped[date | None]

    __table_args__ = (Index("ix_administrative_unit_path", "path"),)

    def has_ended(self, now: datetime) -> bool:
        """Whether it is no administrative unit any more, by its own clock."""
        return self.valid_to is not None and self.valid_to <= now.astimezone(ZoneInfo(self.timezone)).date()

    def is_valid(self, on: date) -> bool:
        """Whether it is an administrative unit on this day."""
        return self.valid_from <= on and (self.valid_to is None or on < self.valid_to)


class Predecessor(Base):
    """A unit that a later one took the place of."""

    __tablename__ = "predecessor"

    unit_id: Mapped[str] = mapped_column(ForeignKey("administrative_unit.id"), primary_key=True)
    predecessor_id: Mapped[str] = mapped_column(ForeignKey("administrative_unit.id"), primary_key=True)


def seed_da_nang(session: Session, today: date) -> AdministrativeUnit:
    """Put the city and its communes into the tree where they are not there yet; gives the city."""
    slug = slug_of(_bare(CITY_NAME))
    city = _put(session, None, code=CITY_CODE, kind="city", name=CITY_NAME, slug=slug, valid_from=REFORM)
    rows = [row.split("\t") for row in DA_NANG.read_text().splitlines() if not row.startswith("#")][1:]
    bare = [slug_of(_bare(name)) for _, _, name, _ in rows]
    for (code, kind, name, day), slug in zip(rows, bare, strict=True):
        clear = bare.count(slug) == 1 and slug != city.slug
        own = slug if clear else slug_of(name)
        _put(session, city, code=code, kind=kind, name=name, slug=own, valid_from=date.fromisoformat(day))
    if city.valid_from > today:
        raise NotFound(f"Các phường, xã này có từ {city.valid_from:%d/%m/%Y}; đồng hồ của máy chỉ {today:%d/%m/%Y}.")
    return city


def unit(session: Session, unit_id: str) -> AdministrativeUnit:
    """The unit of an id. Raises NotFound."""
    return _found(session.get(AdministrativeUnit, unit_id), unit_id)


def unit_of_slug(session: Session, slug: str) -> AdministrativeUnit:
    """The unit of a slug, as in the public address `/x/<slug>`. Raises NotFound."""
    chosen = select(AdministrativeUnit).where(AdministrativeUnit.slug == slug)
    return _found(session.scalars(_newest(chosen)).first(), slug)


def unit_of_path(session: Session, path: str) -> AdministrativeUnit:
    """The unit of a path such as `48/20242`; the newest when a code was given again. Raises NotFound."""
    chosen = select(AdministrativeUnit).where(AdministrativeUnit.path == path)
    return _found(session.scalars(_newest(chosen)).first(), path)


def city(session: Session) -> AdministrativeUnit:
    """The root of the tree. Raises NotFound on a station that has no units yet."""
    chosen = select(AdministrativeUnit).where(AdministrativeUnit.parent_id.is_(None))
    return _found(session.scalars(_newest(chosen)).first(), "city")


def communes(session: Session, on: date) -> list[AdministrativeUnit]:
    """The wards, communes and special zones of that day, in the order of their names."""
    chosen = select(AdministrativeUnit).where(AdministrativeUnit.kind.in_(COMMUNE_KINDS), *_valid(on))
    return sorted(session.scalars(chosen), key=lambda one: (slug_of(_bare(one.name)), one.code))


def end(
    session: Session, of: AdministrativeUnit, valid_to: date, successors: Sequence[AdministrativeUnit] = ()
) -> None:
    """End a unit, and all below it that has not ended yet: on `valid_to` it is no unit any more; the successors have
    taken its place. Raises Refused when it would end before it begins, or is succeeded by what is not there then."""
    if valid_to <= of.valid_from:
        raise Refused(f"{of.name} có từ {of.valid_from:%d/%m/%Y} nên không thể kết thúc vào {valid_to:%d/%m/%Y}.")
    for one in successors:
        if one.id == of.id or not one.is_valid(valid_to):
            raise Refused(f"{one.name} không phải là đơn vị hành chính khác vào ngày {valid_to:%d/%m/%Y}.")
    for one in [of, *units_below(session, of)]:
        if one.valid_to is None or one.valid_to > valid_to:
            one.valid_to = valid_to
    session.add_all(Predecessor(unit_id=one.id, predecessor_id=of.id) for one in successors)
    session.flush()


def successors(session: Session, of: AdministrativeUnit) -> list[AdministrativeUnit]:
    """The units that took its place, by path."""
    chosen = select(AdministrativeUnit).join(Predecessor, Predecessor.unit_id == AdministrativeUnit.id)
    return list(session.scalars(chosen.where(Predecessor.predecessor_id == of.id).order_by(AdministrativeUnit.path)))


def units_below(session: Session, of: AdministrativeUnit, on: date | None = None) -> list[AdministrativeUnit]:
    """All units below, of any depth, by path, without the unit itself; of all times, or of one day."""
    below = AdministrativeUnit.path.startswith(f"{of.path}/", autoescape=True)
    chosen = select(AdministrativeUnit).where(below, *(_valid(on) if on else ()))
    return list(session.scalars(chosen.order_by(AdministrativeUnit.path)))


def add_village(session: Session, parent: AdministrativeUnit, name: str, now: datetime) -> AdministrativeUnit:
    """Add a village (thôn, tổ dân phố) below a commune. Raises Refused when it has no name or is already there."""
    called = one_line(name)
    code = slug_of(called)
    if not code or len(called) > 100:
        raise Refused("Tên thôn, tổ dân phố cần có chữ và không dài quá 100 ký tự.")
    path = f"{parent.path}/{code}"
    if session.scalar(select(AdministrativeUnit.id).where(AdministrativeUnit.path == path)):
        raise Refused(f"{parent.name} đã có «{called}». Xin đặt tên khác.")
    slug = wanted = f"{parent.slug}-{code}"
    number = 1
    while session.scalar(select(AdministrativeUnit.id).where(AdministrativeUnit.slug == slug)):
        number += 1
        slug = f"{wanted}-{number}"
    village = AdministrativeUnit(
        id=new_id(),
        code=code,
        parent_id=parent.id,
        path=path,
        kind="village",
        name=called,
        slug=slug,
        timezone=parent.timezone,
        valid_from=now.astimezone(ZoneInfo(parent.timezone)).date(),
    )
    session.add(village)
    session.flush()
    return village


def search(session: Session, words: str, on: date | None = None) -> list[AdministrativeUnit]:
    """The units whose names hold all the words, with or without their marks («hai chau», «Hải Châu»); best first."""
    wanted = slug_of(words).split("-")
    if wanted == [""]:
        return []
    found = []
    for one in session.scalars(select(AdministrativeUnit).where(*(_valid(on) if on else ()))):
        parts = slug_of(one.name).split("-")
        if all(any(part.startswith(word) for part in parts) for word in wanted):
            found.append((slug_of(_bare(one.name)) != "-".join(wanted), one.path.count("/"), slug_of(one.name), one))
    return [one for *_, one in sorted(found, key=lambda entry: entry[:3])]


def slug_of(name: str) -> str:
    """A name without marks, for addresses: «Phường Hải Châu» gives `phuong-hai-chau`."""
    plain = unicodedata.normalize("NFD", name.casefold()).replace("đ", "d")
    kept = "".join(sign for sign in plain if not unicodedata.combining(sign))
    return re.sub(r"[^a-z0-9]+", "-", kept).strip("-")


def _bare(name: str) -> str:
    """The name without its kind: «Phường Hải Châu» gives «Hải Châu»."""
    return next((name.removeprefix(kind) for kind in KIND_NAMES if name.startswith(kind)), name)


def _put(
    session: Session, parent: AdministrativeUnit | None, *, code: str, kind: str, name: str, slug: str, valid_from: date
) -> AdministrativeUnit:
    path = f"{parent.path}/{code}" if parent else code
    there = session.scalar(
        select(AdministrativeUnit).where(AdministrativeUnit.path == path, AdministrativeUnit.valid_from == valid_from)
    )
    if there is not None:
        return there
    new = AdministrativeUnit(
        id=new_id(),
        code=code,
        parent_id=parent.id if parent else None,
        path=path,
        kind=kind,
        name=name,
        slug=slug,
        timezone="Asia/Ho_Chi_Minh",
        valid_from=valid_from,
    )
    session.add(new)
    session.flush()
    return new


def _valid(on: date) -> tuple[ColumnElement[bool], ...]:
    ends = AdministrativeUnit.valid_to
    return (AdministrativeUnit.valid_from <= on, or_(ends.is_(None), ends > on))


def _newest(chosen: Select[AdministrativeUnit]) -> Select[AdministrativeUnit]:
    return chosen.order_by(AdministrativeUnit.valid_from.desc(), AdministrativeUnit.path)


def _found(one: AdministrativeUnit | None, object_id: str) -> AdministrativeUnit:
    if one is None:
        raise NotFound("Không tìm thấy địa phương này.", object_type="administrative_unit", object_id=object_id)
    return one
