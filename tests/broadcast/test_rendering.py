"""From upload and text to what is heard: real files, the real speech floor, and what people are told when it fails."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import Any

import pytest

from broadcast.administrative_unit import AdministrativeUnit
from broadcast.composition import ask_again, record_from, write_text
from broadcast.database import Database
from broadcast.errors import ProgrammeRefused
from broadcast.media import MediaAsset, Rendition, keep, media_asset
from broadcast.permission import Person
from broadcast.programme import Programme, programme_of
from broadcast.rendering import UNEXPECTED, Workshop, make, sweep
from broadcast.speech.errors import SpeechEngineDied
from broadcast.storage import Storage
from broadcast.upload import receive
from broadcast.work import MAX_ATTEMPTS, Work
from broadcast.worker import Worker
from streams.errors import DiskFull
from streams.media import Limits
from streams.rendition import analyse


class City:
    """What the fixture `city` gives, as far as it is used here."""

    hai_chau: AdministrativeUnit


class Desk:
    """An editor with a worker whose clock is wound by hand."""

    def __init__(self, workshop: Workshop, city: City, lan: Person, now: datetime) -> None:
        self.at, self.lan, self.unit = now, lan, city.hai_chau
        self.workshop = replace(workshop, now=lambda: self.at)
        self.database, self.storage = workshop.database, workshop.storage

    def bring(self, content: bytes, kind: str = "speech") -> tuple[str, str]:
        """Upload a recording and make a programme of it; gives both ids."""
        received = receive([content], self.storage, 10_000_000)
        with self.database.transaction() as session:
            asset = keep(session, received, self.unit, name="a.wav", kind=kind, person=self.lan, now=self.at)
            programme = record_from(session, self.unit, "Bản ghi", asset, person=self.lan, now=self.at)
            return asset.id, programme.id

    def write(self, text: str, voice: str = "vi") -> str:
        with self.database.transaction() as session:
            return write_text(
                session, self.unit, "Tin", text, voice=voice, storage=self.storage, person=self.lan, now=self.at
            ).id

    def ask_again(self, programme_id: str) -> None:
        """Press «Làm lại»."""
        with self.database.transaction() as session:
            one = programme_of(session, programme_id)
            ask_again(session, one, storage=self.storage, person=self.lan, now=self.at)

    def work(self, **given: Any) -> int:
        """Do all work that is due; gives how many pieces that was."""
        worker, done = Worker(self.workshop, "w", Event(), **given), 0
        while worker.do_next():
            done += 1
        return done

    def asset(self, asset_id: str) -> MediaAsset:
        with self.database.reading() as session:
            return media_asset(session, asset_id)

    def programme(self, programme_id: str) -> Programme:
        with self.database.reading() as session:
            return programme_of(session, programme_id)


@pytest.fixture
def desk(workshop: Workshop, city: City, person: Callable[..., Person], now: datetime) -> Desk:
    return Desk(workshop, city, person("lan", "editor"), now)


def test_an_upload_becomes_something_to_hear(desk: Desk, tone: Callable[..., bytes]) -> None:
    asset_id, programme_id = desk.bring(tone(seconds=2.0))
    assert desk.work() == 1
    asset, programme = desk.asset(asset_id), desk.programme(programme_id)
    assert (asset.state, programme.sound_state, programme.duration_ms) == ("ready", "ready", 2000)
    assert programme.rendition_sha256 == asset.rendition_sha256
    assert programme.heard_sha256
    with desk.database.reading() as session:
        (rendition,) = session.query(Rendition)
        assert desk.storage.rendition(rendition.sha256).stat().st_size == rendition.size_bytes
        assert abs(rendition.integrated_lufs - analyse(desk.storage.rendition(rendition.sha256)).integrated_lufs) < 0.01
        assert abs(rendition.integrated_lufs + 16) < 1
    assert (asset.duration_ms, asset.leading_silence_ms, asset.trailing_silence_ms) == (2000, 0, 0)
    assert (round(asset.integrated_lufs or 0), round(asset.true_peak_dbtp or 0)) == (-15, -11)
    assert list(desk.storage.incoming.iterdir()) == []


def test_the_same_upload_again_is_ready_without_work(desk: Desk, tone: Callable[..., bytes]) -> None:
    desk.bring(tone())
    desk.work()
    asset_id, programme_id = desk.bring(tone())
    assert (desk.asset(asset_id).state, desk.programme(programme_id).sound_state) == ("ready", "ready")
    assert desk.asset(asset_id).duration_ms == 1000
    assert desk.work() == 0


def test_a_text_named_as_sound_is_refused_in_a_sentence_and_its_bytes_are_gone(desk: Desk) -> None:
    asset_id, programme_id = desk.bring(b"This is a shopping list, not music.")
    desk.work()
    asset, programme = desk.asset(asset_id), desk.programme(programme_id)
    assert (asset.state, programme.sound_state) == ("failed", "failed")
    assert "không phải là tệp âm thanh" in asset.reason
    assert programme.sound_reason == asset.reason
    assert [path for path in desk.storage.folder.rglob("*") if path.is_file()] == []


def test_a_recording_that_is_too_long_is_refused_in_a_sentence(desk: Desk, tone: Callable[..., bytes]) -> None:
    desk.workshop = replace(desk.workshop, limits=Limits(duration_s=1.0))
    asset_id, _ = desk.bring(tone(seconds=2.0))
    desk.work()
    assert desk.asset(asset_id).state == "failed"
    assert "dài quá" in desk.asset(asset_id).reason


def test_an_original_that_is_gone_is_said_in_a_sentence(desk: Desk, tone: Callable[..., bytes]) -> None:
    asset_id, _ = desk.bring(tone())
    desk.storage.original(desk.asset(asset_id).source_sha256).unlink()
    desk.work()
    assert desk.asset(asset_id).reason.startswith("Không còn tệp gốc")


def test_a_text_becomes_speech_with_the_times_of_its_sentences(desk: Desk) -> None:
    programme_id = desk.write("Kính thưa bà con. Sáng mai cắt nước.")
    assert desk.work() == 1
    programme = desk.programme(programme_id)
    assert programme.sound_state == "ready"
    assert [text for text, _, _ in programme.sentences] == ["Kính thưa bà con.", "Sáng mai cắt nước."]
    assert all(isinstance(ms, int) for _, start_ms, end_ms in programme.sentences for ms in (start_ms, end_ms))
    assert 0 < programme.sentences[0][2] < programme.sentences[1][1] < programme.sentences[1][2]
    assert programme.sentences[-1][2] <= programme.duration_ms + 100


def test_a_text_that_was_spoken_before_is_ready_at_once(desk: Desk) -> None:
    first = desk.write("Kính thưa bà con.")
    desk.work()
    second = desk.write("Kính thưa bà con.")
    assert desk.work() == 0
    assert desk.programme(second).rendition_sha256 == desk.programme(first).rendition_sha256
    assert desk.programme(second).sentences == desk.programme(first).sentences


def test_a_text_asked_for_again_is_not_spoken_again_while_its_sound_is_there(desk: Desk) -> None:
    desk.write("Kính thưa bà con.")
    desk.work()
    with desk.database.reading() as session:
        (work,) = session.query(Work)
    assert make(desk.workshop, work) == work.payload["result"]
    desk.storage.rendition(work.payload["result"]["rendition_sha256"]).unlink()
    assert make(desk.workshop, work)["made_at"] == desk.at.isoformat()
    assert desk.storage.rendition(work.payload["result"]["rendition_sha256"]).is_file()


@pytest.mark.parametrize("left", [b"", b"damaged", None])
def test_a_sound_that_was_lost_or_damaged_is_made_again_and_what_was_approved_counts_again(
    desk: Desk, left: bytes | None
) -> None:
    programme_id = desk.write("Kính thưa bà con.")
    desk.work()
    before = desk.programme(programme_id)
    with pytest.raises(ProgrammeRefused, match="không bị lỗi"):
        desk.ask_again(programme_id)
    path = desk.storage.rendition(before.rendition_sha256 or "")
    if left is None:
        path.unlink()
    else:
        path.write_bytes(left)
    desk.ask_again(programme_id)
    assert desk.programme(programme_id).sound_state == "waiting"
    assert desk.work() == 1
    after = desk.programme(programme_id)
    assert (after.sound_state, after.heard_sha256) == ("ready", before.heard_sha256)
    assert desk.storage.holds(after.rendition_sha256 or "")


def test_a_text_whose_sound_was_lost_is_spoken_again(desk: Desk) -> None:
    first = desk.write("Kính thưa bà con.")
    desk.work()
    desk.storage.rendition(desk.programme(first).rendition_sha256 or "").unlink()
    second = desk.write("Kính thưa bà con.")
    assert desk.programme(second).sound_state == "waiting"
    assert desk.work() == 1
    assert desk.storage.holds(desk.programme(second).rendition_sha256 or "")


def test_a_voice_that_never_speaks_twice_alike_is_heard_as_it_spoke_last(desk: Desk) -> None:
    spoken = iter(("1", "2"))

    def speaks(workshop: Workshop, work: Work) -> dict[str, Any]:
        made = make(workshop, work)
        sha256 = next(spoken) * 64
        return made | {"rendition_sha256": sha256, "rendition": made["rendition"] | {"sha256": sha256}}

    programme_id = desk.write("Kính thưa bà con.")
    desk.work(make=speaks)
    assert desk.programme(programme_id).rendition_sha256 == "1" * 64
    with desk.workshop.database.transaction() as session:
        one = programme_of(session, programme_id)
        one.state, one.approved_sha256 = "approved", one.heard_sha256
    desk.ask_again(programme_id)  # no file has this name
    desk.work(make=speaks)
    made = desk.programme(programme_id)
    assert made.rendition_sha256 == "2" * 64
    assert (made.state, made.approved_sha256) == ("submitted", ""), "what nobody has heard waits for approval"


def test_an_unknown_voice_is_a_programme_that_is_not_ready_and_says_so(desk: Desk) -> None:
    programme_id = desk.write("Kính thưa bà con.", voice="không có")
    desk.work()
    programme = desk.programme(programme_id)
    assert programme.sound_state == "failed"
    assert "Không có giọng đọc «không có»" in programme.sound_reason


def test_an_engine_that_dies_is_tried_three_times_and_visible_all_the_while(desk: Desk) -> None:
    def dies(_: Workshop, __: Work) -> dict[str, Any]:
        raise SpeechEngineDied

    programme_id = desk.write("Kính thưa bà con.")
    for attempt in range(1, MAX_ATTEMPTS + 1):
        assert desk.work(make=dies) == 1
        programme = desk.programme(programme_id)
        assert "Bộ đọc dừng giữa chừng" in programme.sound_reason
        assert programme.sound_state == ("failed" if attempt == MAX_ATTEMPTS else "waiting")
        desk.at += timedelta(minutes=1)
    desk.ask_again(programme_id)
    assert desk.work() == 1
    assert desk.programme(programme_id).sound_state == "ready"


@pytest.mark.parametrize(
    ("error", "told"), [(DiskFull(), "hết chỗ trống"), (ZeroDivisionError("secret path"), UNEXPECTED)]
)
def test_the_machines_own_trouble_is_tried_again_and_tells_no_secrets(
    desk: Desk, tone: Callable[..., bytes], error: Exception, told: str
) -> None:
    def trouble(_: Workshop, __: Work) -> dict[str, Any]:
        raise error

    asset_id, _ = desk.bring(tone())
    desk.work(make=trouble)
    assert desk.asset(asset_id).state == "waiting"
    assert told in desk.asset(asset_id).reason
    assert "secret" not in desk.asset(asset_id).reason
    desk.at += timedelta(minutes=1)
    desk.work()
    assert (desk.asset(asset_id).state, desk.asset(asset_id).reason) == ("ready", "")


def test_two_wrappings_of_one_sound_are_one_rendition(desk: Desk, tone: Callable[..., bytes]) -> None:
    content = tone()
    first, _ = desk.bring(content)
    second, _ = desk.bring(content + b"LIST\x04\x00\x00\x00junk")
    desk.work()
    assert desk.asset(first).state == desk.asset(second).state == "ready"
    assert desk.asset(first).rendition_sha256 == desk.asset(second).rendition_sha256


def test_what_was_left_lying_is_swept_after_a_day(storage: Storage) -> None:
    (storage.incoming / "work-old").mkdir(parents=True)
    (storage.incoming / "upload-old").write_bytes(b"half")
    sweep(storage, datetime.now(UTC) + timedelta(hours=23))
    assert len(list(storage.incoming.iterdir())) == 2
    sweep(storage, datetime.now(UTC) + timedelta(hours=25))
    assert list(storage.incoming.iterdir()) == []


def test_a_worker_that_runs_for_days_sweeps_too(desk: Desk) -> None:
    stop, looks = Event(), iter(range(4))
    desk.at = datetime.now(UTC)

    def now() -> datetime:
        if next(looks, None) is None:
            stop.set()
        desk.at += timedelta(hours=12)
        return desk.at

    desk.storage.incoming.mkdir(parents=True)
    left = desk.storage.incoming / "upload-old"
    left.write_bytes(b"half")
    Worker(replace(desk.workshop, now=now), "w", stop).run()
    assert not left.exists()


def test_there_is_nothing_to_sweep_on_a_fresh_machine(storage: Storage, database: Database) -> None:
    sweep(storage, datetime.now(UTC))
