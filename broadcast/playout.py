"""LOOP: the playout compares what is wanted with what is on air, about once a second.

Stale rundowns are built anew and signed; before air their sounds are checked (T-60 s, T-10 s); after air the as-run log
and the archive are written. All that is known is in the database, so a killed playout goes on where it was. The
gateway publishes what is signed here; `broadcast.feed` gives it to the listening engine.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from time import perf_counter
from typing import Any

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import delete, or_, select
from sqlalchemy.orm import Session

from broadcast.administrative_unit import AdministrativeUnit, unit_of_path
from broadcast.asrun import keep_station_rows
from broadcast.building import draft, gather
from broadcast.database import Database
from broadcast.pace import Pace
from broadcast.plan import RundownRow, Schedule, ScheduleTarget
from broadcast.read_back import day_words
from broadcast.readiness import Alarm, SoundCheck, unready
from broadcast.rundown import Rundown
from broadcast.settlement import settle
from broadcast.signed import KEEP_BUILT, KEEP_LOOK, Row, near_parts, read_rows
from broadcast.storage import Storage
from broadcast.unit_look import ARM, NEAR, PREPARE, Seen, look_at, take_over
from broadcast.unit_path import lineage

BATCH = 50
MOST_BATCHES = 10
"""One look deals with some hundreds of units, so that `now` stays what it says while a whole nation is rebuilt."""

_UNREADY_EVERY = timedelta(seconds=15)
_TIDY_EVERY = timedelta(hours=1)
_TARGETS_KEPT = timedelta(days=3)
_RETRY = timedelta(seconds=10)

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Looked:
    """What one look did. `failed` counts units that could not be dealt with; they are tried again."""

    rebuilt: int = 0
    signed: int = 0
    due: int = 0
    as_run: int = 0
    episodes: int = 0
    failed: int = 0
    more: bool = False  # there is more to do than one look should take


class Playout:
    """The station's playout. `look` is one synchronous pass; `run` looks once a second, or sooner after a `hint`.

    `counts` only grow; `looked_at` is the last look that came to its end; `look_ms` is how long that took.
    """

    def __init__(
        self,
        database: Database,
        storage: Storage,
        key: Ed25519PrivateKey,
        *,
        now: Callable[[], datetime],
        horizon_days: int = 7,
        on_new: Callable[[], None] = lambda: None,
    ) -> None:
        self._database = database
        self._key = key
        self._now = now
        self._horizon_days = horizon_days
        self._on_new = on_new
        self._sounds = SoundCheck(storage)
        self._sound_alarms: dict[str, Alarm] = {}
        self._unready: list[Alarm] = []
        self._told: dict[tuple[str, str], datetime] = {}
        self._retry_at: dict[str, datetime] = {}
        self._unready_at: datetime | None = None
        self._tidy_at: datetime | None = None
        self._pace = Pace()
        self.counts: Counter[str] = Counter()
        self.looked_at: datetime | None = None
        self.look_ms = 0.0

    @property
    def alarms(self) -> tuple[Alarm, ...]:
        """What will not be heard as planned, by time; each has a sentence as its `str()`."""
        return tuple(sorted([*self._sound_alarms.values(), *self._unready], key=lambda alarm: alarm.start))

    def hint(self) -> None:
        """Look soon. May be called from any thread, before and after `run` too."""
        self._pace.hint()

    async def run(self, stop: asyncio.Event) -> None:
        """Look until `stop` is set. A look that fails is logged, and the next one begins anew."""
        await self._pace.keep(self._look, stop)

    async def _look(self) -> bool:
        try:
            return (await asyncio.to_thread(self.look, self._now())).more
        except Exception:
            self.counts["looks_failed"] += 1
            log.exception("the playout could not look")
            return False

    def look(self, now: datetime) -> Looked:
        """One pass: build what is stale, see to what is due, look out for what is not ready, tidy up now and then."""
        began, looked = perf_counter(), Looked()
        if self._tidy_at is None or now >= self._tidy_at:
            self._tidy(now)
            self._tidy_at = now + _TIDY_EVERY
        self._retry_at = {unit_id: at for unit_id, at in self._retry_at.items() if at > now}
        looked.more = True
        for _ in range(MOST_BATCHES):
            stale = self._read(RundownRow.stale)
            self._see_to(stale, now, looked, stale=True)
            due = self._read(RundownRow.look_at <= now)
            self._see_to(due, now, looked, stale=False)
            looked.due += len(due)
            if not stale and not due:
                looked.more = False
                break
        if self._unready_at is None or now >= self._unready_at or (looked.rebuilt and not looked.more):
            self._look_for_unready(now)
            self._unready_at = now + _UNREADY_EVERY
        self._sound_alarms = {one: alarm for one, alarm in self._sound_alarms.items() if alarm.start + NEAR > now}
        self.counts.update({name: count for name, count in asdict(looked).items() if name != "more"})
        self.counts["looks"] += 1
        self.looked_at, self.look_ms = now, (perf_counter() - began) * 1000
        return looked

    def _read(self, condition: Any) -> list[Row]:
        with self._database.reading() as session:
            return read_rows(session, condition, list(self._retry_at), BATCH)

    def _see_to(self, rows: Sequence[Row], now: datetime, looked: Looked, *, stale: bool) -> None:
        """Deal with one batch: read and build outside the transaction, write in one that is short."""
        if not rows:
            return
        wanted = [row for row in rows if stale or (at := row.refresh_at()) is None or at <= now]
        paths = {path for row in rows for path in lineage(row.path)[1:]}
        with self._database.reading() as session:
            gathered = gather(session, [row.unit_id for row in wanted], now)
            above = near_parts(session, paths, now + NEAR)
        refreshed = {row.unit_id for row in wanted}
        results: list[Seen] = []
        for row in rows:
            try:
                if row.unit_id in refreshed:
                    built = draft((row.unit_id, row.path), gathered, now, self._horizon_days)
                    seen = take_over(row, built, above, now, self._key)
                else:
                    seen = look_at(row, above, now)
                self._check_sounds(seen.near, now)
                results.append(seen)
            except Exception as error:
                self._failed(row, now, looked, error)
        self._keep(results, now, looked)

    def _keep(self, results: Sequence[Seen], now: datetime, looked: Looked) -> None:
        """Write a batch; if that fails, one by one, so that one unit's trouble stays its own."""
        if not results:
            return
        try:
            with self._database.transaction() as session:
                as_run, episodes = self._write(session, results, now)
        except Exception as error:
            if len(results) > 1:
                for seen in results:
                    self._keep([seen], now, looked)
            else:
                self._failed(results[0].row, now, looked, error)
            return
        signed = sum(1 for seen in results if seen.fresh)
        looked.rebuilt += sum(1 for seen in results if seen.built)
        looked.signed += signed
        looked.as_run += as_run
        looked.episodes += episodes
        if signed:
            self._on_new()

    def _write(self, session: Session, results: Sequence[Seen], now: datetime) -> tuple[int, int]:
        news = [seen.values(now) for seen in results if seen.built]
        looks = [seen.values(now) for seen in results if not seen.built]
        counts = settle(session, [one for seen in results for one in seen.over], self._sounds, now)
        session.flush()
        if news:
            session.connection().execute(KEEP_BUILT, news)
        if looks:
            session.connection().execute(KEEP_LOOK, looks)
        return counts

    def _failed(self, row: Row, now: datetime, looked: Looked, error: Exception) -> None:
        looked.failed += 1
        self._retry_at[row.unit_id] = now + _RETRY
        log.error("unit not dealt with", unit=row.path, unit_id=row.unit_id, exc_info=error)

    def _check_sounds(self, near: Rundown, now: datetime) -> None:
        """Open and verify what begins within a minute; an alarm stays until the sound is there or its time is over."""
        for item in near.items:
            if not now - ARM < item.start <= now + PREPARE:
                continue
            fault = self._sounds.fault(item.sound)
            if fault is None:
                self._sound_alarms.pop(item.id, None)
                continue
            kind, reason = fault
            place, zone = self._place(near.unit)
            when = day_words(item.start, now, zone)
            alarm = Alarm(kind, near.unit, place, item.id, item.title, item.start, when, reason)
            self._sound_alarms[item.id] = alarm
            self._tell(alarm)

    def _place(self, path: str) -> tuple[str, str]:
        """The name of a unit and its time zone."""
        with self._database.reading() as session:
            unit = unit_of_path(session, path)
        return unit.name, unit.timezone

    def _tell(self, alarm: Alarm) -> None:
        """Log an alarm once."""
        if (alarm.item_id, alarm.kind) in self._told:
            return
        self._told[alarm.item_id, alarm.kind] = alarm.start
        self.counts["alarms"] += 1
        start = alarm.start.isoformat()
        log.warning("item not ready for air", kind=alarm.kind, unit=alarm.unit, item=alarm.item_id, start=start)

    def _look_for_unready(self, now: datetime) -> None:
        with self._database.reading() as session:
            self._unready, missed = unready(session, now)
        for alarm in self._unready:
            self._tell(alarm)
        if missed:
            with self._database.transaction() as session:
                self.counts["missed_not_ready"] += len(keep_station_rows(session, missed))

    def _tidy(self, now: datetime) -> None:
        """Give every unit its rundown, and forget which units long ended schedules aimed at."""
        self._told = {key: start for key, start in self._told.items() if start > now - _TIDY_EVERY}
        with self._database.transaction() as session:
            over = select(Schedule.id).where(Schedule.until < now - _TARGETS_KEPT)
            session.execute(delete(ScheduleTarget).where(ScheduleTarget.schedule_id.in_(over)))
            valid = or_(AdministrativeUnit.valid_to.is_(None), AdministrativeUnit.valid_to > now.date())
            units = session.execute(
                select(AdministrativeUnit.id, AdministrativeUnit.path).where(
                    AdministrativeUnit.id.not_in(select(RundownRow.unit_id)), valid
                )
            )
            session.add_all(RundownRow(unit_id=unit_id, path=path) for unit_id, path in units.all())
