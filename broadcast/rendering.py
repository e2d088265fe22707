"""What workers do: an upload or a text becomes a rendition, and whatever waits for it learns of it.

`make` is the heavy part and touches no database row for long; `announce` and `regret` tell recordings and
programmes what came of it, in the transaction that ends the work. The loop around this is `broadcast.worker`.
"""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from broadcast.approval import forget_approval, rebuild_rundowns
from broadcast.database import Database
from broadcast.errors import OriginalLost
from broadcast.media import MediaAsset, Rendition, measured, rendition_of, take_measures
from broadcast.programme import Programme, give_sound, is_approved, take_sound
from broadcast.speech.errors import SpeechEngineError, SpeechError
from broadcast.speech.synthesis import synthesise
from broadcast.speech.voice import Voice, voice_named
from broadcast.storage import Storage
from broadcast.work import Work
from streams.analysis import Analysis
from streams.errors import MediaRefused
from streams.frame import SAMPLE_RATE_HZ
from streams.media import Limits
from streams.rendition import analyse, render

KINDS = ("rendition", "speech")
TIME_LIMITS_S = {"rendition": 1_800.0, "speech": 1_800.0}
"""Two hours of MP3 take some three minutes; ten times that is a decoder that hangs."""
UNEXPECTED = "Máy chủ gặp lỗi khi chuẩn bị âm thanh này. Xin thử lại; nếu vẫn lỗi, xin báo người quản trị."
_ABANDONED = timedelta(days=1)
_PACKAGES = {"espeak": "espeakng-loader", "piper": "piper-tts"}


@dataclass(frozen=True, slots=True)
class Workshop:
    """Where work is done: the rooms it reads from and writes to, and the limits it keeps."""

    database: Database
    storage: Storage
    voices_folder: Path
    limits: Limits
    now: Callable[[], datetime]


def make(workshop: Workshop, work: Work) -> dict[str, Any]:
    """Do a piece of work; gives its result, with the rendition as `rendition`. Raises what went wrong."""
    return _make_speech(workshop, work.payload) if work.kind == "speech" else _make_rendition(workshop, work.payload)


def is_final(error: Exception) -> bool:
    """Whether trying again would bring the same: the file or the text itself is at fault, not the machine."""
    if isinstance(error, SpeechEngineError):
        return False
    return isinstance(error, MediaRefused | OriginalLost | SpeechError)


def begin(session: Session, work: Work) -> None:
    """Say of the recordings that wait for this piece that it is under way."""
    for asset in _assets(session, work):
        asset.state = "working"


def announce(session: Session, work: Work, result: dict[str, Any]) -> None:
    """Put the rendition into the books, and give it to every recording and programme that waits for it."""
    rendition = session.get(Rendition, result["rendition_sha256"])
    if rendition is None:
        rendition = Rendition(**result["rendition"], created_at=datetime.fromisoformat(result["made_at"]))
        session.add(rendition)
        session.flush()
    for asset in _assets(session, work):
        take_measures(asset, result["source"] or measured(session, asset.source_sha256))
        asset.state, asset.reason, asset.rendition_sha256 = "ready", "", rendition.sha256
    session.flush()
    for programme in _programmes(session, work):
        give_sound(programme, rendition, result["sentences"])
        if programme.state == "approved":  # its sound had been lost
            if not is_approved(programme):  # and is another now: somebody has to hear it first
                forget_approval(programme)
                programme.state = "submitted"
            rebuild_rundowns(session, programme, datetime.fromisoformat(result["made_at"]))


def regret(session: Session, work: Work) -> None:
    """Say why there is no sound: for good when the work has failed, for now when it will be tried again."""
    failed = work.state == "failed"
    for asset in _assets(session, work):
        asset.state, asset.reason = ("failed" if failed else "waiting"), work.error
    for programme in _programmes(session, work):
        take_sound(programme, "failed" if failed else "waiting", work.error)


def forget_original(session: Session, storage: Storage, work: Work) -> None:
    """Delete bytes that can never be heard, unless some recording is made of them all the same."""
    source_sha256 = work.payload.get("source_sha256")
    if source_sha256 is None:
        return
    in_use = select(MediaAsset.id).where(MediaAsset.source_sha256 == source_sha256, MediaAsset.state != "failed")
    if session.scalar(in_use.limit(1)) is None:
        storage.original(source_sha256).unlink(missing_ok=True)


def sweep(storage: Storage, now: datetime) -> None:
    """Throw away what uploads and workers that were killed left behind a day ago and more."""
    if not storage.incoming.is_dir():
        return
    for left in storage.incoming.iterdir():
        try:
            if left.stat().st_mtime >= (now - _ABANDONED).timestamp():
                continue
            if left.is_dir():
                shutil.rmtree(left, ignore_errors=True)
            else:
                left.unlink(missing_ok=True)
        except FileNotFoundError:
            continue  # another worker sweeps too


def _make_rendition(workshop: Workshop, payload: dict[str, Any]) -> dict[str, Any]:
    source_sha256, profile = payload["source_sha256"], payload["profile"]
    known = _known(workshop, source_sha256, profile)
    if known is not None:
        return _result(workshop, known)
    original = workshop.storage.original(source_sha256)
    if not original.is_file():
        raise OriginalLost
    with _bench(workshop.storage) as bench:
        made, source = _render(workshop, original, bench, payload)
    return _result(workshop, made | {"source_sha256": source_sha256, "profile": profile}, source=source)


