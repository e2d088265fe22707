"""Who sees which page, and what becomes of asking for what belongs to others: refused, and written down."""

from typing import Any

import pytest
from sqlalchemy import select

from broadcast.audit import Audit

PAGES = {
    "/hom-nay": "quantri lan minh tuan hoa binh",
    "/soan": "quantri lan minh tuan hoa binh",
    "/soan/moi": "quantri lan binh",
    "/soan/moi?kieu=tep": "quantri lan binh",
    "/duyet": "quantri lan minh tuan hoa binh",
    "/lich": "quantri lan minh tuan hoa binh",
    "/cum-loa": "quantri lan minh tuan hoa binh",
    "/tai-khoan": "quantri lan minh tuan hoa binh",
    "/tai-khoan/moi-nguoi": "quantri",
    "/nhat-ky": "quantri",
}


@pytest.mark.parametrize("name", ["quantri", "lan", "minh", "tuan", "hoa", "binh"])
async def test_each_role_sees_its_pages_and_no_others(house: Any, name: str) -> None:
    async with house.visitor(name) as visitor:
        for page, who in PAGES.items():
            answer = await visitor.get(page)
            assert answer.status_code == (200 if name in who.split() else 403), (name, page)
            assert "</html>" in answer.text


async def test_each_page_is_also_told_in_english(house: Any) -> None:
    async with house.visitor("quantri") as visitor:
        await visitor.get("/ngon-ngu/en")
        for page in PAGES:
            answer = await visitor.get(page)
            assert (answer.status_code, '<html lang="en">' in answer.text) == (200, True), page


async def test_nobody_who_is_not_signed_in_sees_any_of_them(house: Any) -> None:
    async with house.visitor() as visitor:
        for page in PAGES:
            assert (await visitor.get(page)).headers["location"].startswith("/dang-nhap")


async def lans_draft(house: Any) -> str:
    """A draft of Hải Châu."""
    async with house.visitor("lan") as lan:
        fields = {"don_vi": house.hai_chau.id, "tieu_de": "Của Hải Châu", "noi_dung": "Nội dung riêng."}
        answer = await lan.post("/soan/van-ban/luu", fields, page="/soan/moi")
        return str(answer.json()["id"])


async def test_the_things_of_another_commune_are_refused_and_the_asking_is_written_down(house: Any) -> None:
    draft = await lans_draft(house)
    async with house.visitor("binh") as binh:
        for address in (
            f"/soan/{draft}", f"/soan/{draft}/nghe", f"/soan/{draft}/gui", f"/lich?don_vi={house.hai_chau.id}",
            f"/cum-loa?don_vi={house.hai_chau.id}", f"/hom-nay?don_vi={house.hai_chau.id}", "/soan/khong-co/nghe",
        ):  # fmt: skip
            answer = await binh.get(address)
            assert answer.status_code in {403, 404}, address
            assert "Nội dung riêng" not in answer.text
        for address, fields in (
            (f"/soan/{draft}", {"tieu_de": "x", "noi_dung": "y"}),
            (f"/soan/{draft}/trinh", {}),
            (f"/soan/{draft}/thu-hoi", {}),
            (f"/duyet/{draft}/dong-y", {"da_nghe": ""}),
            ("/soan/van-ban", {"don_vi": house.hai_chau.id, "tieu_de": "x", "noi_dung": "y"}),
            ("/cum-loa/them", {"don_vi": house.hai_chau.id, "ten": "x"}),
        ):
            assert (await binh.post(address, fields, page="/tai-khoan")).status_code in {403, 404}, address
        assert "Của Hải Châu" not in (await binh.get("/soan")).text
    with house.station.database.reading() as session:
        acts = list(session.scalars(select(Audit.act).where(Audit.act.startswith("refused."))))
    assert len(acts) == 13


async def test_a_programme_of_another_commune_cannot_be_aimed_at(house: Any) -> None:
    async with house.visitor("binh") as binh:
        fields = {"don_vi": house.lien_chieu.id, "tieu_de": "Thử", "noi_dung": "Thử."}
        draft = (await binh.post("/soan/van-ban/luu", fields, page="/soan/moi")).json()["id"]
        answer = await binh.post(f"/soan/{draft}/gui/phat", {"noi": f"don_vi:{house.hai_chau.id}"})
        assert answer.status_code == 403


@pytest.mark.parametrize("name", ["hoa", "tuan", "minh"])
async def test_who_only_looks_changes_nothing(house: Any, name: str) -> None:
    draft = await lans_draft(house)
    async with house.visitor(name) as visitor:
        for address in (f"/soan/{draft}", f"/soan/{draft}/trinh", f"/soan/{draft}/luu"):
            fields = {"tieu_de": "x", "noi_dung": "y"}
            assert (await visitor.post(address, fields, page="/tai-khoan")).status_code == 403
        if name != "minh":
            assert (await visitor.post(f"/soan/{draft}/thu-hoi")).status_code == 403
