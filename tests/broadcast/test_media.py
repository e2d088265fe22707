"""Recordings: the same bytes lie there once and are rendered once; what cannot be heard says why."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from broadcast.administrative_unit import AdministrativeUnit
from broadcast.database import Database
from broadcast.errors import NotAllowed, NotFound, UploadRefused
from broadcast.media import MediaAsset, keep, media_asset, media_asset_for, media_assets, profile_of
from broadcast.permission import Person
from broadcast.rendering import Workshop, announce
from broadcast.storage import Storage
from broadcast.upload import receive
from broadcast.work import Work

LIMIT = 1_000_000
RENDITION = {
    "sha256": "e" * 64,
    "profile": "music -16.0 LUFS",
    "size_bytes": 9,
    "duration_ms": 1000,
    "integrated_lufs": -16.0,
    "true_peak_dbtp": -2.0,
    "leading_silence_ms": 0,
    "trailing_silence_ms": 0,
}


@pytest.fixture
def lan(person: Callable[..., Person]) -> Person:
    return person("lan", "editor")


@pytest.fixture
def bring(database: Database, storage: Storage, city: "City", lan: Person, now: datetime) -> Callable[..., MediaAsset]:
    """A function that uploads bytes as a recording of Hải Châu."""

    def send(content: bytes, kind: str = "music", who: Person = lan, name: str = "nhạc.mp3") -> MediaAsset:
        received = receive([content], storage, LIMIT)
        with database.transaction() as session:
            return keep(session, received, city.hai_chau, name=name, kind=kind, person=who, now=now)

    return send


class City:
    """What the fixture `city` gives, as far as it is used here."""

    hai_chau: AdministrativeUnit
    lien_chieu: AdministrativeUnit


def originals(storage: Storage) -> list[Path]:
    return [path for path in storage.originals.rglob("*") if path.is_file()]


def rendered(database: Database, storage: Storage, asset: MediaAsset, now: datetime) -> None:
    """The rendition of an asset is there, as a worker leaves it."""
    place = storage.rendition(RENDITION["sha256"])
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(b"OggS ...")
    with database.transaction() as session:
        work = session.query(Work).where(Work.payload["source_sha256"].as_string() == asset.source_sha256).one()
        made = {**RENDITION, "source_sha256": asset.source_sha256}
        announce(
            session,
            work,
            {
                "rendition_sha256": RENDITION["sha256"],
                "rendition": made,
                "source": {},
                "sentences": [],
                "made_at": now.isoformat(),
            },
        )


def test_an_upload_waits_for_its_rendition(
    database: Database, storage: Storage, bring: Callable[..., MediaAsset], lan: Person
) -> None:
    asset = bring(b"sound")
    assert (asset.state, asset.name, asset.size_bytes, asset.uploaded_by) == ("waiting", "nhạc.mp3", 5, lan.account_id)
    assert storage.original(asset.source_sha256).read_bytes() == b"sound"
    assert list(storage.incoming.iterdir()) == []
    with database.reading() as session:
        (work,) = session.query(Work)
        assert work.key == f"rendition:{asset.source_sha256}:{profile_of('music', -16.0)}"


def test_a_recording_is_named_and_written_down_and_no_name_leads_anywhere(
    database: Database, storage: Storage, bring: Callable[..., MediaAsset], acts_on: Any
) -> None:
    for name in ("../../etc/passwd", "..\\..\\passwd", "/etc/passwd", "C:\\passwd"):
        asset = bring(name.encode(), name=name)
        assert asset.name == "passwd"
        assert storage.original(asset.source_sha256).read_bytes() == name.encode()
        with database.reading() as session:
            assert [row.act for row in acts_on(session, "media_asset", asset.id)] == ["media.keep"]


def test_the_same_bytes_are_stored_and_rendered_once(
    database: Database, storage: Storage, bring: Callable[..., MediaAsset]
) -> None:
    first, second = bring(b"sound"), bring(b"sound")
    assert first.id != second.id
    assert len(originals(storage)) == 1
    assert list(storage.incoming.iterdir()) == []
    with database.reading() as session:
        assert session.query(Work).count() == 1


def test_the_same_bytes_as_speech_are_another_rendition(
    database: Database, storage: Storage, bring: Callable[..., MediaAsset]
) -> None:
    bring(b"sound", "music")
    bring(b"sound", "speech")
    assert len(originals(storage)) == 1
    with database.reading() as session:
        assert session.query(Work).count() == 2


def test_bytes_that_were_rendered_before_are_ready_at_once(
    database: Database, storage: Storage, bring: Callable[..., MediaAsset], now: datetime
) -> None:
    rendered(database, storage, bring(b"sound"), now)
    again = bring(b"sound")
    assert (again.state, again.rendition_sha256) == ("ready", RENDITION["sha256"])


def test_a_rendition_whose_file_is_gone_is_made_again(
    database: Database, storage: Storage, bring: Callable[..., MediaAsset], now: datetime
) -> None:
    rendered(database, storage, bring(b"sound"), now)
    storage.rendition(RENDITION["sha256"]).unlink()
    assert bring(b"sound").state == "waiting"


def test_somebody_without_the_right_leaves_no_trace(
    database: Database, storage: Storage, bring: Callable[..., MediaAsset], person: Callable[..., Person]
) -> None:
    stranger = person("binh", "viewer")
    with pytest.raises(NotAllowed):
        bring(b"sound", who=stranger)
    assert originals(storage) == []
    assert list(storage.incoming.iterdir()) == []
    with database.reading() as session:
        assert session.query(Work).count() == 0


def test_a_kind_that_is_neither_speech_nor_music_is_refused(storage: Storage, bring: Callable[..., MediaAsset]) -> None:
    with pytest.raises(UploadRefused, match="lời nói"):
        bring(b"sound", "video")
    assert list(storage.incoming.iterdir()) == []


def test_a_recording_is_shown_to_those_of_its_unit_only(
    database: Database, city: City, bring: Callable[..., MediaAsset], person: Callable[..., Person], lan: Person
) -> None:
    asset, neighbour = bring(b"sound"), person("binh", "administrator", city.lien_chieu)
    with database.reading() as session:
        assert media_asset_for(session, asset.id, lan).id == asset.id
        assert [one.id for one in media_assets(session, city.hai_chau)] == [asset.id]
        assert media_assets(session, city.lien_chieu) == []
        with pytest.raises(NotAllowed):
            media_asset_for(session, asset.id, neighbour)
        with pytest.raises(NotFound):
            media_asset(session, "guess")


def test_two_sources_of_one_sound_share_its_row(
    database: Database, workshop: Workshop, storage: Storage, bring: Callable[..., MediaAsset], now: datetime
) -> None:
    first, second = bring(b"sound"), bring(b"sound in another wrapping")
    rendered(database, storage, first, now)
    rendered(database, storage, second, now)
    with database.reading() as session:
        assert {media_asset(session, one.id).rendition_sha256 for one in (first, second)} == {RENDITION["sha256"]}
