"""The as-run log: what truly went out, per item, unit and device.

The station writes its own rows through `broadcast.settlement`; devices report theirs in journals, which the gateway
hands to `merge_device_plays`. `unit_path` is the unit whose rundown named the item.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from sqlalchemy import Index, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from broadcast.administrative_unit import AdministrativeUnit
from broadcast.database import Base, new_id
from broadcast.plan import RundownRow
from broadcast.rundown import Item
from broadcast.signed import parsed
from broadcast.unit_path import lineage

STATION = ""
"""The `device_id` of the station's own rows."""

ENOUGH_MS = 500
"""An item of which no more than this is lacking counts as played."""


class AsRun(Base):
    """One item at one unit by one device; `device_id` empty is the station itself.

    `state`: played, partial, missed; `reason` says why not (too_late, cut, expired, stale, missing, withdrawn,
    not_ready, offline, power).
    """

    __tablename__ = "as_run"

    id: Mapped[str] = mapped_column(primary_key=True, default=new_id)
    item_id: Mapped[str]
    unit_path: Mapped[str]
    device_id: Mapped[str] = mapped_column(default="")
    programme_id: Mapped[str | None]
    sound: Mapped[str]
    title: Mapped[str]
    planned_start: Mapped[datetime]
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    planned_ms: Mapped[int]
    heard_ms: Mapped[int]
    state: Mapped[str]
    reason: Mapped[str] = mapped_column(default="")
    start_error_ms: Mapped[float | None]

    __table_args__ = (
        Index("uq_as_run_item_unit_device", "item_id", "unit_path", "device_id", unique=True),
        Index("ix_as_run_planned_start", "planned_start"),
        Index("ix_as_run_unit_planned", "unit_path", "planned_start"),
    )


class DevicePlay(Protocol):
    """What a device says became of one span of an item; see `speakers.wire.Entry`, which is one."""

    @property
    def unit(self) -> str:
        """The unit whose rundown named the item."""

    @property
    def item(self) -> str:
        """The item's id."""

    @property
    def sound(self) -> str:
        """What was heard."""

    @property
    def planned(self) -> datetime:
        """When the span was to begin."""

    @property
    def item_ms(self) -> int:
        """How long the whole item is."""

    @property
    def started(self) -> datetime | None:
        """When its first sample was heard."""

    @property
    def ended(self) -> datetime | None:
        """When its last sample was heard."""

    @property
    def heard_ms(self) -> int:
        """How much of it was heard."""

    @property
    def reason(self) -> str:
        """Why not all of it was."""

    @property
    def error_ms(self) -> float | None:
        """How much later than planned the first sample came."""


@dataclass(slots=True)
class Summary:
    """An item in the log: the station's row, if it has written it, and the state at each device that reported."""

    item_id: str
    station: AsRun | None = None
    devices: dict[str, str] = field(default_factory=dict)

    def count(self, state: str) -> int:
        """How many devices report this state."""
        return sum(1 for reported in self.devices.values() if reported == state)

    @property
    def played(self) -> int:
        """How many devices played all of it."""
        return self.count("played")


def merge_device_plays(session: Session, device_id: str, entries: Sequence[DevicePlay]) -> None:
    """Bring what a device reports into its rows, one for each item; spans of one item are added up.

    Give each entry once: the caller keeps the device's last sequence number in the same transaction.
    """
    ids = {entry.item for entry in entries}
    there = session.scalars(
        select(AsRun).where(AsRun.item_id.in_(ids), AsRun.device_id.in_((device_id, STATION)))
    ).all()
    rows = {(row.item_id, row.unit_path): row for row in there if row.device_id == device_id}
    models = {(row.item_id, row.unit_path): row for row in there if row.device_id == STATION}
    items: Mapping[tuple[str, str], Item] | None = None
    for entry in entries:
        key = (entry.item, entry.unit)
        row = rows.get(key)
        if row is None:
            if items is None and key not in models:
                items = _items(session, {entry.unit for entry in entries})
            row = rows[key] = _device_row(device_id, entry, models.get(key), (items or {}).get(key))
            session.add(row)
        _add_play(row, entry)


