"""Media assets and their renditions: what was brought in, and what is heard of it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from broadcast.account import Account
from broadcast.administrative_unit import AdministrativeUnit, unit
from broadcast.audit import record
from broadcast.database import Base, new_id
from broadcast.errors import NotFound, UploadRefused
from broadcast.permission import Person, require
from broadcast.storage import Storage
from broadcast.upload import Received, display_name, refusal_of
from broadcast.work import enqueue, result_of

KINDS = ("speech", "music")
LOUDNESS_LUFS = -16.0


class Rendition(Base):
    """A normalised, content-addressed Ogg Opus file, and what is measured of it.

    The same source and profile are not encoded twice while the file is there. If it was lost, a voice that never speaks
    twice alike gives another file, and so another row.
    """

    __tablename__ = "rendition"

    sha256: Mapped[str] = mapped_column(primary_key=True)
    source_sha256: Mapped[str]
    profile: Mapped[str]  # kind and loudness: "speech -16.0 LUFS"
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    duration_ms: Mapped[int]
    integrated_lufs: Mapped[float]
    true_peak_dbtp: Mapped[float]
    leading_silence_ms: Mapped[int]
    trailing_silence_ms: Mapped[int]
    created_at: Mapped[datetime]

    __table_args__ = (Index("ix_rendition_source_profile", "source_sha256", "profile"),)


class MediaAsset(Base):
    """An uploaded recording. `state`: waiting, working, ready, failed (with `reason`, a Vietnamese sentence).

    What is measured of the upload itself is known when it is ready; what is heard of it is measured in its rendition.
    """

    __tablename__ = "media_asset"

    id: Mapped[str] = mapped_column(primary_key=True, default=new_id)
    unit_id: Mapped[str] = mapped_column(ForeignKey("administrative_unit.id"), index=True)
    name: Mapped[str]
    kind: Mapped[str]  # speech, music
    source_sha256: Mapped[str] = mapped_column(index=True)
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    state: Mapped[str] = mapped_column(default="waiting")
    reason: Mapped[str] = mapped_column(default="")
    duration_ms: Mapped[int | None]
    integrated_lufs: Mapped[float | None]
    true_peak_dbtp: Mapped[float | None]
    leading_silence_ms: Mapped[int | None]
    trailing_silence_ms: Mapped[int | None]
    rendition_sha256: Mapped[str | None] = mapped_column(ForeignKey("rendition.sha256"))
    uploaded_by: Mapped[str | None] = mapped_column(ForeignKey(Account.id))
    created_at: Mapped[datetime]


def profile_of(kind: str, loudness_lufs: float, voice: str = "") -> str:
    """How a rendition is made: `music -16.0 LUFS`, `speech -16.0 LUFS vi-vn-x-central`."""
    return f"{kind} {loudness_lufs:.1f} LUFS {voice}".rstrip()


def rendition_key(source_sha256: str, profile: str) -> str:
    """The key of the work that makes a rendition of an original."""
    return f"rendition:{source_sha256}:{profile}"


def rendition_of(session: Session, storage: Storage, source_sha256: str, profile: str) -> Rendition | None:
    """The rendition that was already made of a source, whose file is still there."""
    made = select(Rendition).where(Rendition.source_sha256 == source_sha256, Rendition.profile == profile)
    rendition = session.scalar(made.order_by(Rendition.created_at.desc(), Rendition.sha256).limit(1))
    if rendition is None:  # another source gave the very same sound: its row stands for both
        result = result_of(session, rendition_key(source_sha256, profile))
        rendition = session.get(Rendition, result["rendition_sha256"]) if result else None
    return rendition if rendition and storage.rendition(rendition.sha256).is_file() else None


MEASURES = ("duration_ms", "integrated_lufs", "true_peak_dbtp", "leading_silence_ms", "trailing_silence_ms")


def measured(session: Session, source_sha256: str) -> dict[str, Any]:
    """What was measured of these bytes when they were brought in before; empty where they were not."""
    known = select(MediaAsset).where(MediaAsset.source_sha256 == source_sha256, MediaAsset.duration_ms.is_not(None))
    asset = session.scalar(known.limit(1))
    return {name: getattr(asset, name) for name in MEASURES} if asset is not None else {}


def take_measures(asset: MediaAsset, measures: Mapping[str, Any]) -> None:
    """Note what was measured of an upload."""
    for name, value in measures.items():
        setattr(asset, name, value)


def keep(
    session: Session,
    received: Received,
    of: AdministrativeUnit,
    *,
    name: str,
    kind: str,
    person: Person,
    now: datetime,
    loudness_lufs: float = LOUDNESS_LUFS,
) -> MediaAsset:
    """Keep an upload as a recording of a unit, and ask for its rendition unless there is one.

    The bytes go to their place by rename, so that there is never half an original. Raises NotAllowed, UploadRefused.
    """
    try:
        require(person, "compose", of.path)
        if kind not in KINDS:
            raise UploadRefused("Bản ghi là lời nói (speech) hoặc âm nhạc (music). Xin chọn lại.")
        _to_its_place(received)
    except BaseException:
        received.discard()
        raise
    asset = MediaAsset(
        id=new_id(),
        unit_id=of.id,
        name=display_name(name),
        kind=kind,
        source_sha256=received.sha256,
        size_bytes=received.size_bytes,
        uploaded_by=person.account_id,
        created_at=now,
    )
    session.add(asset)
    profile = profile_of(kind, loudness_lufs)
    rendition = rendition_of(session, received.storage, received.sha256, profile)
    if rendition is not None:
        asset.state, asset.rendition_sha256 = "ready", rendition.sha256
        take_measures(asset, measured(session, received.sha256))
    else:
        asset.state = "waiting"
        payload = {"source_sha256": received.sha256, "kind": kind, "profile": profile, "target_lufs": loudness_lufs}
        enqueue(session, "rendition", rendition_key(received.sha256, profile), payload, now)
    record(
        session, "media.keep", "media_asset", asset.id,
        person_id=person.account_id, unit_id=of.id, now=now, detail={"name": asset.name},
    )  # fmt: skip
    return asset


def media_asset(session: Session, asset_id: str) -> MediaAsset:
    """The recording of an id, whoever asks. Raises NotFound."""
    asset = session.get(MediaAsset, asset_id)
    if asset is None:
        raise NotFound(object_type="media_asset", object_id=asset_id)
    return asset


def media_asset_for(session: Session, asset_id: str, person: Person, act: str = "view") -> MediaAsset:
    """The recording of an id, for a person who may do the act at its unit. Raises NotFound, NotAllowed."""
    asset = media_asset(session, asset_id)
    require(person, act, unit(session, asset.unit_id).path, object_type="media_asset", object_id=asset_id)
    return asset


def media_assets(session: Session, of: AdministrativeUnit, limit: int = 100) -> list[MediaAsset]:
    """The recordings of a unit, newest first."""
    chosen = select(MediaAsset).where(MediaAsset.unit_id == of.id)
    return list(session.scalars(chosen.order_by(MediaAsset.created_at.desc(), MediaAsset.id.desc()).limit(limit)))


def _to_its_place(received: Received) -> None:
    place = received.storage.original(received.sha256)
    try:
        if place.is_file() and place.stat().st_size == received.size_bytes:
            received.discard()
            return
        place.parent.mkdir(parents=True, exist_ok=True)
        received.path.replace(place)
    except OSError as error:
        raise refusal_of(error) from error
