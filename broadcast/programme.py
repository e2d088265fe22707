"""Programmes: what is made, heard, approved and then scheduled.

They are written and changed in `broadcast.composition`, given their sound by `broadcast.rendering`, and approved
in `broadcast.approval`; whether one may go on air is said here, by `is_approved`, and nowhere else.
"""

import hashlib
import json
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, false, or_, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from broadcast.account import Account
from broadcast.administrative_unit import AdministrativeUnit, unit
from broadcast.database import Base, new_id
from broadcast.errors import NotFound
from broadcast.media import Rendition
from broadcast.permission import Person, require


class Programme(Base):
    """A text to be spoken or a recording. `state`: draft, submitted, approved, withdrawn.

    `heard_sha256` is the hash of what will be heard and shown (rendition, title, text); approval keeps the hash it
    was given for in `approved_sha256`, and counts only while both are equal. `sound_state`: none, waiting, ready,
    failed (with `sound_reason`). `sentences` holds [text, start_ms, end_ms] of spoken programmes. `writers` are the
    accounts that wrote or changed it: none of them may approve it.
    """

    __tablename__ = "programme"

    id: Mapped[str] = mapped_column(primary_key=True, default=new_id)
    unit_id: Mapped[str] = mapped_column(ForeignKey("administrative_unit.id"))
    title: Mapped[str]
    kind: Mapped[str]  # text, recording
    text: Mapped[str] = mapped_column(default="")
    voice: Mapped[str] = mapped_column(default="")
    rate: Mapped[float] = mapped_column(default=1.0)
    media_asset_id: Mapped[str | None] = mapped_column(ForeignKey("media_asset.id"))
    language: Mapped[str] = mapped_column(default="vi")
    state: Mapped[str] = mapped_column(default="draft", index=True)
    version: Mapped[int] = mapped_column(default=1)
    sound_state: Mapped[str] = mapped_column(default="none")
    sound_reason: Mapped[str] = mapped_column(default="")
    rendition_sha256: Mapped[str | None] = mapped_column(ForeignKey("rendition.sha256"))
    duration_ms: Mapped[int] = mapped_column(default=0)
    sentences: Mapped[list[Any]] = mapped_column(default=list)
    heard_sha256: Mapped[str] = mapped_column(default="")
    approved_sha256: Mapped[str] = mapped_column(default="")
    returned_reason: Mapped[str] = mapped_column(default="")
    writers: Mapped[list[Any]] = mapped_column(default=list)
    author_id: Mapped[str | None] = mapped_column(ForeignKey(Account.id))
    approver_id: Mapped[str | None] = mapped_column(ForeignKey(Account.id))
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]
    approved_at: Mapped[datetime | None]

    __table_args__ = (Index("ix_programme_unit_changed", "unit_id", "changed_at"),)


def is_approved(programme: Programme) -> bool:
    """Whether it may go on air: approved, by somebody who did not write it, and for exactly what is heard now."""
    return (
        programme.state == "approved"
        and programme.sound_state == "ready"
        and programme.approved_sha256 != ""
        and programme.approved_sha256 == programme.heard_sha256
        and programme.approver_id is not None
        and programme.approver_id != programme.author_id
        and programme.approver_id not in programme.writers
    )


def heard_sha256(rendition_sha256: str, title: str, text: str, language: str) -> str:
    """The hash of what will be heard and shown, which an approval is bound to."""
    heard = json.dumps([rendition_sha256, title, text, language], ensure_ascii=False)
    return hashlib.sha256(heard.encode()).hexdigest()


def give_sound(programme: Programme, rendition: Rendition, sentences: list[Any]) -> None:
    """The sound is there: from now on the programme can be heard, submitted and approved."""
    programme.rendition_sha256, programme.duration_ms = rendition.sha256, rendition.duration_ms
    programme.sentences, programme.sound_state, programme.sound_reason = sentences, "ready", ""
    programme.heard_sha256 = heard_sha256(rendition.sha256, programme.title, programme.text, programme.language)


def take_sound(programme: Programme, state: str, reason: str = "") -> None:
    """There is no sound (`waiting`, or `failed` with the reason): nothing is heard, so nothing is approved."""
    programme.rendition_sha256, programme.duration_ms, programme.sentences = None, 0, []
    programme.sound_state, programme.sound_reason, programme.heard_sha256 = state, reason, ""


def programme_of(session: Session, programme_id: str) -> Programme:
    """The programme of an id, whoever asks. Raises NotFound."""
    programme = session.get(Programme, programme_id)
    if programme is None:
        raise NotFound(object_type="programme", object_id=programme_id)
    return programme


def programme_for(session: Session, programme_id: str, person: Person, act: str = "view") -> Programme:
    """The programme of an id, for a person who may do the act at its unit. Raises NotFound, NotAllowed."""
    programme = programme_of(session, programme_id)
    require_act(session, programme, person, act)
    return programme


def require_act(session: Session, programme: Programme, person: Person, *acts: str) -> None:
    """Return when the person may do one of the acts at the programme's unit. Raises NotAllowed."""
    path = unit(session, programme.unit_id).path
    if not any(person.may(act, path) for act in acts):
        require(person, acts[0], path, object_type="programme", object_id=programme.id)


def programmes(
    session: Session,
    person: Person,
    *,
    of: AdministrativeUnit | None = None,
    state: str | None = None,
    act: str = "view",
    limit: int = 100,
) -> list[Programme]:
    """The programmes where this person may do the act, last changed first; of one unit, in one state, when given."""
    at = [
        or_(AdministrativeUnit.path == path, AdministrativeUnit.path.startswith(f"{path}/", autoescape=True))
        for path in person.paths(act)
    ]
    chosen = select(Programme).join(AdministrativeUnit, AdministrativeUnit.id == Programme.unit_id)
    chosen = chosen.where(or_(false(), *at))
    if of is not None:
        chosen = chosen.where(Programme.unit_id == of.id)
    if state is not None:
        chosen = chosen.where(Programme.state == state)
    return list(session.scalars(chosen.order_by(Programme.changed_at.desc(), Programme.id.desc()).limit(limit)))