def _make_speech(workshop: Workshop, payload: dict[str, Any]) -> dict[str, Any]:
    voice = voice_named(payload["voice"])
    said = json.dumps([payload["text"], voice.id, payload["rate"], engine_version(voice)], ensure_ascii=False)
    source_sha256, profile = hashlib.sha256(said.encode()).hexdigest(), payload["profile"]
    before: dict[str, Any] | None = payload.get("result")
    if before is not None and _is_still(workshop, before, source_sha256, profile):
        return before
    with _bench(workshop.storage) as bench:
        spoken = synthesise(
            payload["text"],
            voice,
            voices_folder=workshop.voices_folder,
            out_path=bench / "speech.wav",
            rate=payload["rate"],
        )
        made, _ = _render(workshop, spoken.path, bench, payload | {"kind": "speech"})
    sentences = [list(asdict(sentence).values()) for sentence in spoken.sentences]
    return _result(workshop, made | {"source_sha256": source_sha256, "profile": profile}, sentences=sentences)


def _is_still(workshop: Workshop, result: dict[str, Any], source_sha256: str, profile: str) -> bool:
    """Whether what came of the same text before was made in the same way, and is still there."""
    made = result["rendition"]
    same = (made["source_sha256"], made["profile"]) == (source_sha256, profile)
    return same and workshop.storage.rendition(made["sha256"]).is_file()


def engine_version(voice: Voice) -> str:
    """What, beside text, voice and pace, decides how a text sounds: the engine and the files of the voice."""
    try:
        engine = f"{voice.engine} {version(_PACKAGES.get(voice.engine, voice.engine))}"
    except PackageNotFoundError:
        engine = voice.engine
    return " ".join([engine, *(file.sha256 for file in voice.files)])


def _render(
    workshop: Workshop, source: Path, bench: Path, payload: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the rendition measures, as it is heard, and what its source does."""
    made = render(source, bench, kind=payload["kind"], target_lufs=payload["target_lufs"], limits=workshop.limits)
    place = workshop.storage.rendition(made.sha256)
    place.parent.mkdir(parents=True, exist_ok=True)
    made.path.replace(place)
    heard = _measures(analyse(place)) | {"true_peak_dbtp": round(made.true_peak_dbtp, 2)}
    return {"sha256": made.sha256, "size_bytes": made.size_bytes} | heard, _measures(made.source)


def _measures(of: Analysis) -> dict[str, Any]:
    return {
        "duration_ms": round(of.duration_samples * 1000 / SAMPLE_RATE_HZ),
        "integrated_lufs": round(of.integrated_lufs, 2),
        "true_peak_dbtp": round(of.true_peak_dbtp, 2),
        "leading_silence_ms": of.leading_silence_ms,
        "trailing_silence_ms": of.trailing_silence_ms,
    }


_RENDITION_FIELDS = tuple(column.name for column in Rendition.__table__.columns if column.name != "created_at")


def _known(workshop: Workshop, source_sha256: str, profile: str) -> dict[str, Any] | None:
    with workshop.database.reading() as session:
        rendition = rendition_of(session, workshop.storage, source_sha256, profile)
        if rendition is None:
            return None
        return {name: getattr(rendition, name) for name in _RENDITION_FIELDS}


def _result(
    workshop: Workshop,
    rendition: dict[str, Any],
    *,
    source: dict[str, Any] | None = None,
    sentences: Sequence[Any] = (),
) -> dict[str, Any]:
    return {
        "rendition_sha256": rendition["sha256"],
        "rendition": rendition,
        "source": source or {},
        "sentences": list(sentences),
        "made_at": workshop.now().isoformat(),
    }


@contextmanager
def _bench(storage: Storage) -> Iterator[Path]:
    """A folder for one piece of work, on the same disk as the renditions, gone afterwards."""
    storage.incoming.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="work-", dir=storage.incoming, ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def _assets(session: Session, work: Work) -> list[MediaAsset]:
    if work.kind != "rendition":
        return []
    waiting = select(MediaAsset).where(
        MediaAsset.source_sha256 == work.payload["source_sha256"],
        MediaAsset.kind == work.payload["kind"],
        MediaAsset.state != "ready",
    )
    return list(session.scalars(waiting.with_for_update()))


def _programmes(session: Session, work: Work) -> list[Programme]:
    waiting = select(Programme).where(Programme.sound_state != "ready").with_for_update()
    payload = work.payload
    if work.kind == "rendition":
        sources = select(MediaAsset.id).where(
            MediaAsset.source_sha256 == payload["source_sha256"], MediaAsset.kind == payload["kind"]
        )
        return list(session.scalars(waiting.where(Programme.media_asset_id.in_(sources))))
    same_text = waiting.where(
        Programme.kind == "text", Programme.voice == payload["voice"], Programme.text == payload["text"]
    )
    return [programme for programme in session.scalars(same_text) if programme.rate == payload["rate"]]
