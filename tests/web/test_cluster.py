"""Cụm loa: villages and clusters are added, codes are shown once and let one device in, and things are retired."""

import base64
import re
from typing import Any

from speakers.cluster import add_cluster
from speakers.speaker import Speaker


async def test_a_technician_adds_a_cluster_in_a_new_village(house: Any) -> None:
    async with house.visitor("tuan") as tuan:
        fields = {"don_vi": house.hai_chau.id, "thon": "Tổ dân phố 7", "ten": "Cổng chợ <b>"}
        assert (await tuan.post("/cum-loa/them", fields, page="/cum-loa")).status_code == 303
        page = (await tuan.get("/cum-loa")).text
        assert "Cổng chợ &lt;b&gt;" in page
        assert "Tổ dân phố 7" in page
        assert "2 cụm loa, 0 trên 0 loa đang hoạt động." in page
        again = await tuan.post("/cum-loa/them", fields)
        assert (again.status_code, "đã có «Tổ dân phố 7»" in again.text) == (422, True)
        assert "đặt tên cho cụm loa" in (await tuan.post("/cum-loa/them", {**fields, "thon": "", "ten": " "})).text


async def test_the_clusters_of_a_whole_city_come_page_by_page(house: Any) -> None:
    with house.station.database.transaction() as session:
        for number in range(70):
            add_cluster(session, house.hai_chau, f"Cụm {number:02}.", person_id=None, now=house.clock())
    seen: list[str] = []
    async with house.visitor("quantri") as admin:
        for number in ("1", "2", "3"):
            page = (await admin.get(f"/cum-loa?trang={number}")).text
            assert "72 cụm loa, 0 trên 0 loa đang hoạt động." in page
            assert f"Trang {number} trên 3" in page
            seen += re.findall(r">(Cụm \d\d\.)</h2>", page)
        assert "Trang 3 trên 3" in (await admin.get("/cum-loa?trang=99")).text
        assert "Trang 1 trên 3" in (await admin.get("/cum-loa?trang=x")).text
    assert seen == [f"Cụm {number:02}." for number in range(70)]


async def enrolled(house: Any, tuan: Any) -> tuple[str, dict[str, Any]]:
    """Make a code on the page and enrol a device with it; gives the code and what the device was told."""
    page = (await tuan.get("/cum-loa")).text
    address = re.search(r"/cum-loa/\w+/ma", page)[0]  # type: ignore[index]
    shown = (await tuan.post(address, {"ten": "Loa cổng"})).text
    code = re.search(r'class="secret">([A-Z0-9-]{14})<', shown)[1]  # type: ignore[index]
    assert f"loa agent --station http://127.0.0.1:8080 --code {code}" in shown
    assert code not in (await tuan.get("/cum-loa")).text
    async with house.visitor() as device:
        answer = await device.client.post("/api/1/enrol", json={"code": code.lower(), "name": "pi-1"})
        assert answer.status_code == 200, answer.text
        again = await device.client.post("/api/1/enrol", json={"code": code})
        assert (again.status_code, again.json()["error"]["name"]) == (422, "EnrolmentRefused")
    return code, answer.json()


async def test_a_code_lets_one_device_in_and_is_shown_once(house: Any) -> None:
    async with house.visitor("tuan") as tuan:
        _, told = await enrolled(house, tuan)
        page = (await tuan.get("/cum-loa")).text
        assert "Loa cổng" in page
        assert "chưa kết nối lần nào" in page
    assert told["units"] == ["48", house.hai_chau.path]
    assert told["unit_path"] == house.hai_chau.path
    assert told["mqtt_url"] == "mqtt://127.0.0.1:1883"
    assert told["media_url"] == "http://127.0.0.1:8080/media"
    assert base64.b64decode(told["station_key"]) == house.station.station_key
    assert told["heartbeat_s"] == 60
    assert len(told["clusters"]) == 1


async def test_the_state_of_a_loudspeaker_is_said_in_words(house: Any) -> None:
    async with house.visitor("tuan") as tuan:
        _, told = await enrolled(house, tuan)
        with house.station.database.transaction() as session:
            speaker = session.get_one(Speaker, told["device_id"])
            speaker.alive, speaker.last_seen_at = True, house.clock()
        assert "1 trên 1 loa đang hoạt động" in (await tuan.get("/cum-loa")).text
        house.clock.wind(hours=1)
        assert "mất liên lạc từ 10:00 hôm nay" in (await tuan.get("/cum-loa")).text


async def test_volume_is_asked_for_and_loudspeakers_are_retired(house: Any) -> None:
    async with house.visitor("tuan") as tuan:
        _, told = await enrolled(house, tuan)
        address = f"/cum-loa/loa/{told['device_id']}"
        assert (await tuan.post(f"{address}/am-luong", {"am_luong": "-12"})).status_code == 303
        assert (await tuan.post(f"{address}/am-luong", {"am_luong": "to"})).status_code == 422
        with house.station.database.reading() as session:
            assert session.get_one(Speaker, told["device_id"]).volume_db == -12
        assert (await tuan.post(f"{address}/bo")).status_code == 303
        assert "Loa cổng" not in (await tuan.get("/cum-loa")).text
        assert (await tuan.post(f"{address}/bo")).status_code == 404
        cluster = re.search(r"/cum-loa/(\w+)/bo", (await tuan.get("/cum-loa")).text)[0]  # type: ignore[index]
        assert (await tuan.post(cluster)).status_code == 303
        assert "Nơi này chưa có cụm loa nào." in (await tuan.get("/cum-loa")).text


async def test_only_technicians_of_the_place_may(house: Any) -> None:
    async with house.visitor("tuan") as tuan:
        page = (await tuan.get("/cum-loa")).text
        address = re.search(r"/cum-loa/\w+/ma", page)[0]  # type: ignore[index]
    for name in ("lan", "minh", "hoa", "binh"):
        async with house.visitor(name) as visitor:
            assert (await visitor.post(address, {"ten": "x"}, page="/tai-khoan")).status_code == 403
            fields = {"don_vi": house.hai_chau.id, "ten": "x"}
            assert (await visitor.post("/cum-loa/them", fields)).status_code == 403
