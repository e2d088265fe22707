"""What the gateway reads and writes in the database: wanted against published, and what devices reported.

All of it synchronous and short; the gateway calls it in a thread. What devices played goes on to `broadcast.asrun`.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import bindparam, func, select, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

import broadcast.account  # noqa: F401 - its table is what rows of the audit point to
from broadcast.administrative_unit import AdministrativeUnit
from broadcast.asrun import merge_device_plays
from broadcast.database import Database
from broadcast.plan import RundownRow
from broadcast.signing import sign
from speakers.cluster import Cluster
from speakers.credential import fits, password_of
from speakers.enrolment import paths_to
from speakers.errors import WireMalformed
from speakers.rights import AccountChange, Rights, rights_of
from speakers.speaker import UNTOLD, Speaker
from speakers.topic import parse_topic, topic
from speakers.wire import Heartbeat, JournalBatch, Wanted, acknowledged_body, parse_alive, parse_report, wanted_body

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message to publish; `kind`, `row` and `number` say what to note once it is."""

    topic: str
    message: bytes
    retained: bool
    kind: str
    row: str
    number: int


@dataclass(slots=True)
class _Post:
    """A batch of reports, sorted: the last heartbeat and the last sign of life of each device, and all journals."""

    beats: dict[str, Heartbeat] = field(default_factory=dict)
    online: dict[str, bool] = field(default_factory=dict)
    journals: dict[str, list[JournalBatch]] = field(default_factory=lambda: defaultdict(list))

    @property
    def devices(self) -> set[str]:
        """Everybody who wrote."""
        return self.online.keys() | self.journals.keys()

    def only(self, device: str) -> "_Post":
        """What one device wrote."""
        one = _Post()
        one.beats.update({device: self.beats[device]} if device in self.beats else {})
        one.online.update({device: self.online[device]} if device in self.online else {})
        one.journals[device].extend(self.journals[device])
        return one


class Ledger:
    """The gateway's hand in the database."""

    def __init__(self, database: Database, key: Ed25519PrivateKey, secret: bytes, *, heartbeat_s: int) -> None:
        self._database = database
        self._key = key
        self._secret = secret
        self._heartbeat_s = heartbeat_s

    # Out.

    def marker(self) -> str:
        """A text that changes with everything that is published and retained."""
        with self._database.reading() as session:
            rundowns = session.scalar(select(func.coalesce(func.sum(RundownRow.published_revision), 0)))
            wanted = session.scalar(select(func.coalesce(func.sum(Speaker.published_wanted_revision), 0)))
            return f"{rundowns}/{wanted}"

    def forget_published(self) -> None:
        """Everything is to be published again."""
        with self._database.transaction() as session:
            session.execute(update(RundownRow).values(published_revision=0))
            session.execute(update(Speaker).values(published_wanted_revision=0, acknowledged_sequence=UNTOLD))
            session.execute(update(Speaker).values(provisioned=False))

    def outgoing(self, most: int) -> list[Outgoing]:
        """What is wanted and not yet published, rundowns first."""
        with self._database.reading() as session:
            found = [
                Outgoing(topic("rundown", path), message, True, "rundown", unit_id, revision)
                for unit_id, path, message, revision in session.execute(
                    select(RundownRow.unit_id, RundownRow.path, RundownRow.message, RundownRow.revision)
                    .where(RundownRow.published_revision < RundownRow.revision)
                    .limit(most)
                )
            ]
            rows = session.execute(
                _speakers_and_places()
                .where(
                    (Speaker.published_wanted_revision < Speaker.wanted_revision)
                    | (Speaker.acknowledged_sequence < Speaker.journal_sequence)
                )
                .where(Speaker.retired_at.is_(None))
                .limit(most)
            ).all()
        for speaker, path in rows:
            if speaker.published_wanted_revision < speaker.wanted_revision:
                found.append(self._wanted(speaker, path))
            if speaker.acknowledged_sequence < speaker.journal_sequence:
                to = topic("acknowledged", speaker.id)
                body = acknowledged_body(speaker.journal_sequence)
                message = sign(body, to, self._key)
                found.append(Outgoing(to, message, True, "acknowledged", speaker.id, speaker.journal_sequence))
        return found

    def _wanted(self, speaker: Speaker, path: str) -> Outgoing:
        to = topic("wanted", speaker.id)
        body = wanted_body(
            Wanted(
                revision=speaker.wanted_revision,
                unit=path,
                units=paths_to(path),
                clusters=(speaker.cluster_id,),
                volume_db=speaker.volume_db,
                heartbeat_s=self._heartbeat_s,
            )
        )
        return Outgoing(to, sign(body, to, self._key), True, "wanted", speaker.id, speaker.wanted_revision)

    def note_published(self, outgoing: Sequence[Outgoing]) -> None:
        """Write down that the broker has taken these."""
        columns: dict[str, tuple[Any, str, str]] = {
            "rundown": (RundownRow.__table__, "unit_id", "published_revision"),
            "wanted": (Speaker.__table__, "id", "published_wanted_revision"),
            "acknowledged": (Speaker.__table__, "id", "acknowledged_sequence"),
        }
        with self._database.transaction() as session:
            for kind, (table, key, column) in columns.items():
                noted = [{"row": one.row, "number": one.number} for one in outgoing if one.kind == kind]
                if noted:
                    change = update(table).where(table.c[key] == bindparam("row")).values({column: bindparam("number")})
                    session.connection().execute(change, noted)

    # Broker accounts.

    def accounts_to_change(self) -> list[AccountChange]:
        """Devices that the broker does not know as they are wanted."""
        with self._database.reading() as session:
            rows = session.execute(_speakers_and_places().where(Speaker.provisioned.is_(False)).limit(100)).all()
        return [
            AccountChange(
                speaker.id,
                password_of(self._secret, speaker.id, speaker.credential_generation),
                rights_of(speaker.id, path) if speaker.retired_at is None else None,
            )
            for speaker, path in rows
        ]

    def note_provisioned(self, told: Sequence[AccountChange]) -> None:
        """The broker knows these devices as they were wanted; one that was retired meanwhile is still to be told."""
        let_in = [change.speaker_id for change in told if change.rights is not None]
        shut_out = [change.speaker_id for change in told if change.rights is None]
        with self._database.transaction() as session:
            noted = (Speaker.id.in_(let_in) & Speaker.retired_at.is_(None)) | Speaker.id.in_(shut_out)
            session.execute(update(Speaker).where(noted).values(provisioned=True))

    def rights(self, username: str, password: str) -> Rights | None:
        """What a device that shows these credentials may do, for the embedded broker; None: it is not let in."""
        with self._database.reading() as session:
            row = session.execute(
                _speakers_and_places().where(Speaker.id == username, Speaker.retired_at.is_(None))
            ).first()
        if row is None or not fits(self._secret, row[0].id, row[0].credential_generation, password):
            return None
        return rights_of(row[0].id, row[1])

    # In.

    def write_down(self, arrived: Sequence[tuple[str, bytes]], now: datetime) -> Counter[str]:
        """Keep a batch of reports in one transaction; returns counts by kind, `journal_entries` among them.

        Where that fails, each device has a transaction of its own, so that one cannot cost the others their reports.
        """
        counts: Counter[str] = Counter()
        post = _sorted(arrived, counts)
        try:
            counts.update(self._keep(post, now))
        except DBAPIError:
            for device in sorted(post.devices):
                try:
                    counts.update(self._keep(post.only(device), now))
                except DBAPIError:
                    counts["reports_failed"] += 1
                    log.exception("reports were not written down", device=device)
        return counts

    def _keep(self, post: _Post, now: datetime) -> Counter[str]:
        counts: Counter[str] = Counter()
        if not post.devices:
            return counts
        with self._database.transaction() as session:
            known = select(Speaker).where(Speaker.id.in_(sorted(post.devices)), Speaker.retired_at.is_(None))
            for speaker in session.scalars(known):
                if speaker.id in post.online:
                    speaker.alive = post.online[speaker.id]
                    speaker.last_seen_at = now if speaker.alive else speaker.last_seen_at
                if speaker.id in post.beats:
                    _keep_beat(speaker, post.beats[speaker.id])
                    counts["heartbeats"] += 1
                for batch in post.journals[speaker.id]:
                    _keep_journal(session, speaker, batch)
                    counts["journal_entries"] += len(batch.entries)
                    speaker.last_seen_at = now
        return counts


