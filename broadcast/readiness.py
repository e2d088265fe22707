"""Is everything ready that goes on air soon? Sound files before air, approvals and voices minutes before.

`SoundCheck` opens and verifies renditions; `unready` finds what is scheduled but could not go out. Both give alarms,
which `broadcast.playout` collects and `monitoring` shows.
"""

import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from broadcast.administrative_unit import AdministrativeUnit
from broadcast.agenda import Planned, planned_of
from broadcast.asrun import STATION, AsRun
from broadcast.errors import LoaError
from broadcast.plan import unready_facts
from broadcast.read_back import day_words
from broadcast.storage import Storage

WARN_BEFORE = timedelta(minutes=10)
_MISSED_SINCE = timedelta(minutes=30)
_CHECKED_KEPT = 4_096
_READ_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something that will not be heard as planned. `kind`: sound_missing, sound_damaged, not_ready. `str()` is a
    Vietnamese sentence."""

    kind: str
    unit: str
    place: str
    item_id: str
    title: str
    start: datetime
    when: str
    reason: str

    def __str__(self) -> str:
        return f"{self.place}: «{self.title}» lúc {self.when} sẽ không phát được. {self.reason}"


class SoundCheck:
    """Opens and verifies the files of renditions; a file that was found right is not read again while it stays."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._right: OrderedDict[str, tuple[int, int]] = OrderedDict()

    def fault(self, sound: str) -> tuple[str, str] | None:
        """The kind of alarm and a sentence for a sound that cannot be played; None for one that can."""
        kind, _, sha256 = sound.partition(":")
        if kind != "rendition":
            return None
        path = self._storage.rendition(sha256)
        try:
            status = path.stat()
            seen = (status.st_size, status.st_mtime_ns)
            if self._right.get(sha256) == seen:
                return None
            if _sha256_of(path) != sha256:
                return "sound_damaged", "Tệp âm thanh bị hỏng; nhạc hiệu sẽ phát thay."
        except OSError:
            return "sound_missing", "Không có tệp âm thanh; nhạc hiệu sẽ phát thay."
        self._right[sha256] = seen
        if len(self._right) > _CHECKED_KEPT:
            self._right.popitem(last=False)
        return None


def _sha256_of(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_READ_BYTES):
            digest.update(block)
    return digest.hexdigest()


def unready(session: Session, now: datetime) -> tuple[list[Alarm], list[AsRun]]:
    """What is scheduled within ten minutes and could not go out now, and the rows of what was missed for that."""
    rules = unready_facts(session, now - _MISSED_SINCE)
    units = {
        one.id: one for one in session.scalars(select(AdministrativeUnit).where(AdministrativeUnit.id.in_(list(rules))))
    }
    planned: list[Planned] = []
    for unit_id, known in rules.items():
        for fact in known:
            try:
                planned += planned_of(fact, [(unit_id, units[unit_id].path)], now - _MISSED_SINCE, now + WARN_BEFORE)
            except LoaError:  # said by whoever builds the rundown
                continue
    waiting = {one.item_id: one for one in planned if not one.ready}
    written = session.scalars(select(AsRun.item_id).where(AsRun.item_id.in_(list(waiting)), AsRun.device_id == STATION))
    for item_id in written.all():  # it went out before its programme was changed
        waiting.pop(item_id, None)
    late = {one.item_id for one in waiting.values() if one.start + timedelta(seconds=one.late_s) < now}
    alarms = [_alarm(one, units[one.unit_id], now) for one in waiting.values() if one.item_id not in late]
    return alarms, [_missed(waiting[item_id]) for item_id in sorted(late)]


def _alarm(one: Planned, unit: AdministrativeUnit, now: datetime) -> Alarm:
    when = day_words(one.start, now, unit.timezone)
    return Alarm("not_ready", unit.path, unit.name, one.item_id, one.title, one.start, when, one.why_not)


def _missed(one: Planned) -> AsRun:
    return AsRun(
        item_id=one.item_id,
        unit_path=one.unit_path,
        device_id=STATION,
        programme_id=one.programme_id,
        sound=f"rendition:{one.said.rendition_sha256}" if one.said.rendition_sha256 else "",
        title=one.title,
        planned_start=one.start,
        planned_ms=one.duration_ms,
        heard_ms=0,
        state="missed",
        reason="not_ready",
    )
