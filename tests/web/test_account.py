"""Tài khoản: people are added with a password shown once, reset and closed, by those who look after them."""

import re
from typing import Any

from sqlalchemy import select

from broadcast.audit import Audit

PASSWORD = "mật khẩu đủ dài"
PEOPLE = "/tai-khoan/moi-nguoi"


def shown_password(page: str) -> str:
    """The password that a page shows this once."""
    return re.search(r'class="secret">([^<]+)<', page)[1]  # type: ignore[index]


async def account_id(admin: Any, name: str) -> str:
    """The id of an account, from the list."""
    page = (await admin.get(PEOPLE)).text
    row = next(part for part in page.split("<li") if f">{name} · " in part)
    return re.search(r"/moi-nguoi/(\w+)\"", row)[1]  # type: ignore[index]


async def test_an_administrator_adds_a_person_who_then_signs_in(house: Any) -> None:
    async with house.visitor("quantri") as admin:
        fields = {"ho_ten": "Trần Thị Mai", "ten": "mai", "vai_tro": "editor", "don_vi": house.hai_chau.id}
        page = (await admin.post(PEOPLE, fields, page=PEOPLE)).text
        password = shown_password(page)
        assert password not in (await admin.get(PEOPLE)).text
        taken = await admin.post(PEOPLE, fields)
        assert (taken.status_code, "đã có người dùng" in taken.text) == (422, True)
    async with house.visitor() as mai:
        await mai.post("/dang-nhap", {"ten": "mai", "mat_khau": password}, page="/dang-nhap")
        assert "Trần Thị Mai" in (await mai.get("/tai-khoan")).text
        assert "biên tập – Phường Hải Châu" in mai_text(await mai.get("/tai-khoan"))


def mai_text(answer: Any) -> str:
    """The text of a page without its tags."""
    return re.sub(r"<[^>]+>", "", answer.text)


async def test_a_new_password_ends_the_sessions_of_the_old_one(house: Any) -> None:
    async with house.visitor("lan") as lan, house.visitor("quantri") as admin:
        one = await account_id(admin, "lan")
        password = shown_password((await admin.post(f"{PEOPLE}/{one}/mat-khau")).text)
        assert (await lan.get("/hom-nay")).status_code == 303
        signed = await lan.post("/dang-nhap", {"ten": "lan", "mat_khau": password}, page="/dang-nhap")
        assert signed.status_code == 303


async def test_a_closed_account_is_out_at_once_and_nobody_closes_their_own(house: Any) -> None:
    async with house.visitor("lan") as lan, house.visitor("quantri") as admin:
        assert (await admin.post(f"{PEOPLE}/{await account_id(admin, 'lan')}/dong")).status_code == 303
        assert (await lan.get("/hom-nay")).status_code == 303
        own = await admin.post(f"{PEOPLE}/{await account_id(admin, 'quantri')}/dong")
        assert (own.status_code, "Không thể đóng tài khoản" in own.text) == (422, True)


async def test_one_changes_ones_own_password_with_the_old_one(house: Any) -> None:
    async with house.visitor("lan") as lan:
        wrong = await lan.post("/tai-khoan/mat-khau", {"cu": "sai", "moi": "một mật khẩu mới"}, page="/tai-khoan")
        assert (wrong.status_code, "chưa đúng" in wrong.text) == (422, True)
        short = await lan.post("/tai-khoan/mat-khau", {"cu": PASSWORD, "moi": "ngắn"})
        assert (short.status_code, "10 ký tự" in short.text) == (422, True)
        done = await lan.post("/tai-khoan/mat-khau", {"cu": PASSWORD, "moi": "một mật khẩu mới"})
        assert done.headers["location"] == "/dang-nhap"
        again = await lan.post("/dang-nhap", {"ten": "lan", "mat_khau": "một mật khẩu mới"}, page="/dang-nhap")
        assert again.status_code == 303


async def test_a_second_role_is_given_and_taken_away_and_the_last_one_stays(house: Any) -> None:
    async with house.visitor("quantri") as admin, house.visitor("lan") as lan:
        one = f"{PEOPLE}/{await account_id(admin, 'lan')}"
        role = {"vai_tro": "technician", "don_vi": house.lien_chieu.id}
        assert (await lan.get(f"/cum-loa?don_vi={house.lien_chieu.id}")).status_code == 403
        assert (await admin.post(f"{one}/giao", role, page=one)).status_code == 303
        assert (await lan.get(f"/cum-loa?don_vi={house.lien_chieu.id}")).status_code == 200
        page = (await admin.get(one)).text
        assert (page.count("Bỏ vai trò này"), "kỹ thuật, Phường Liên Chiểu" in page) == (2, True)
        assert (await admin.post(f"{one}/bo", role)).status_code == 303
        assert (await lan.get(f"/cum-loa?don_vi={house.lien_chieu.id}")).status_code == 403
        last = await admin.post(f"{one}/bo", {"vai_tro": "editor", "don_vi": house.hai_chau.id})
        assert (last.status_code, "vai trò duy nhất" in last.text) == (422, True)
        wrong = await admin.post(f"{one}/giao", {**role, "vai_tro": "vua"})
        assert (wrong.status_code, "Không có vai trò" in wrong.text) == (422, True)
        own = f"{PEOPLE}/{await account_id(admin, 'quantri')}"
        mine = await admin.post(f"{own}/bo", {"vai_tro": "administrator", "don_vi": house.city.id}, page=own)
        assert (mine.status_code, "tự bỏ vai trò" in mine.text) == (422, True)
    with house.station.database.reading() as session:
        acts = set(session.scalars(select(Audit.act).where(Audit.unit_id == house.lien_chieu.id)))
    assert {"account.grant.technician", "account.revoke.technician"} <= acts


async def test_an_administrator_of_a_commune_looks_after_that_commune_only(house: Any) -> None:
    async with house.visitor("quantri") as admin:
        fields = {"ho_ten": "Quản trị Hải Châu", "ten": "qthc", "vai_tro": "administrator", "don_vi": house.hai_chau.id}
        password = shown_password((await admin.post(PEOPLE, fields, page=PEOPLE)).text)
        theirs = {name: await account_id(admin, name) for name in ("binh", "quantri")}
    async with house.visitor() as local:
        await local.post("/dang-nhap", {"ten": "qthc", "mat_khau": password}, page="/dang-nhap")
        page = (await local.get(PEOPLE)).text
        assert ">lan · " in page
        assert ">binh · " not in page
        for one in theirs.values():
            assert (await local.get(f"{PEOPLE}/{one}")).status_code == 403
            for act in ("mat-khau", "dong", "giao", "bo"):
                assert (await local.post(f"{PEOPLE}/{one}/{act}")).status_code == 403
        lan = await account_id(local, "lan")
        far = {"vai_tro": "editor", "don_vi": house.lien_chieu.id}
        assert (await local.post(f"{PEOPLE}/{lan}/giao", far)).status_code == 403
        above = {"ho_ten": "x", "ten": "leo-thang", "vai_tro": "administrator", "don_vi": house.city.id}
        assert (await local.post(PEOPLE, above)).status_code == 403
        log = (await local.get("/nhat-ky")).text
        assert "Binh" not in log
