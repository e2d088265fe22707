"""Loudspeakers: what is wanted of a device with our agent, and what it last reported."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, Session, mapped_column

from broadcast.audit import record
from broadcast.database import Base, new_id
from broadcast.errors import NotFound

UNTOLD = -1
"""The `acknowledged_sequence` of a device that is to be told where we are, even if that is 0."""


class Speaker(Base):
    """A device with our agent. Its MQTT password is derived (see `speakers.credential`) from `credential_generation`;
    `reported` is its last heartbeat.

    Wanted and seen, side by side: `wanted_revision` against `published_wanted_revision`, `provisioned` says whether
    the broker knows its credentials, `journal_sequence` (all entries up to it are kept here) against
    `acknowledged_sequence` (what the device was told).
    """

    __tablename__ = "speaker"

    id: Mapped[str] = mapped_column(primary_key=True, default=new_id)
    cluster_id: Mapped[str] = mapped_column(ForeignKey("cluster.id"), index=True)
    name: Mapped[str]
    credential_generation: Mapped[int] = mapped_column(default=1)
    volume_db: Mapped[float] = mapped_column(default=0.0)
    wanted_revision: Mapped[int] = mapped_column(default=1)
    published_wanted_revision: Mapped[int] = mapped_column(default=0)
    provisioned: Mapped[bool] = mapped_column(default=False)
    alive: Mapped[bool] = mapped_column(default=False)
    last_seen_at: Mapped[datetime | None]
    reported: Mapped[dict[str, Any]] = mapped_column(default=dict)
    journal_sequence: Mapped[int] = mapped_column(default=0)
    acknowledged_sequence: Mapped[int] = mapped_column(default=UNTOLD)
    enrolled_at: Mapped[datetime]
    retired_at: Mapped[datetime | None]


def speaker(session: Session, speaker_id: str) -> Speaker:
    """A speaker in use. Raises NotFound."""
    found = session.get(Speaker, speaker_id)
    if found is None or found.retired_at is not None:
        raise NotFound("Không tìm thấy loa này.", object_type="speaker", object_id=speaker_id)
    return found


def retire_speaker(
    session: Session, speaker_id: str, *, person_id: str | None, now: datetime, unit_id: str | None = None
) -> None:
    """Take a speaker of a unit out of use: its credentials are worthless from now on. Raises NotFound."""
    found = speaker(session, speaker_id)
    found.retired_at = now
    found.provisioned = False
    detail = {"name": found.name}
    record(session, "speaker.retire", "speaker", found.id, person_id=person_id, unit_id=unit_id, now=now, detail=detail)


def set_volume(
    session: Session,
    speaker_id: str,
    volume_db: float,
    *,
    person_id: str | None,
    now: datetime,
    unit_id: str | None = None,
) -> None:
    """Ask a speaker of a unit for another volume, -60 to +6 dB. Raises NotFound."""
    found = speaker(session, speaker_id)
    found.volume_db = min(6.0, max(-60.0, volume_db))
    found.wanted_revision += 1
    detail = {"name": found.name, "volume_db": found.volume_db}
    record(session, "speaker.volume", "speaker", found.id, person_id=person_id, unit_id=unit_id, now=now, detail=detail)
