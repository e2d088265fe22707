"""Composing: a notice that is read aloud, or a recording, and every later change to it.

A change takes approval away and makes the sound anew; approval itself is in `broadcast.approval`.
"""

import hashlib
import json
from datetime import datetime

from sqlalchemy.orm import Session

from broadcast.administrative_unit import AdministrativeUnit
from broadcast.approval import forget_approval, rebuild_rundowns
from broadcast.audit import record
from broadcast.database import new_id
from broadcast.errors import ProgrammeRefused
from broadcast.line import one_line
from broadcast.media import LOUDNESS_LUFS, MediaAsset, Rendition, media_asset, profile_of, rendition_key
from broadcast.permission import Person, require
from broadcast.programme import Programme, give_sound, require_act, take_sound
from broadcast.speech.clean import clean
from broadcast.speech.errors import TextRefused
from broadcast.storage import Storage
from broadcast.work import enqueue, result_of

MAX_TITLE_CHARACTERS = 200
SLOWEST, FASTEST = 0.5, 2.0


def write_text(
    session: Session,
    unit: AdministrativeUnit,
    title: str,
    text: str,
    *,
    voice: str,
    rate: float = 1.0,
    language: str = "vi",
    storage: Storage,
    person: Person,
    now: datetime,
    loudness_lufs: float = LOUDNESS_LUFS,
    speak: bool = True,
) -> Programme:
    """A notice to be read by a voice, as a draft; its speech is asked for in the same transaction, unless not to be.

    Raises NotAllowed, or ProgrammeRefused for an empty or too long text or title and a rate outside 0.5 to 2.
    """
    programme = _draft(unit, title, "text", person, now)
    programme.text, programme.language = cleaned(text), language
    programme.voice, programme.rate = one_line(voice), _rate(rate)
    if speak:
        _ask_for_speech(session, programme, storage, now, loudness_lufs)
    else:
        take_sound(programme, "none")
    return _keep(session, programme, person, now)


def keep_text(
    session: Session,
    programme: Programme,
    *,
    title: str,
    text: str,
    voice: str,
    rate: float,
    person: Person,
    now: datetime,
) -> None:
    """Keep what is being typed in a draft: no speech is asked for, no rundown is built, and `change` writes the audit.

    Raises NotAllowed, and ProgrammeRefused when it is no draft of a text or cannot be kept.
    """
    _lock(session, programme, person)
    if programme.state != "draft" or programme.kind != "text":
        raise ProgrammeRefused("Chương trình đã gửi duyệt: bấm nút để lưu thay đổi.")
    before = _written(programme)
    programme.title, programme.text = cleaned_title(title), cleaned(text)
    programme.voice, programme.rate = one_line(voice), _rate(rate)
    if before != _written(programme):
        take_sound(programme, "none")
        programme.changed_at = now
        _now_writes(programme, person)


def record_from(
    session: Session, unit: AdministrativeUnit, title: str, asset: MediaAsset, *, person: Person, now: datetime
) -> Programme:
    """A programme made of a recording of this unit, as a draft. Raises NotAllowed, ProgrammeRefused."""
    programme = _draft(unit, title or asset.name, "recording", person, now)
    _take_recording(session, programme, asset)
    return _keep(session, programme, person, now)


def change(
    session: Session,
    programme: Programme,
    *,
    title: str | None = None,
    text: str | None = None,
    voice: str | None = None,
    rate: float | None = None,
    asset: MediaAsset | None = None,
    storage: Storage,
    person: Person,
    now: datetime,
    loudness_lufs: float = LOUDNESS_LUFS,
) -> None:
    """Change what is given. Whatever differs makes it a draft again, of the next version, heard and approved anew.

    Raises NotAllowed, ProgrammeRefused.
    """
    _lock(session, programme, person)
    before = _written(programme)
    programme.title = programme.title if title is None else cleaned_title(title)
    if programme.kind == "text":
        programme.text = programme.text if text is None else cleaned(text)
        programme.voice = programme.voice if voice is None else one_line(voice)
        programme.rate = programme.rate if rate is None else _rate(rate)
    elif asset is not None:
        programme.media_asset_id = asset.id
    if before == _written(programme) and programme.sound_state != "none":
        return
    if programme.kind == "text":
        _ask_for_speech(session, programme, storage, now, loudness_lufs)
    elif programme.media_asset_id is not None:
        _take_recording(session, programme, media_asset(session, programme.media_asset_id))
    programme.state, programme.version = "draft", programme.version + 1
    forget_approval(programme)
    programme.changed_at = now
    _now_writes(programme, person)
    rebuild_rundowns(session, programme, now)
    _record(session, "programme.change", programme, person, now)


def ask_again(
    session: Session,
    programme: Programme,
    *,
    storage: Storage,
    person: Person,
    now: datetime,
    loudness_lufs: float = LOUDNESS_LUFS,
) -> None:
    """Make a sound that nobody asked for yet, that failed, its reason being gone, or that was made and lost.

    Approval is bound to what is heard: it counts again if the new sound is the same. Raises NotAllowed,
    ProgrammeRefused.
    """
    _lock(session, programme, person)
    if programme.sound_state not in {"failed", "none"} and not _is_lost(programme, storage):
        raise ProgrammeRefused("Âm thanh của chương trình này không bị lỗi, không cần làm lại.")
    if programme.kind == "text":
        _ask_for_speech(session, programme, storage, now, loudness_lufs)
    else:
        asset = media_asset(session, programme.media_asset_id or "")
        profile = profile_of(asset.kind, loudness_lufs)
        asset.state, asset.reason = "waiting", ""
        payload = {
            "source_sha256": asset.source_sha256,
            "kind": asset.kind,
            "profile": profile,
            "target_lufs": loudness_lufs,
        }
        enqueue(session, "rendition", rendition_key(asset.source_sha256, profile), payload, now)
        take_sound(programme, "waiting")
    rebuild_rundowns(session, programme, now)
    _record(session, "programme.ask_again", programme, person, now)


