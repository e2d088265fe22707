"""The public portal: no sign-in, search without marks, live listening, episodes with their sound and text."""

import hashlib
import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from sqlalchemy import select

from broadcast.archive import Episode
from broadcast.audit import Audit

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


async def test_older_episodes_come_page_by_page_each_once_also_those_of_one_instant(house: Any) -> None:
    with house.station.database.transaction() as session:
        for number in range(25):
            session.add(
                Episode(
                    item_id=f"item-{number}", unit_path=house.hai_chau.path, programme_id=None,
                    rendition_sha256=SHA256, title=f"Số {number:02}.", text="", sentences=[],
                    aired_at=house.clock() - timedelta(minutes=number // 15), duration_ms=1000,
                )
            )  # fmt: skip
    seen: list[str] = []
    async with house.visitor() as visitor:
        address = "/x/hai-chau"
        for _ in range(3):
            page = (await visitor.get(address)).text
            seen += re.findall(r">(Số \d\d\.)</a>", page)
            older = re.search(r'href="([^"]+)">Xem cũ hơn', page)
            address = unescape(older[1]) if older else ""
    assert address == ""
    assert sorted(seen) == [f"Số {number:02}." for number in range(25)]


async def test_an_episode_is_taken_away_by_an_approver_who_is_asked_once_more(house: Any, episode: Episode) -> None:
    page = f"/x/hai-chau/{episode.id}"
    address = f"/nghe-lai/{episode.id}/go"
    with house.station.database.transaction() as session:
        for path in (house.lien_chieu.path, house.hai_chau.path):
            session.add(
                Episode(
                    item_id=f"item-{path}", unit_path=path, programme_id=None, rendition_sha256=SHA256,
                    title=episode.title, text="", sentences=[], aired_at=episode.aired_at, duration_ms=200_000,
                )
            )  # fmt: skip
    async with house.visitor("lan") as lan, house.visitor() as citizen:
        assert "Gỡ bản nghe lại" not in (await lan.get(page)).text
        assert (await lan.post(address, page="/tai-khoan")).status_code == 403
        assert "Gỡ bản nghe lại" not in (await citizen.get(page)).text
    async with house.visitor("minh") as minh:
        assert address in (await minh.get(page)).text
        asked = (await minh.get(address)).text
        assert "ở 2 nơi sau" in asked, "another commune's is not this approver's to take away"
        assert (await minh.get(page)).status_code == 200, "asking takes nothing away"
        assert (await minh.post(address)).headers["location"] == "/x/hai-chau"
        assert (await minh.get(page)).status_code == 404
        assert (await minh.post(address)).status_code == 404
        assert "Bản tin sáng" not in (await minh.get("/x/hai-chau")).text
    with house.station.database.reading() as session:
        rows = list(session.scalars(select(Audit).where(Audit.act == "episode.withdraw")))
    assert [(row.unit_id, row.detail["title"]) for row in rows] == [(house.hai_chau.id, episode.title)] * 2


async def test_pages_are_sent_packed_to_who_can_unpack_them_and_sound_never(house: Any, episode: Episode) -> None:
    async with house.visitor() as visitor:
        packed = await visitor.get("/", **{"accept-encoding": "gzip"})
        assert packed.headers["content-encoding"] == "gzip"
        assert int(packed.headers["content-length"]) * 2 < len(packed.content)
        plain = await visitor.get("/", **{"accept-encoding": "identity"})
        assert "content-encoding" not in plain.headers
        assert plain.content == packed.content
        sound = await visitor.get(f"/media/{SHA256}", **{"accept-encoding": "gzip"})
        assert "content-encoding" not in sound.headers


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
