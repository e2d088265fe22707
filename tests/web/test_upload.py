"""Recordings come in: with our script, without it, and not at all when they should not."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from broadcast.programme import Programme


def left_over(house: Any) -> list[Path]:
    """Files in the storage."""
    return [path for path in house.station.storage.folder.rglob("*") if path.is_file()]


async def raw(house: Any, visitor: Any, body: bytes, **words: str) -> Any:
    """Upload as our script does."""
    await visitor.get("/soan/moi?kieu=tep")
    query = {"don_vi": house.hai_chau.id, "ten": "họp dân.wav", "tieu_de": "", "loai": "speech", **words}
    return await visitor.client.post("/api/1/upload", params=query, content=body, headers={"X-Loa-Form": visitor.token})


async def whole(house: Any, visitor: Any, body: bytes, name: str = "ghi âm.wav", **fields: str) -> Any:
    """Upload as a browser without scripts does."""
    await visitor.get("/soan/moi?kieu=tep")
    data = {"form_token": visitor.token, "don_vi": house.hai_chau.id, "tieu_de": "Họp dân", "loai": "speech", **fields}
    return await visitor.client.post("/soan/tep", data=data, files={"tep": (name, body, "audio/wav")})


async def test_a_recording_comes_in_by_script_and_can_be_heard(house: Any, tone: Callable[..., bytes]) -> None:
    async with house.visitor("lan") as lan:
        answer = await raw(house, lan, tone())
        assert answer.status_code == 200, answer.text
        house.make_sounds()
        page = (await lan.get(answer.json()["address"])).text
        assert "họp dân.wav" in page
        assert "/media/" in page


async def test_a_recording_comes_in_without_any_script(house: Any, tone: Callable[..., bytes]) -> None:
    async with house.visitor("lan") as lan:
        answer = await whole(house, lan, tone(seconds=3))
        assert answer.status_code == 303, answer.text
        house.make_sounds()
        page = (await lan.get(answer.headers["location"])).text
        assert "Họp dân" in page
        assert "Dài 3 giây" in page


@pytest.mark.parametrize("way", [raw, whole])
async def test_one_byte_too_many_is_refused_and_leaves_no_trace(database: Any, make_house: Any, way: Any) -> None:
    house = make_house(database, upload_max_bytes=10_000)
    async with house.visitor("lan") as lan:
        assert (await way(house, lan, b"x" * 10_001)).status_code == 422
        assert left_over(house) == []
        assert (await way(house, lan, b"x" * 10_000)).status_code in {200, 303}


@pytest.mark.parametrize("way", [raw, whole])
async def test_nothing_at_all_is_refused_with_a_sentence(house: Any, way: Any) -> None:
    async with house.visitor("lan") as lan:
        answer = await way(house, lan, b"")
        assert answer.status_code == 422
        assert left_over(house) == []


async def test_a_refused_upload_without_script_brings_the_form_back_with_its_title(
    database: Any, make_house: Any, tone: Callable[..., bytes]
) -> None:
    house = make_house(database, upload_max_bytes=1000)
    async with house.visitor("lan") as lan:
        await lan.get("/soan/moi?kieu=tep")
        data = {"form_token": lan.token, "don_vi": house.hai_chau.id, "tieu_de": "Họp <dân>", "loai": "music"}
        answer = await lan.client.post("/soan/tep", data=data, files={"tep": ("a.wav", tone(), "audio/wav")})
        assert answer.status_code == 422
        assert 'value="Họp &lt;dân&gt;"' in answer.text
        assert re.search(r'value="music" checked', answer.text)
        assert 'action="/soan/tep"' in answer.text
        assert "notice bad" in answer.text


async def test_text_that_calls_itself_sound_is_told_apart_when_it_is_worked_on(house: Any) -> None:
    async with house.visitor("lan") as lan:
        answer = await whole(house, lan, "Đây không phải âm thanh.".encode(), "bai-hat.mp3")
        house.make_sounds()
        page = (await lan.get(answer.headers["location"])).text
        assert "chưa có âm thanh" in page
        assert "Traceback" not in page


@pytest.mark.parametrize("name", ["../../etc/passwd", "..\\..\\boot.ini", 'a"b;c\x00.wav', "n" * 500 + ".wav"])
async def test_tricks_in_names_are_only_names(house: Any, tone: Callable[..., bytes], name: str) -> None:
    async with house.visitor("lan") as lan:
        answer = await raw(house, lan, tone(), ten=name)
        assert answer.status_code == 200
    with house.station.database.reading() as session:
        title = session.scalars(select(Programme.title)).one()
    assert "/" not in title
    assert len(title) <= 200
    assert all(path.is_relative_to(house.station.storage.folder) for path in left_over(house))


async def test_for_another_commune_nothing_is_received(house: Any, tone: Callable[..., bytes]) -> None:
    async with house.visitor("binh") as binh:
        assert (await raw(house, binh, tone())).status_code == 403
        assert (await whole(house, binh, tone())).status_code == 403
    async with house.visitor("hoa") as hoa:
        await hoa.get("/tai-khoan")
        answer = await hoa.client.post(
            "/api/1/upload", params={"don_vi": house.hai_chau.id, "ten": "a"}, content=b"x",
            headers={"X-Loa-Form": hoa.token},
        )  # fmt: skip
        assert answer.status_code == 403
    assert left_over(house) == []


async def test_without_the_token_of_the_form_nothing_is_received(house: Any, tone: Callable[..., bytes]) -> None:
    async with house.visitor("lan") as lan:
        answer = await whole(house, lan, tone(), form_token="đoán")
        assert answer.status_code == 403
        lan.token = "x"
        answer = await lan.client.post(
            "/api/1/upload", params={"don_vi": house.hai_chau.id, "ten": "a"}, content=b"x",
            headers={"X-Loa-Form": "x"},
        )  # fmt: skip
        assert answer.status_code == 403
    async with house.visitor() as nobody:
        answer = await nobody.client.post("/api/1/upload", params={"don_vi": "x", "ten": "a"}, content=b"x")
        assert answer.status_code == 401
    assert left_over(house) == []


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data", b""),
        ("multipart/form-data; boundary=x", b""),
        ("multipart/form-data; boundary=x", b"--y\r\n\r\n"),
        ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--x--\r\n'),
        ("text/plain", b"tep=1"),
    ],
)
async def test_a_form_that_is_none_is_refused_with_a_sentence(house: Any, kind: str, body: bytes) -> None:
    async with house.visitor("lan") as lan:
        answer = await lan.client.post("/soan/tep", content=body, headers={"content-type": kind})
        assert answer.status_code == 422
        assert "Xin" in answer.text


async def test_a_form_whose_text_never_ends_is_refused(house: Any) -> None:
    async with house.visitor("lan") as lan:
        body = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n' + b"a" * 200_000
        kind = {"content-type": "multipart/form-data; boundary=x"}
        assert (await lan.client.post("/soan/tep", content=body, headers=kind)).status_code == 413
