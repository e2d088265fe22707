"""From outcomes to the as-run log and the archive: what has ended is written down once, with its programme.

Called by `broadcast.playout` within a transaction, for the time since it looked last; so what a killed station
did not write, the next one does.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from broadcast.agenda import Planned, planned_of
from broadcast.archive import Episode, keep_episodes
from broadcast.asrun import STATION, AsRun, keep_station_rows
from broadcast.outcome import Outcome
from broadcast.plan import facts
from broadcast.programme import Programme
from broadcast.readiness import SoundCheck

_WITHDRAWN_SINCE = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class Ended:
    """An item of a unit that is over, or will be in a moment."""

    unit_id: str
    outcome: Outcome


def settle(session: Session, ended: Sequence[Ended], sounds: SoundCheck, now: datetime) -> tuple[int, int]:
    """Write as-run rows and episodes; gives how many of each were new. Where a sound could not be played the fallback
    was heard, and the item itself was missed."""
    if not ended:
        return 0, 0
    planned = _planned(session, ended, now)
    rows = [_row(one, planned.get(one.outcome.item.id), sounds) for one in ended]
    items = {one.outcome.item.id: one.outcome.item for one in ended}
    written = keep_station_rows(session, rows)
    heard = [row for row in written if row.state != "missed" and row.reason != "withdrawn"]
    sentences = _sentences(session, heard)
    fresh = [_episode(row, items[row.item_id].text, sentences) for row in heard if row.sound.startswith("rendition:")]
    return len(written), keep_episodes(session, fresh)


def _planned(session: Session, ended: Sequence[Ended], now: datetime) -> dict[str, Planned]:
    """What the schedules say of these items, withdrawn ones included."""
    starts = [one.outcome.item.start for one in ended]
    since, until = min(starts) - timedelta(hours=2), max(starts) + timedelta(seconds=1)
    units = {one.unit_id: one.outcome.unit for one in ended}
    rules = facts(session, sorted(units), since, withdrawn_after=now - _WITHDRAWN_SINCE)
    return {
        planned.item_id: planned
        for unit_id, known in rules.items()
        for fact in known
        for planned in planned_of(fact, [(unit_id, units[unit_id])], since, until)
    }


def _row(one: Ended, planned: Planned | None, sounds: SoundCheck) -> AsRun:
    outcome, item = one.outcome, one.outcome.item
    state, reason, heard_ms = outcome.state, outcome.reason, outcome.heard_ms
    if reason == "expired":  # the station lets an item expire only when it takes it back
        reason = "withdrawn"
    if state != "missed" and sounds.fault(item.sound) is not None:
        state, reason, heard_ms = "missed", "missing", 0
    return AsRun(
        item_id=item.id,
        unit_path=outcome.unit,
        device_id=STATION,
        programme_id=planned.programme_id if planned is not None else None,
        sound=item.sound,
        title=item.title,
        planned_start=item.start,
        started_at=outcome.started_at,
        ended_at=outcome.ended_at,
        planned_ms=item.duration_ms,
        heard_ms=heard_ms,
        state=state,
        reason=reason,
    )


def _sentences(session: Session, rows: Iterable[AsRun]) -> dict[tuple[str, str], list[object]]:
    """By programme and sound, the spoken sentences with their times, where the programme still sounds so."""
    ids = {row.programme_id for row in rows if row.programme_id}
    chosen = select(Programme.id, Programme.rendition_sha256, Programme.sentences).where(Programme.id.in_(ids))
    return {(one, f"rendition:{sha256}"): sentences for one, sha256, sentences in session.execute(chosen)}


def _episode(row: AsRun, text: str, sentences: dict[tuple[str, str], list[object]]) -> Episode:
    return Episode(
        item_id=row.item_id,
        unit_path=row.unit_path,
        programme_id=row.programme_id,
        rendition_sha256=row.sound.partition(":")[2],
        title=row.title,
        text=text,
        sentences=sentences.get((row.programme_id or "", row.sound), []),
        aired_at=row.started_at,
        duration_ms=row.planned_ms,
    )