def cleaned(text: str) -> str:
    """A text as it is shown, spoken and hashed. Raises ProgrammeRefused with the cleaner's own sentence."""
    try:
        return clean(text).text
    except TextRefused as error:
        raise ProgrammeRefused(str(error)) from error


def cleaned_title(title: str) -> str:
    """A title on one line. Raises ProgrammeRefused when it is empty or longer than 200 characters."""
    try:
        tidy = " ".join(clean(title).text.split())
    except TextRefused as error:
        raise ProgrammeRefused("Chương trình cần có tên. Xin đặt một tên ngắn gọn, dễ nhận ra.") from error
    if len(tidy) > MAX_TITLE_CHARACTERS:
        raise ProgrammeRefused(f"Tên chương trình dài quá {MAX_TITLE_CHARACTERS} ký tự. Xin đặt tên ngắn hơn.")
    return tidy


def speech_key(text: str, voice: str, rate: float, loudness_lufs: float) -> str:
    """The key of the work that speaks a text: the same text, voice and rate are never spoken twice."""
    said = json.dumps([text, voice, rate, f"{loudness_lufs:.1f}"], ensure_ascii=False)
    return f"speech:{hashlib.sha256(said.encode()).hexdigest()}"


def _draft(unit: AdministrativeUnit, title: str, kind: str, person: Person, now: datetime) -> Programme:
    require(person, "compose", unit.path)
    return Programme(
        id=new_id(),
        unit_id=unit.id,
        title=cleaned_title(title),
        kind=kind,
        text="",
        language="vi",
        state="draft",
        version=1,
        approved_sha256="",
        writers=[person.account_id],
        author_id=person.account_id,
        created_at=now,
        changed_at=now,
    )


def _keep(session: Session, programme: Programme, person: Person, now: datetime) -> Programme:
    session.add(programme)
    session.flush()
    _record(session, "programme.write", programme, person, now)
    return programme


def _written(programme: Programme) -> tuple[object, ...]:
    """What people wrote of it."""
    return programme.title, programme.text, programme.voice, programme.rate, programme.media_asset_id


def _now_writes(programme: Programme, person: Person) -> None:
    """Whoever wrote of it may not approve it."""
    if person.account_id not in programme.writers:
        programme.writers = [*programme.writers, person.account_id]


def _lock(session: Session, programme: Programme, person: Person) -> None:
    """Nobody approves while it changes, and what is withdrawn stays as it was."""
    session.flush()  # or the refresh would take back what this transaction has changed
    session.refresh(programme, with_for_update=True)
    require_act(session, programme, person, "compose")
    if programme.state == "withdrawn":
        raise ProgrammeRefused("Chương trình này đã được thu hồi. Xin soạn chương trình mới.")


def _is_lost(programme: Programme, storage: Storage) -> bool:
    """Whether the sound was made and cannot be heard any more; what is left of a damaged file is thrown away, or it
    would be taken for the sound again."""
    if programme.sound_state != "ready" or not programme.rendition_sha256 or storage.holds(programme.rendition_sha256):
        return False
    storage.rendition(programme.rendition_sha256).unlink(missing_ok=True)
    return True


def _ask_for_speech(
    session: Session, programme: Programme, storage: Storage, now: datetime, loudness_lufs: float
) -> None:
    key = speech_key(programme.text, programme.voice, programme.rate, loudness_lufs)
    result = result_of(session, key)
    rendition = session.get(Rendition, result["rendition_sha256"]) if result else None
    if result is not None and rendition is not None and storage.rendition(rendition.sha256).is_file():
        give_sound(programme, rendition, result["sentences"])
        return
    take_sound(programme, "waiting")
    payload = {
        "text": programme.text,
        "voice": programme.voice,
        "rate": programme.rate,
        "profile": profile_of("speech", loudness_lufs, programme.voice),
        "target_lufs": loudness_lufs,
    }
    enqueue(session, "speech", key, payload, now)


def _take_recording(session: Session, programme: Programme, asset: MediaAsset) -> None:
    if asset.unit_id != programme.unit_id:
        raise ProgrammeRefused("Bản ghi này thuộc đơn vị khác. Xin tải lên lại ở đơn vị của chương trình.")
    programme.media_asset_id = asset.id
    rendition = session.get(Rendition, asset.rendition_sha256) if asset.rendition_sha256 else None
    if asset.state == "ready" and rendition is not None:
        give_sound(programme, rendition, [])
    elif asset.state == "failed":
        take_sound(programme, "failed", asset.reason)
    else:
        take_sound(programme, "waiting")


def _rate(rate: float) -> float:
    if not SLOWEST <= rate <= FASTEST:
        raise ProgrammeRefused("Tốc độ đọc từ 0,5 đến 2 lần. Xin chọn lại.")
    return round(rate, 2)


def _record(session: Session, act: str, programme: Programme, person: Person, now: datetime) -> None:
    record(
        session,
        act,
        "programme",
        programme.id,
        person_id=person.account_id,
        unit_id=programme.unit_id,
        now=now,
        detail={"version": programme.version, "title": programme.title},
    )
