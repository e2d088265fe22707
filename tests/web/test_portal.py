"""The public portal: no sign-in, search without marks, live listening, episodes with their sound and text."""

import hashlib
from datetime import timedelta
from typing import Any

import pytest

from broadcast.archive import Episode

SOUND = b"OggS" + bytes(range(256)) * 8
SHA256 = hashlib.sha256(SOUND).hexdigest()


@pytest.fixture
def episode(house: Any) -> Episode:
    """An episode of Hải Châu whose title tries to be a script."""
    path = house.station.storage.rendition(SHA256)
    path.parent.mkdir(parents=True)
    path.write_bytes(SOUND)
    with house.station.database.transaction() as session:
        one = Episode(
            item_id="item-1", unit_path=house.hai_chau.path, programme_id=None, rendition_sha256=SHA256,
            title="<script>alert(1)</script> Bản tin sáng", text="", sentences=[["Kính thưa bà con.", 0, 1500]],
            aired_at=house.clock() - timedelta(hours=2), duration_ms=200_000,
        )  # fmt: skip
        session.add(one)
    return one


async def test_the_city_page_lists_94_communes_and_needs_no_sign_in(house: Any) -> None:
    async with house.visitor() as visitor:
        page = await visitor.get("/")
        assert page.status_code == 200
        assert page.text.count('<li><a href="/x/') == 94
        assert 'src="/listen/48.ogg" type="audio/ogg; codecs=opus"' in page.text
        assert 'src="/listen/48.mp3"' in page.text
        assert 'preload="none"' in page.text
        assert page.text.count("<script") == page.text.count('<script type="module" src="/static/listen.js') == 1
        assert len(page.content) < 60_000


async def test_a_commune_is_found_without_marks(house: Any) -> None:
    async with house.visitor() as visitor:
        page = (await visitor.get("/?tim=hoa+vang")).text
        assert "Kết quả tìm «hoa vang»" in page
        assert page.index("/x/hoa-vang") < page.index("Nghe trực tiếp đài thành phố")
        assert "Không thấy phường, xã nào" in (await visitor.get("/?tim=xyz")).text


async def test_the_city_page_names_the_newest_episodes_and_their_places(house: Any, episode: Episode) -> None:
    async with house.visitor() as visitor:
        page = (await visitor.get("/")).text
        assert f"/x/hai-chau/{episode.id}" in page
        assert "Phường Hải Châu · 08:00" in page


async def test_a_commune_page_plays_live_and_again(house: Any, episode: Episode) -> None:
    async with house.visitor() as visitor:
        page = (await visitor.get("/x/hai-chau")).text
        assert f'src="/listen/{house.hai_chau.path}.ogg"' in page
        assert f'src="/media/{SHA256}"' in page
        assert "Thứ Ba, 24/11/2026" in page
        assert "3 phút 20 giây" in page
        assert "Kính thưa bà con." in page
        assert "<script>" not in page
        assert "&lt;script&gt;" in page
        assert (await visitor.get("/x/khong-co")).status_code == 404


async def test_an_episode_has_its_own_page_under_its_own_commune(house: Any, episode: Episode) -> None:
    async with house.visitor() as visitor:
        page = await visitor.get(f"/x/hai-chau/{episode.id}")
        assert page.status_code == 200
        assert "Tải về" in page.text
        assert (await visitor.get(f"/x/lien-chieu/{episode.id}")).status_code == 404


async def test_sound_is_served_in_ranges_and_kept_for_ever(house: Any, episode: Episode) -> None:
    async with house.visitor() as visitor:
        whole = await visitor.get(f"/media/{SHA256}")
        assert (whole.content, whole.headers["content-type"]) == (SOUND, "audio/ogg")
        assert whole.headers["etag"] == f'"{SHA256}"'
        assert "immutable" in whole.headers["cache-control"]
        part = await visitor.client.get(f"/media/{SHA256}", headers={"range": "bytes=4-9"})
        assert (part.status_code, part.content) == (206, SOUND[4:10])
        assert part.headers["content-range"] == f"bytes 4-9/{len(SOUND)}"
        again = await visitor.client.get(f"/media/{SHA256}", headers={"if-none-match": f'"{SHA256}"'})
        assert again.status_code == 304
        beyond = await visitor.client.get(f"/media/{SHA256}", headers={"range": "bytes=999999-"})
        assert beyond.status_code == 416
        named = await visitor.get(f'/media/{SHA256}?ten=Bản tin "sáng"%0d%0aX: y/../z')
        assert "attachment" in named.headers["content-disposition"]
        assert "\n" not in named.headers["content-disposition"]


@pytest.mark.parametrize("name", ["0" * 64, "..%2f..%2floa.db", "A" * 64, "abc"])
async def test_what_is_no_sound_is_not_served(house: Any, name: str) -> None:
    async with house.visitor() as visitor:
        assert (await visitor.get(f"/media/{name}")).status_code == 404