def _device_row(device_id: str, entry: DevicePlay, model: AsRun | None, item: Item | None) -> AsRun:
    start = model.planned_start if model is not None else item.start if item is not None else entry.planned
    title = model.title if model is not None else item.title if item is not None else ""
    return AsRun(
        item_id=entry.item,
        unit_path=entry.unit,
        device_id=device_id,
        programme_id=model.programme_id if model is not None else None,
        sound=entry.sound,
        title=title,
        planned_start=start,
        planned_ms=entry.item_ms,
        heard_ms=0,
        state="missed",
        reason="",
    )


def _items(session: Session, units: Collection[str]) -> dict[tuple[str, str], Item]:
    """By id and unit, the items as the rundowns name them now: the station writes its own rows when they are over."""
    rows = session.execute(select(RundownRow.path, RundownRow.message).where(RundownRow.path.in_(units)))
    return {(item.id, path): item for path, message in rows if message for item in parsed(message).items}


def _add_play(row: AsRun, entry: DevicePlay) -> None:
    row.heard_ms = min(row.heard_ms + entry.heard_ms, row.planned_ms)
    if entry.started is not None and (row.started_at is None or entry.started < row.started_at):
        row.started_at, row.start_error_ms = entry.started, entry.error_ms
    if entry.ended is not None and (row.ended_at is None or entry.ended > row.ended_at):
        row.ended_at = entry.ended
    row.reason = entry.reason or row.reason
    if row.heard_ms >= row.planned_ms - ENOUGH_MS and row.heard_ms > 0:
        row.state, row.reason = "played", ""
    else:
        row.state = "partial" if row.heard_ms > 0 else "missed"


def keep_station_rows(session: Session, rows: Sequence[AsRun]) -> list[AsRun]:
    """Write the station's rows; a row that is there already is replaced only by one of which more was heard, or by one
    that began after it: an item that was taken off the air, mended and approved again within its time.

    Rows of devices that reported first learn what the station knows. Gives the rows that were written.
    """
    ids = {row.item_id for row in rows}
    there = session.scalars(select(AsRun).where(AsRun.item_id.in_(ids))).all()
    own = {(row.item_id, row.unit_path): row for row in there if row.device_id == STATION}
    written = []
    for row in rows:
        old = own.get((row.item_id, row.unit_path))
        if old is not None and row.heard_ms <= old.heard_ms and not _began_after(row, old):
            continue
        if old is not None:
            session.delete(old)
            session.flush()
        session.add(row)
        written.append(row)
        for device in there:
            if device.device_id != STATION and (device.item_id, device.unit_path) == (row.item_id, row.unit_path):
                device.programme_id, device.title = row.programme_id, row.title
    return written


def _began_after(row: AsRun, old: AsRun) -> bool:
    return row.started_at is not None and old.ended_at is not None and row.started_at >= old.ended_at


def as_run_of(session: Session, item_ids: Iterable[str]) -> dict[str, Summary]:
    """By item id, what the log says of it; an item of which nothing is known yet has an empty summary."""
    found = {item_id: Summary(item_id) for item_id in item_ids}
    for row in session.scalars(select(AsRun).where(AsRun.item_id.in_(list(found)))):
        summary = found[row.item_id]
        if row.device_id == STATION:
            summary.station = row
        else:
            summary.devices[row.device_id] = row.state
    return found


def aired(session: Session, unit: AdministrativeUnit, since: datetime, until: datetime) -> list[AsRun]:
    """The station's rows of a unit and of those above it, planned in [since, until), the latest first."""
    chosen = select(AsRun).where(AsRun.device_id == STATION, AsRun.unit_path.in_(lineage(unit.path)))
    inside = chosen.where(AsRun.planned_start >= since, AsRun.planned_start < until)
    return list(session.scalars(inside.order_by(AsRun.planned_start.desc(), AsRun.id.desc())))
