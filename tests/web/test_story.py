"""The way of a notice through the pages, on both databases: written, heard, approved, sent, aired, heard again."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from broadcast.asrun import AsRun
from broadcast.database import Database
from broadcast.plan import Schedule
from broadcast.programme import Programme
from speakers.cluster import Cluster
from speakers.speaker import Speaker

NOTICE = {
    "tieu_de": "Lịch tiêm chủng",
    "noi_dung": "Kính thưa bà con.\r\n7 giờ 30 thứ Bảy này tiêm chủng tại trạm y tế phường.",
    "giong": "vi",
    "toc_do": "1.0",
}


@pytest.fixture
def full_house(either_database: Database, make_house: Callable[..., Any]) -> Any:
    """A station on SQLite and on PostgreSQL."""
    return make_house(either_database)


async def written(house: Any, lan: Any, **changed: str) -> str:
    """Write a notice; gives the id of its programme, whose sound is not made yet."""
    fields = {"don_vi": house.hai_chau.id, **NOTICE, **changed}
    answer = await lan.post("/soan/van-ban", fields, page="/soan/moi")
    assert answer.status_code == 303, answer.text
    return str(re.fullmatch(r"/soan/(\w+)/nghe", answer.headers["location"])[1])  # type: ignore[index]


def programme(house: Any, programme_id: str) -> Programme:
    """The programme as it stands."""
    with house.station.database.reading() as session:
        return session.get_one(Programme, programme_id)  # type: ignore[no-any-return]


async def approved(house: Any, lan: Any) -> str:
    """Write a notice, make its sound, and have it approved."""
    programme_id = await written(house, lan)
    house.make_sounds()
    assert (await lan.post(f"/soan/{programme_id}/trinh", page=f"/soan/{programme_id}/gui")).status_code == 303
    async with house.visitor("minh") as minh:
        heard = programme(house, programme_id).heard_sha256
        page = (await minh.get("/duyet")).text
        assert heard in page
        assert (await minh.post(f"/duyet/{programme_id}/dong-y", {"da_nghe": heard})).status_code == 303
    return programme_id


async def test_a_notice_is_written_heard_approved_sent_and_heard_again(full_house: Any) -> None:
    house = full_house
    async with house.visitor("lan") as lan:
        programme_id = await written(house, lan)
        waiting = (await lan.get(f"/soan/{programme_id}/nghe")).text
        assert "Đang tạo âm thanh" in waiting
        assert 'hx-trigger="every 1s"' in waiting
        house.make_sounds()
        piece = (await lan.get(f"/soan/{programme_id}/nghe", **{"hx-request": "true"})).text
        assert "<html" not in piece
        assert "/media/" in piece
        assert "hx-trigger" not in piece
        assert "Gửi duyệt" in (await lan.get(f"/soan/{programme_id}/gui")).text
        await lan.post(f"/soan/{programme_id}/trinh")
        async with house.visitor("minh") as minh:
            await minh.get("/duyet")
            answer = await minh.post(
                f"/duyet/{programme_id}/dong-y", {"da_nghe": programme(house, programme_id).heard_sha256}
            )
            assert answer.headers["location"] == f"/duyet?xong=dong-y&ban={programme_id}"
        wish = {"noi": f"don_vi:{house.hai_chau.id}", "khi": "ngay-bay-gio", "hang": "normal"}
        read_back = (await lan.post(f"/soan/{programme_id}/gui", wish, page=f"/soan/{programme_id}/gui")).text
        assert "1 cụm loa, phường Hải Châu, ngay bây giờ" in read_back
        hints = len(house.hints)
        sent = await lan.post(f"/soan/{programme_id}/gui/phat", wish)
        assert sent.status_code == 303
        assert len(house.hints) == hints + 1
        house.playout.look(house.clock())
        house.clock.wind(seconds=2)
        today = (await lan.get("/hom-nay")).text
        assert "Đang phát" in today
        assert "Dừng phát" in today
        house.clock.wind(seconds=60)
        house.playout.look(house.clock())
        today = (await lan.get("/hom-nay", **{"hx-request": "true"})).text
        assert "chưa có loa nào ở đây" in today
    async with house.visitor() as citizen:
        page = (await citizen.get("/x/hai-chau")).text
        assert "Lịch tiêm chủng" in page
        assert "tại trạm y tế phường" in page


async def test_a_schedule_is_read_back_kept_changed_and_withdrawn(full_house: Any) -> None:
    house = full_house
    async with house.visitor("lan") as lan:
        programme_id = await approved(house, lan)
        wish: dict[str, str | list[str]] = {
            "noi": f"don_vi:{house.hai_chau.id}", "khi": "dat-lich", "ngay": "2026-11-24", "gio": "17:00",
            "lap": "cac-thu", "thu": ["TU", "TH"], "den": "2026-12-31", "hang": "priority",
        }  # fmt: skip
        address = f"/soan/{programme_id}/gui"
        read_back = (await lan.post(address, wish, page=address)).text
        assert "17:00 hôm nay, thứ Ba, thứ Năm hằng tuần đến hết ngày 31/12/2026" in read_back
        assert (await lan.post(f"{address}/phat", wish)).status_code == 303
        assert "Trùng giờ với" in (await lan.post(address, wish)).text
        page = (await lan.get("/lich")).text
        assert page.count("lặp lại thứ Ba, thứ Năm hằng tuần") == 2
        schedule_id, occurrence = re.findall(r'/lich/(\w+)/huy".*?name="lan" value="([^"]+)"', page, re.DOTALL)[1]
        assert occurrence == "2026-11-26T17:00:00"
        assert (await lan.post(f"/lich/{schedule_id}/huy", {"lan": occurrence})).status_code == 303
        assert (await lan.get("/lich")).text.count("lặp lại thứ Ba") == 1
        moved = {"lan": "2026-11-24T17:00:00", "ngay": "2026-11-25", "gio": "05:30"}
        assert (await lan.post(f"/lich/{schedule_id}/doi", moved)).status_code == 303
        assert '<span class="hour">05:30</span>' in (await lan.get("/lich?tu=2026-11-25&xem=ngay")).text
        past = await lan.post(f"/lich/{schedule_id}/doi", {**moved, "ngay": "2026-11-01"})
        assert past.status_code == 422
        assert "đã qua" in past.text
        await lan.post(f"/lich/{schedule_id}/rut")
        assert "lặp lại" not in (await lan.get("/lich")).text


async def test_the_approver_chooses_where_and_when_without_any_right_to_compose(house: Any) -> None:
    async with house.visitor("lan") as lan, house.visitor("minh") as minh:
        programme_id = await written(house, lan)
        house.make_sounds()
        await lan.post(f"/soan/{programme_id}/trinh", page=f"/soan/{programme_id}/gui")
        address = f"/soan/{programme_id}/gui"
        assert address not in (await minh.get("/duyet")).text
        fields = {"da_nghe": programme(house, programme_id).heard_sha256}
        approved_at = await minh.post(f"/duyet/{programme_id}/dong-y", fields)
        for page in (approved_at.headers["location"], f"/soan/{programme_id}/nghe"):
            shown = (await minh.get(page)).text
            assert re.search(rf'href="{address}">.*Chọn nơi và giờ phát', shown, re.DOTALL), page
            assert f'href="/soan/{programme_id}"' not in shown, "the first step is not this person's"
        wish = {"noi": f"don_vi:{house.hai_chau.id}", "khi": "ngay-bay-gio"}
        assert "Sẽ phát" in (await minh.post(address, wish, page=address)).text
        assert (await minh.post(f"{address}/phat", wish)).status_code == 303
    async with house.visitor("hoa") as hoa:
        assert address not in (await hoa.get(f"/duyet?xong=dong-y&ban={programme_id}")).text


async def test_play_now_pressed_twice_plays_once(full_house: Any) -> None:
    house = full_house
    async with house.visitor("lan") as lan:
        programme_id = await approved(house, lan)
        address = f"/soan/{programme_id}/gui"
        wish = {"noi": f"don_vi:{house.hai_chau.id}", "khi": "ngay-bay-gio"}
        page = (await lan.post(address, wish, page=address)).text
        key = re.search(r'name="khoa" value="(\w{24})"', page)[1]  # type: ignore[index]
        for _ in range(2):
            assert (await lan.post(f"{address}/phat", {**wish, "khoa": key})).status_code == 303
        with house.station.database.reading() as session:
            assert list(session.scalars(select(Schedule.id))) == [key]
        assert key not in (await lan.post(address, wish)).text, "asked for anew, it is played anew"
        async with house.visitor("minh") as minh:
            stolen = await minh.post(f"{address}/phat", {**wish, "khoa": key}, page="/tai-khoan")
            assert stolen.status_code == 404
        assert (await lan.post(f"/hom-nay/dung/{key}", page="/tai-khoan")).status_code == 303
        late = await lan.post(f"{address}/phat", {**wish, "khoa": key}, page="/tai-khoan")
        assert (late.status_code, "đã được thực hiện rồi bị rút" in late.text) == (422, True)


async def test_moving_an_occurrence_shows_first_what_it_would_meet(house: Any) -> None:
    async with house.visitor("lan") as lan:
        programme_id = await approved(house, lan)
        place = f"don_vi:{house.hai_chau.id}"
        for clock in ("17:00", "18:00"):
            wish = {"noi": place, "khi": "dat-lich", "ngay": "2026-12-30", "gio": clock, "lap": "mot-lan"}
            await lan.post(f"/soan/{programme_id}/gui/phat", wish, page="/lich")
        page = (await lan.get("/lich?tu=2026-12-30")).text
        later = re.findall(r"/lich/(\w+)/doi", page)[1]
        moved = {"lan": "2026-12-30T18:00:00", "ngay": "2026-12-30", "gio": "17:00", "tu": "2026-12-30"}
        asked = await lan.post(f"/lich/{later}/doi", moved)
        assert (asked.status_code, "Trùng giờ với 1 lần phát khác" in asked.text) == (200, True)
        assert '<span class="hour">18:00</span>' in (await lan.get("/lich?tu=2026-12-30")).text
        fields = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', asked.text))
        assert (await lan.post(f"/lich/{later}/doi", fields)).status_code == 303
        assert '<span class="hour">18:00</span>' not in (await lan.get("/lich?tu=2026-12-30")).text
        free = {**moved, "gio": "19:30"}
        assert (await lan.post(f"/lich/{later}/doi", free)).status_code == 303, "nothing in the way, nothing to ask"


async def test_today_counts_the_loudspeakers_that_played_it(house: Any) -> None:
    async with house.visitor("lan") as lan, house.visitor("minh") as minh:
        programme_id = await approved(house, lan)
        with house.station.database.transaction() as session:
            cluster = session.scalars(select(Cluster).where(Cluster.unit_id == house.hai_chau.id)).one()
            for name in ("a", "b", "c"):
                session.add(Speaker(id=name, cluster_id=cluster.id, name=name, enrolled_at=house.clock()))
        wish = {"noi": f"don_vi:{house.hai_chau.id}", "khi": "ngay-bay-gio"}
        await lan.post(f"/soan/{programme_id}/gui/phat", wish, page="/lich")
        house.playout.look(house.clock())
        house.clock.wind(seconds=60)
        house.playout.look(house.clock())
        assert "0/3 loa đã phát" in (await lan.get("/hom-nay")).text
        with house.station.database.transaction() as session:
            station = session.scalars(select(AsRun)).one()
            for device, state, heard_ms in (("a", "played", station.planned_ms), ("b", "partial", 900)):
                session.add(
                    AsRun(
                        item_id=station.item_id, unit_path=station.unit_path, device_id=device, sound=station.sound,
                        title=station.title, planned_start=station.planned_start, planned_ms=station.planned_ms,
                        heard_ms=heard_ms, state=state,
                    )
                )  # fmt: skip
        today = (await lan.get("/hom-nay")).text
        assert ("1/3 loa đã phát" in today, "2 loa đã báo về" in today) == (True, True)
        replay = re.search(r'href="(/x/hai-chau/\w+)">Nghe lại', today)[1]  # type: ignore[index]
        assert (await lan.get(replay)).status_code == 200
        assert "Gỡ bản nghe lại" not in today
        assert re.search(r'href="/nghe-lai/\w+/go">Gỡ bản nghe lại', (await minh.get("/hom-nay")).text)


async def test_stopping_ends_this_broadcast_and_keeps_the_next_ones(full_house: Any) -> None:
    house = full_house
    async with house.visitor("lan") as lan:
        programme_id = await approved(house, lan)
        wish = {
            "noi": f"don_vi:{house.hai_chau.id}", "khi": "dat-lich", "ngay": "2026-11-24", "gio": "17:00",
            "lap": "hang-ngay", "hang": "normal",
        }  # fmt: skip
        await lan.post(f"/soan/{programme_id}/gui/phat", wish, page="/lich")
        house.clock.at = house.clock.at.replace(hour=10, minute=0, second=1)
        house.playout.look(house.clock())
        today = (await lan.get("/hom-nay")).text
        schedule_id = re.search(r"/hom-nay/dung/(\w+)", today)[1]  # type: ignore[index]
        assert (await lan.post(f"/hom-nay/dung/{schedule_id}")).status_code == 303
        house.clock.wind(seconds=1)
        house.playout.look(house.clock())
        today = (await lan.get("/hom-nay")).text
        assert "Dừng phát" not in today
        assert '<span class="hour">17:00</span>' in today
        again = await lan.post(f"/hom-nay/dung/{schedule_id}")
        assert (again.status_code, "đã được dừng" in again.text) == (422, True)


async def test_what_changed_after_it_was_heard_is_not_approved(full_house: Any) -> None:
    house = full_house
    async with house.visitor("lan") as lan, house.visitor("minh") as minh:
        programme_id = await written(house, lan)
        house.make_sounds()
        await lan.post(f"/soan/{programme_id}/trinh", page="/soan")
        heard = programme(house, programme_id).heard_sha256
        await lan.post(f"/soan/{programme_id}", {**NOTICE, "noi_dung": "Khác hẳn."})
        house.make_sounds()
        await lan.post(f"/soan/{programme_id}/trinh")
        late = await minh.post(f"/duyet/{programme_id}/dong-y", {"da_nghe": heard}, page="/duyet")
        assert late.status_code == 422
        assert "đã thay đổi sau khi bạn nghe" in late.text
        back = await minh.post(f"/duyet/{programme_id}/tra-lai", {"ly_do": "Thiếu ngày."})
        assert back.status_code == 303
        assert "Thiếu ngày." in (await lan.get("/soan")).text
        own = await lan.post(f"/duyet/{programme_id}/dong-y", {"da_nghe": heard})
        assert own.status_code == 403


async def test_a_draft_is_saved_while_it_is_typed_but_never_behind_an_approval(full_house: Any) -> None:
    house = full_house
    async with house.visitor("lan") as lan:
        fields = {"don_vi": house.hai_chau.id, **NOTICE}
        programme_id = (await lan.post("/soan/van-ban/luu", fields, page="/soan/moi")).json()["id"]
        fields["noi_dung"] = "Thêm một câu."
        assert (await lan.post(f"/soan/{programme_id}/luu", fields)).json() == {"id": programme_id}
        assert "Thêm một câu." in (await lan.get(f"/soan/{programme_id}")).text
        assert programme(house, programme_id).sound_state == "none"
        assert not house.worker.do_next(), "what is being typed is not read aloud"
        assert "chưa được đọc thành tiếng" in (await lan.get(f"/soan/{programme_id}/nghe")).text
        heard = await lan.post(f"/soan/{programme_id}", {**fields, "phieu": "1a2b"})
        assert heard.headers["location"] == f"/soan/{programme_id}/nghe?da_luu=1a2b"
        house.make_sounds()
        assert programme(house, programme_id).sound_state == "ready"
        await lan.post(f"/soan/{programme_id}/trinh")
        late = await lan.post(
            f"/soan/{programme_id}/luu", {**fields, "noi_dung": "Lén sửa."}, accept="application/json"
        )
        assert (late.status_code, late.json()["error"]["name"]) == (422, "ProgrammeRefused")
        assert programme(house, programme_id).state == "submitted"


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"tieu_de": " "}, "Chương trình cần có tên"),
        ({"noi_dung": " \u200b "}, "chữ nào"),
        ({"noi_dung": "a" * 60_000}, "ký tự"),
        ({"toc_do": "9"}, "Tốc độ đọc từ 0,5 đến 2"),
    ],
)
async def test_a_mistake_brings_the_form_back_with_what_was_typed(
    house: Any, changed: dict[str, str], sentence: str
) -> None:
    async with house.visitor("lan") as lan:
        fields = {"don_vi": house.hai_chau.id, **NOTICE, **changed}
        answer = await lan.post("/soan/van-ban", fields, page="/soan/moi")
        assert answer.status_code == 422
        assert sentence in answer.text
        assert fields["noi_dung"].replace("\r", "").strip()[:20] in answer.text


async def test_html_in_a_notice_is_text_and_not_a_page(house: Any) -> None:
    async with house.visitor("lan") as lan:
        programme_id = await written(house, lan, tieu_de='Thử "><img src=x onerror=alert(1)> 1 < 2')
        page = (await lan.get(f"/soan/{programme_id}/nghe")).text
        assert "<img" not in page
        assert "<img" not in (await lan.get(f"/soan/{programme_id}")).text


async def test_an_unknown_voice_leaves_a_programme_that_says_why_it_is_silent(house: Any) -> None:
    async with house.visitor("lan") as lan:
        programme_id = await written(house, lan, giong="không có")
        house.make_sounds()
        page = (await lan.get(f"/soan/{programme_id}/nghe")).text
        assert "Thử tạo lại âm thanh" in page
        assert "sang bước gửi" not in page
        assert (await lan.post(f"/soan/{programme_id}/lam-lai")).status_code == 303


async def test_a_sound_that_was_made_and_lost_is_told_and_made_anew(house: Any) -> None:
    async with house.visitor("lan") as lan:
        programme_id = await written(house, lan)
        house.make_sounds()
        sound = house.station.storage.rendition(programme(house, programme_id).rendition_sha256)
        whole = sound.read_bytes()
        sound.write_bytes(whole[:-1])
        page = (await lan.get(f"/soan/{programme_id}/nghe")).text
        assert "Tệp âm thanh đã mất hoặc bị hỏng" in page
        assert "sang bước gửi" not in page
        assert (await lan.post(f"/soan/{programme_id}/lam-lai")).status_code == 303
        house.make_sounds()
        assert sound.read_bytes() == whole
        assert "sang bước gửi" in (await lan.get(f"/soan/{programme_id}/nghe")).text


async def test_wishes_that_cannot_be_are_refused_with_a_sentence(house: Any) -> None:
    async with house.visitor("lan") as lan:
        programme_id = await approved(house, lan)
        address = f"/soan/{programme_id}/gui"
        place = f"don_vi:{house.hai_chau.id}"
        later = {"noi": place, "khi": "dat-lich", "ngay": "2026-11-24", "gio": "17:00"}
        for wish, sentence in (
            ({"khi": "ngay-bay-gio"}, "Xin chọn ít nhất một nơi phát"),
            ({**later, "ngay": "2026-02-31"}, "Không có ngày giờ"),
            ({**later, "ngay": "2026-11-01"}, "đã qua"),
            ({**later, "ngay": ""}, "Xin chọn ngày và giờ phát"),
            ({**later, "lap": "cac-thu"}, "ít nhất một thứ"),
            ({**later, "lap": "hang-ngay", "den": "2026-01-01"}, "không có lần phát nào"),
        ):
            answer = await lan.post(address, wish, page=address)
            assert (answer.status_code, sentence in answer.text) == (422, True), wish
        draft = await written(house, lan, tieu_de="Chưa duyệt")
        answer = await lan.post(f"/soan/{draft}/gui", later)
        assert (answer.status_code, "chưa được duyệt" in answer.text) == (422, True)


async def test_the_way_of_a_programme_is_english_for_who_reads_english(house: Any) -> None:
    async with house.visitor("lan") as lan:
        await lan.get("/ngon-ngu/en")
        programme_id = await approved(house, lan)
        address = f"/soan/{programme_id}/gui"
        wish: dict[str, str | list[str]] = {
            "noi": f"don_vi:{house.hai_chau.id}", "khi": "dat-lich", "ngay": "2026-11-28", "gio": "17:00",
            "lap": "cac-thu", "thu": ["SA"], "den": "2026-12-31",
        }  # fmt: skip
        read_back = (await lan.post(address, wish, page=address)).text
        assert re.search(
            r"Will play \d+ s, 1 cluster, Phường Hải Châu, first 17:00 Saturday, 28/11/2026, "
            r"Saturday, every week, until 31/12/2026\.",
            read_back,
        )
        await lan.post(f"{address}/phat", wish)
        assert "repeats Saturday, every week, until 31/12/2026" in (await lan.get("/lich?tu=2026-11-28")).text
        soon = {"noi": wish["noi"], "khi": "dat-lich", "ngay": "2026-11-24", "gio": "10:01"}
        await lan.post(f"{address}/phat", soon)
        sha256 = programme(house, programme_id).rendition_sha256
        house.station.storage.rendition(str(sha256)).unlink()
        house.clock.wind(seconds=30)
        house.playout.look(house.clock())
        assert "Phường Hải Châu: «Lịch tiêm chủng» at 10:01 today cannot be played." in (await lan.get("/hom-nay")).text
        await lan.post(f"/soan/{programme_id}", {**NOTICE, "noi_dung": "Khác."})
        assert "The sound of the programme is not ready." in (await lan.get("/lich?tu=2026-11-28")).text
        assert "Nothing to hear again yet" in (await lan.get("/x/hai-chau")).text