def _sorted(arrived: Sequence[tuple[str, bytes]], counts: Counter[str]) -> _Post:
    post = _Post()
    for name, payload in arrived:
        kind, device = parse_topic(name) or ("", "")
        try:
            if kind == "alive":
                post.online[device] = parse_alive(payload).online
            elif kind == "report":
                report = parse_report(payload)
                if isinstance(report, Heartbeat):
                    post.beats[device], post.online[device] = report, True
                else:
                    post.journals[device].append(report)
        except WireMalformed as error:
            counts["reports_malformed"] += 1
            log.warning("report refused", device=device, kind=kind, reason=str(error))
    return post


def _keep_beat(speaker: Speaker, beat: Heartbeat) -> None:
    """A device that obeys a later wanted state than we know (we were restored) is overtaken, or it would not listen."""
    speaker.reported = _plain(beat)
    if beat.wanted_revision > speaker.wanted_revision:
        speaker.wanted_revision = beat.wanted_revision + 1


def _keep_journal(session: Session, speaker: Speaker, batch: JournalBatch) -> None:
    fresh = [entry for entry in batch.entries if entry.sequence > speaker.journal_sequence]
    merge_device_plays(session, speaker.id, fresh)
    if fresh:
        speaker.journal_sequence = fresh[-1].sequence
    else:  # it did not hear that we have them: say it again
        speaker.acknowledged_sequence = UNTOLD


def _speakers_and_places() -> Any:
    return (
        select(Speaker, AdministrativeUnit.path)
        .join(Cluster, Cluster.id == Speaker.cluster_id)
        .join(AdministrativeUnit, AdministrativeUnit.id == Cluster.unit_id)
    )


def _plain(heartbeat: Heartbeat) -> dict[str, Any]:
    """A heartbeat as the page and the metrics read it: the JSON that was sent."""
    values = {name: getattr(heartbeat, name) for name in heartbeat.__dataclass_fields__}
    plain: dict[str, Any] = json.loads(json.dumps(values, default=str))
    return plain
