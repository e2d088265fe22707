"""Enrolment: a one-time code turns a program on a pole into a loudspeaker of a cluster."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ForeignKey, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from broadcast.administrative_unit import AdministrativeUnit
from broadcast.audit import record
from broadcast.database import Base
from speakers.cluster import Cluster, cluster
from speakers.credential import password_of
from speakers.errors import EnrolmentRefused
from speakers.speaker import Speaker

_LETTERS = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"  # none that looks like another on a sticker
CODE_LETTERS = 12
CODE_VALID = timedelta(days=7)


class EnrolmentCode(Base):
    """A code that enrols one speaker once. Only its hash is kept."""

    __tablename__ = "enrolment_code"

    code_sha256: Mapped[str] = mapped_column(primary_key=True)
    cluster_id: Mapped[str] = mapped_column(ForeignKey("cluster.id"), index=True)
    speaker_name: Mapped[str]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    speaker_id: Mapped[str | None] = mapped_column(ForeignKey("speaker.id"))


@dataclass(frozen=True, slots=True)
class Enrolled:
    """What a new device is told once; `units` are the paths whose rundowns it follows, from the root down."""

    speaker_id: str
    password: str
    unit_path: str
    units: tuple[str, ...]
    cluster_ids: tuple[str, ...]


def _hash(code: str) -> str:
    plain = "".join(letter for letter in code.upper() if letter.isalnum())
    return hashlib.sha256(plain.encode()).hexdigest()


def issue_code(session: Session, cluster_id: str, name: str, *, person_id: str | None, now: datetime) -> str:
    """A new code such as `7KQ2-M9XD-4TWB`, valid once within seven days. Raises NotFound."""
    found, unit = cluster(session, cluster_id)
    letters = "".join(secrets.choice(_LETTERS) for _ in range(CODE_LETTERS))
    code = "-".join(letters[index : index + 4] for index in range(0, CODE_LETTERS, 4))
    session.add(
        EnrolmentCode(
            code_sha256=_hash(code),
            cluster_id=found.id,
            speaker_name=" ".join(name.split())[:120] or found.name,
            created_at=now,
            expires_at=now + CODE_VALID,
        )
    )
    record(
        session, "enrolment.issue", "cluster", found.id,
        person_id=person_id, unit_id=unit.id, now=now, detail={"name": found.name},
    )  # fmt: skip
    return code


def paths_to(path: str) -> tuple[str, ...]:
    """A unit's path and those of all above it, from the root: `48/20197` gives `48`, `48/20197`."""
    parts = path.split("/")
    return tuple("/".join(parts[: depth + 1]) for depth in range(len(parts)))


def enrol(session: Session, code: str, *, secret: bytes, now: datetime, address: str = "") -> Enrolled:
    """Make a speaker of the one who shows the code. Raises EnrolmentRefused; a code works once, also under a race."""
    taken = session.execute(
        update(EnrolmentCode)
        .where(
            EnrolmentCode.code_sha256 == _hash(code),
            EnrolmentCode.used_at.is_(None),
            EnrolmentCode.expires_at > now,
        )
        .values(used_at=now)
        .returning(EnrolmentCode.cluster_id, EnrolmentCode.speaker_name)
    ).first()
    if taken is None:
        raise EnrolmentRefused
    row = session.execute(
        select(Cluster, AdministrativeUnit)
        .join(AdministrativeUnit, AdministrativeUnit.id == Cluster.unit_id)
        .where(Cluster.id == taken.cluster_id, Cluster.retired_at.is_(None))
    ).first()
    if row is None:
        raise EnrolmentRefused
    speaker = Speaker(cluster_id=row[0].id, name=taken.speaker_name, enrolled_at=now, credential_generation=1)
    session.add(speaker)
    session.flush()
    session.execute(update(EnrolmentCode).where(EnrolmentCode.code_sha256 == _hash(code)).values(speaker_id=speaker.id))
    record(
        session, "speaker.enrol", "speaker", speaker.id,
        person_id=None, unit_id=row[1].id, now=now, detail={"name": speaker.name}, address=address,
    )  # fmt: skip
    return Enrolled(
        speaker_id=speaker.id,
        password=password_of(secret, speaker.id, speaker.credential_generation),
        unit_path=row[1].path,
        units=paths_to(row[1].path),
        cluster_ids=(row[0].id,),
    )
