"""What a pole writes down as it plays: one entry for each span of each item, kept until the station has it.

An entry is written when its sound starts and again when it ends; only then does it get a sequence number and wait for
the station. Positions are sample positions. Who decides what an entry says is `speakers.agent.air`.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import structlog

from broadcast.onair import Span
from speakers.agent.memory import fact, keep_fact
from speakers.wire import MAX_ENTRIES, Entry, State
from streams.frame import SAMPLE_RATE_HZ, instant, ms_of_samples, samples_of_ms

ENOUGH_SAMPLES = samples_of_ms(500)
"""A span of which no more than this is lacking counts as played."""

KEPT_SAMPLES = 3 * 86_400 * SAMPLE_RATE_HZ
_BEGINNING = datetime(2025, 1, 1, tzinfo=UTC)
_COLUMNS = "sequence, unit, item, cue, sound, planned, length, item_ms, started, ended, heard, state, reason, error_ms"

log = structlog.get_logger()


class Journal:
    """The journal in a memory opened by `speakers.agent.memory`."""

    def __init__(self, memory: sqlite3.Connection, now: datetime) -> None:
        self._memory = memory
        # What a full disk left half written is told anew.
        memory.execute("DELETE FROM journal WHERE sequence IS NULL AND state <> 'started'")
        self._open: dict[str, int] = dict(memory.execute("SELECT cue, id FROM journal WHERE state = 'started'"))
        self._told: set[tuple[str, int]] = set(memory.execute("SELECT cue, planned FROM journal"))
        self._interrupted: set[str] = set()
        # Numbers only grow, also when a damaged journal is begun anew: a new one begins at the seconds since 2025.
        self._acknowledged = fact(memory, "acknowledged")
        self._sequence = fact(memory, "sequence") or max(0, int((now - _BEGINNING).total_seconds()))

    @property
    def playing(self) -> tuple[str, ...]:
        """The cues of open entries."""
        return tuple(sorted(self._open))

    @property
    def acknowledged(self) -> int:
        """Up to which sequence number the station has everything."""
        return self._acknowledged

    @property
    def waiting_count(self) -> int:
        """How many finished entries the station has not acknowledged."""
        row = self._memory.execute("SELECT count(*) FROM journal WHERE sequence > ?", (self._acknowledged,))
        return int(row.fetchone()[0])

    def tells(self, cue_id: str, planned: int) -> bool:
        """Whether there is an entry, open or finished, for this span."""
        return (cue_id, planned) in self._told

    def is_open(self, cue_id: str) -> bool:
        """Whether the cue's sound has started and not ended."""
        return cue_id in self._open

    def mark_alive(self, position: int) -> None:
        """Writes down that the pole was alive at `position`: so far its sound was heard, should the power go."""
        keep_fact(self._memory, "alive", position)

    def recover(self) -> int:
        """Finishes what was open when the power went, as partly played. Returns how many entries that were."""
        alive = fact(self._memory, "alive")
        rows = self._memory.execute("SELECT id, cue, started, planned + length FROM journal WHERE state = 'started'")
        found = rows.fetchall()
        for row, cue_id, started, planned_end in found:
            ended = max(started, min(alive, planned_end))
            self._finish(row, ended, ended - started, "partial", "power")
            self._interrupted.add(cue_id)
        self._open.clear()
        return len(found)

    def start(self, cue_id: str, span: Span, position: int, sound: str, error_ms: float | None) -> None:
        """The first sample of a span was given to the sink for `position`."""
        row = self._insert(cue_id, span, sound, state="started", started=position, error_ms=error_ms)
        self._told.add((cue_id, span.start))
        self._open[cue_id] = row
        self.mark_alive(position)

    def end(self, cue_id: str, span: Span, position: int, heard: int, reason: str) -> None:
        """A span ended after `heard` samples. `reason` says why, if it was not all of it; `missing` for a fallback."""
        row = self._open.get(cue_id)
        if row is None:
            return
        self._memory.execute("UPDATE journal SET length = ? WHERE id = ?", (span.length, row))
        if reason == "missing":
            self._finish(row, position, 0, "missed", reason)
        elif span.length - heard <= ENOUGH_SAMPLES:
            self._finish(row, position, heard, "played", "")
        else:
            self._finish(row, position, heard, "partial", "power" if cue_id in self._interrupted else reason)
        del self._open[cue_id]

    def miss(self, cue_id: str, span: Span, reason: str) -> None:
        """A span went by unheard."""
        row = self._insert(cue_id, span, span.item.sound, state="missed")
        self._finish(row, None, 0, "missed", reason)
        self._told.add((cue_id, span.start))

    def waiting(self, count: int = MAX_ENTRIES) -> list[Entry]:
        """The oldest entries that the station has not acknowledged; costs nothing when there are none."""
        if self._sequence <= self._acknowledged:
            return []
        rows = self._memory.execute(
            f"SELECT {_COLUMNS} FROM journal WHERE sequence > ? ORDER BY sequence LIMIT ?",  # noqa: S608 - our own names
            (self._acknowledged, count),
        )
        return [_entry(row) for row in rows]

    def acknowledge(self, sequence: int, position: int) -> None:
        """The station keeps all entries up to `sequence`; those from long before `position` may be forgotten here.

        It may be less than before, when the station was restored from an older state: what is still here is sent again.
        It may be more than was ever given out here, when this memory is an older copy: see `_renumber`.
        """
        if sequence > self._sequence:
            self._renumber(sequence)
        self._acknowledged = sequence
        keep_fact(self._memory, "acknowledged", self._acknowledged)
        forgotten = position - KEPT_SAMPLES
        self._memory.execute("DELETE FROM journal WHERE sequence <= ? AND planned < ?", (sequence, forgotten))
        self._told = {(cue, planned) for cue, planned in self._told if planned >= forgotten}

    def _renumber(self, sequence: int) -> None:
        """The station has other entries under our numbers: what waits gets numbers beyond, or it would drop it."""
        shift = sequence - self._acknowledged
        with _all_or_nothing(self._memory):
            self._memory.execute(
                "UPDATE journal SET sequence = sequence + ? WHERE sequence > ?", (shift, self._acknowledged)
            )
            keep_fact(self._memory, "sequence", self._sequence + shift)
            keep_fact(self._memory, "acknowledged", sequence)
        log.warning("journal_renumbered", acknowledged=sequence, was=self._sequence)
        self._sequence += shift

    def _insert(self, cue_id: str, span: Span, sound: str, **more: object) -> int:
        values = {
            "cue": cue_id, "planned": span.start, "unit": span.unit, "item": span.item.id, "sound": sound,
            "length": span.length, "item_ms": span.item.duration_ms, "started": None, "error_ms": None, **more,
        }  # fmt: skip
        inserted = self._memory.execute(
            "INSERT INTO journal (cue, planned, unit, item, sound, length, item_ms, started, state, error_ms) VALUES"
            " (:cue, :planned, :unit, :item, :sound, :length, :item_ms, :started, :state, :error_ms)",
            values,
        )
        return int(inserted.lastrowid or 0)

    def _finish(self, row: int, ended: int | None, heard: int, state: State, reason: str) -> None:
        self._sequence += 1
        with _all_or_nothing(self._memory):
            self._memory.execute(
                "UPDATE journal SET ended = ?, heard = ?, state = ?, reason = ?, sequence = ? WHERE id = ?",
                (ended, heard, state, reason, self._sequence, row),
            )
            keep_fact(self._memory, "sequence", self._sequence)


@contextmanager
def _all_or_nothing(memory: sqlite3.Connection) -> Iterator[None]:
    memory.execute("BEGIN")
    try:
        yield
        memory.execute("COMMIT")
    except sqlite3.Error:
        if memory.in_transaction:
            memory.execute("ROLLBACK")
        raise


def _entry(row: tuple[Any, ...]) -> Entry:
    sequence, unit, item, cue, sound, planned, length, item_ms, started, ended, heard, state, reason, error_ms = row
    return Entry(
        sequence=sequence,
        unit=unit,
        item=item,
        cue=cue,
        sound=sound,
        planned=instant(planned),
        planned_ms=round(ms_of_samples(length)),
        item_ms=item_ms,
        started=None if started is None else instant(started),
        ended=None if ended is None else instant(ended),
        heard_ms=round(ms_of_samples(heard)),
        state=state,
        reason=reason,
        error_ms=error_ms,
    )
