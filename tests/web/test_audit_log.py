"""Nhật ký: every act of a person has its row, which names what it was done to and where; the right people see it."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from sqlalchemy import select

from broadcast.archive import Episode
from broadcast.audit import Audit
from broadcast.programme import Programme
from speakers.speaker import Speaker
from web.pages.audit_log import ACT_NAMES

PASSWORD = "mật khẩu đủ dài"
PEOPLE = "/tai-khoan/moi-nguoi"
NAMELESS = {"sign_in", "sign_in.fail", "sign_out", "refused.not_allowed", "refused.not_found"}


async def acts_of_an_administrator(house: Any) -> None:
    """An account comes, gets and loses a role, gets a new password, and ends."""
    async with house.visitor("quantri") as admin:
        fields = {"ho_ten": "Mai", "ten": "mai", "vai_tro": "administrator", "don_vi": house.hai_chau.id}
        await admin.post(PEOPLE, fields, page=PEOPLE)
        page = (await admin.get(PEOPLE)).text
        one = f"{PEOPLE}/" + re.search(rf'{PEOPLE}/(\w+)">Mai<', page)[1]  # type: ignore[index]
        role = {"vai_tro": "viewer", "don_vi": house.lien_chieu.id}
        for act in ("giao", "bo"):
            assert (await admin.post(f"{one}/{act}", role)).status_code == 303
        shown = (await admin.post(f"{one}/mat-khau")).text
        password = re.search(r'class="secret">([^<]+)<', shown)[1]  # type: ignore[index]
        await admin.get(PEOPLE)
    async with house.visitor() as mai:
        await mai.post("/dang-nhap", {"ten": "mai", "mat_khau": password}, page="/dang-nhap")
        seen = (await mai.get("/nhat-ky")).text
        for words in ("đổi âm lượng loa: Loa cổng", "ngừng dùng loa: Loa cổng", "duyệt chương trình: Một"):
            assert words in seen, "who administers the commune sees what others did there"
        assert "mai" not in seen.partition("đóng tài khoản")[2]
        await mai.post("/dang-xuat", page="/tai-khoan")
        await mai.post("/dang-nhap", {"ten": "mai", "mat_khau": "sai"}, page="/dang-nhap")
    async with house.visitor("quantri") as admin:
        assert (await admin.post(f"{one}/dong", page=PEOPLE)).status_code == 303


async def acts_of_a_technician(house: Any) -> None:
    """A village, a cluster, a code, a loudspeaker: all come and go."""
    async with house.visitor("tuan") as tuan, house.visitor() as device:
        fields = {"don_vi": house.hai_chau.id, "thon": "Tổ dân phố 7", "ten": "Cổng chợ"}
        await tuan.post("/cum-loa/them", fields, page="/cum-loa")
        found = re.search(r'id="cum-(\w+)">Cổng chợ<', (await tuan.get("/cum-loa")).text)
        cluster = f"/cum-loa/{found[1]}"  # type: ignore[index]
        shown = (await tuan.post(f"{cluster}/ma", {"ten": "Loa cổng"})).text
        code = re.search(r'class="secret">([A-Z0-9-]{14})<', shown)[1]  # type: ignore[index]
        await device.client.post("/api/1/enrol", json={"code": code})
        with house.station.database.reading() as session:
            speaker = session.scalars(select(Speaker.id)).one()
        for address, more in (
            (f"/cum-loa/loa/{speaker}/am-luong", {"am_luong": "-6"}), (f"/cum-loa/loa/{speaker}/bo", {}),
            (f"{cluster}/bo", {}),
        ):  # fmt: skip
            assert (await tuan.post(address, more)).status_code == 303, address
        assert (await tuan.post(f"/cum-loa/loa/{speaker}/bo")).status_code == 404
        assert (await tuan.post("/soan/van-ban", {"don_vi": house.hai_chau.id})).status_code == 403


async def acts_on_programmes(house: Any, tone: Callable[..., bytes]) -> None:
    """Programmes are written, changed, sent back, approved, scheduled, moved, stopped and withdrawn."""
    async with house.visitor("lan") as lan, house.visitor("minh") as minh:
        fields = {"don_vi": house.hai_chau.id, "tieu_de": "Một", "noi_dung": "Một.", "giong": "không có"}
        await lan.post("/soan/van-ban", fields, page="/soan/moi")
        house.make_sounds()
        with house.station.database.reading() as session:
            one = session.scalars(select(Programme.id)).one()
        await lan.post(f"/soan/{one}/lam-lai")
        await lan.post(f"/soan/{one}", {**fields, "giong": "vi"})
        house.make_sounds()
        for answer in ("tra-lai", "dong-y"):
            await lan.post(f"/soan/{one}/trinh")
            with house.station.database.reading() as session:
                heard = session.get_one(Programme, one).heard_sha256
            said = {"ly_do": "Thiếu ngày.", "da_nghe": heard}
            assert (await minh.post(f"/duyet/{one}/{answer}", said, page="/duyet")).status_code == 303
        place = {"noi": f"don_vi:{house.hai_chau.id}"}
        await lan.post(f"/soan/{one}/gui/phat", {**place, "khi": "ngay-bay-gio"})
        house.clock.wind(seconds=60)
        later = {**place, "khi": "dat-lich", "ngay": "2026-11-24", "gio": "17:00"}
        await lan.post(f"/soan/{one}/gui/phat", later)
        schedule = re.search(r"/lich/(\w+)/doi", (await lan.get("/lich")).text)[1]  # type: ignore[index]
        moved = {"lan": "2026-11-24T17:00:00", "ngay": "2026-11-25", "gio": "05:30"}
        for act in ("doi", "rut"):
            assert (await lan.post(f"/lich/{schedule}/{act}", moved)).status_code == 303
        await lan.post(f"/soan/{one}/thu-hoi")
        body = {"content": tone(), "headers": {"x-loa-form": lan.token, "content-type": "application/octet-stream"}}
        await lan.client.post("/api/1/upload", params={"don_vi": house.hai_chau.id, "ten": "a.wav"}, **body)
        with house.station.database.transaction() as session:
            episode = Episode(
                item_id="i", unit_path=house.hai_chau.path, rendition_sha256="0", title="Cũ", text="", sentences=[],
                aired_at=house.clock() - timedelta(hours=1), duration_ms=1,
            )  # fmt: skip
            session.add(episode)
        assert (await minh.post(f"/nghe-lai/{episode.id}/go")).status_code == 303


async def test_every_act_has_its_row_that_names_what_and_where(house: Any, tone: Callable[..., bytes]) -> None:
    await acts_on_programmes(house, tone)
    await acts_of_a_technician(house)
    await acts_of_an_administrator(house)
    with house.station.database.reading() as session:
        rows = list(session.scalars(select(Audit)))
    acts = {row.act for row in rows}
    assert sorted(name for name in ACT_NAMES if not any(f"{act}.".startswith(f"{name}.") for act in acts)) == []
    nameless = {row.act for row in rows if not (row.detail.get("title") or row.detail.get("name"))}
    assert nameless == NAMELESS
    placeless = {row.act for row in rows if row.unit_id is None and not row.act.startswith("refused.")}
    assert placeless <= NAMELESS | {"account.password", "account.close"}
    async with house.visitor("quantri") as admin:
        page = (await admin.get("/nhat-ky")).text
        assert "việc khác" not in page
        assert "đặt lịch phát: Một" in page
        assert "thêm cụm loa: Cổng chợ" in page
