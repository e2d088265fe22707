"""Who sees which page, and what becomes of asking for what belongs to others: refused, and written down."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from broadcast.account import account_of_name, add_account, person_from
from broadcast.approval import approve, submit
from broadcast.audit import Audit
from broadcast.composition import write_text
from broadcast.plan import Schedule
from broadcast.programme import Programme
from broadcast.schedule import add
from speakers.cluster import Cluster
from speakers.speaker import Speaker
from web.wording import CITY_ZONE

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


async def scheduled(house: Any, *units: Any) -> str:
    """A daily schedule of an approved programme of the city for some units; gives its id."""
    with house.station.database.transaction() as session:
        people = {name: person_from(session, account_of_name(session, name)) for name in ("quantri", "bo")}
        made = write_text(
            session,
            house.city,
            "Của thành phố",
            "Kính thưa bà con. " * 9,
            voice="vi",
            storage=house.station.storage,
            person=people["bo"],
            now=house.clock(),
        )
    house.make_sounds()
    with house.station.database.transaction() as session:
        made = session.get_one(Programme, made.id)
        submit(session, made, people["bo"], house.clock())
        approve(session, made, made.heard_sha256, people["quantri"], house.clock())
        targets = [(unit.id, None) for unit in units]
        start = f"{house.clock().astimezone(CITY_ZONE) + timedelta(minutes=1):%Y-%m-%dT%H:%M:%S}"
        one = add(session, made, targets, start, rule="FREQ=DAILY", person=people["quantri"], now=house.clock())
        return str(one.id)


@pytest.fixture
def city_editor(house: Any) -> None:
    """Somebody who writes for the whole city."""
    with house.station.database.transaction() as session:
        add_account(session, "bo", "Bo", "editor", house.city, password="mật khẩu đủ dài", now=house.clock())


@pytest.mark.usefixtures("city_editor")
async def test_what_the_city_sent_to_several_communes_is_offered_to_none_of_their_editors(house: Any) -> None:
    both, own = await scheduled(house, house.hai_chau, house.lien_chieu), await scheduled(house, house.hai_chau)
    house.clock.wind(seconds=61)
    async with house.visitor("lan") as lan:
        today, plan = (await lan.get("/hom-nay")).text, (await lan.get("/lich")).text
        assert (f"/hom-nay/dung/{both}" in today, f"/hom-nay/dung/{own}" in today) == (False, True)
        assert (f"/lich/{both}/rut" in plan, f"/lich/{own}/rut" in plan) == (False, True)
        assert "Của thành phố" in plan
        assert 'href="/soan/' not in plan.partition("<main")[2], "the city's programme is not this editor's to open"


@pytest.mark.usefixtures("city_editor")
async def test_schedules_clusters_and_loudspeakers_of_another_commune_are_refused_and_written_down(house: Any) -> None:
    one = await scheduled(house, house.hai_chau)
    with house.station.database.transaction() as session:
        foreign = next(iter(session.scalars(select(Cluster).where(Cluster.unit_id == house.hai_chau.id))))
        session.add(Speaker(id="loa1", cluster_id=foreign.id, name="Loa 1", enrolled_at=house.clock()))
        own = add_account(
            session, "ky", "Ky", "technician", house.lien_chieu, password="mật khẩu đủ dài", now=house.clock()
        )
    assert own
    when = {"lan": "2026-11-25T10:01:00", "ngay": "2026-11-26", "gio": "17:00"}
    asked = {
        "binh": (
            (f"/lich/{one}/doi", when), (f"/lich/{one}/huy", when), (f"/lich/{one}/rut", {}),
            (f"/hom-nay/dung/{one}", {}), ("/lich/khong-co/rut", {}), ("/hom-nay/dung/khong-co", {}),
        ),
        "ky": (
            ("/cum-loa/loa/loa1/bo", {}), ("/cum-loa/loa/loa1/am-luong", {"am_luong": "-6"}),
            ("/cum-loa/loa/khong-co/bo", {}), (f"/cum-loa/{foreign.id}/ma", {}), (f"/cum-loa/{foreign.id}/bo", {}),
        ),
    }  # fmt: skip
    for name, requests in asked.items():
        async with house.visitor(name) as visitor:
            for address, fields in requests:
                answer = await visitor.post(address, fields, page="/tai-khoan")
                assert answer.status_code in {403, 404}, address
    with house.station.database.reading() as session:
        acts = list(session.scalars(select(Audit.act).where(Audit.act.startswith("refused."))))
        assert session.get_one(Schedule, one).withdrawn_at is None
        assert session.get_one(Speaker, "loa1").retired_at is None
    assert len(acts) == 11


async def test_a_cluster_of_another_commune_cannot_be_aimed_at_by_way_of_ones_own(house: Any) -> None:
    with house.station.database.transaction() as session:
        foreign = next(iter(session.scalars(select(Cluster).where(Cluster.unit_id == house.lien_chieu.id))))
        lan, minh = (person_from(session, account_of_name(session, name)) for name in ("lan", "minh"))
        made = write_text(
            session,
            house.hai_chau,
            "Thử",
            "Thử.",
            voice="vi",
            storage=house.station.storage,
            person=lan,
            now=house.clock(),
        )
    house.make_sounds()
    with house.station.database.transaction() as session:
        made = session.get_one(Programme, made.id)
        submit(session, made, lan, house.clock())
        approve(session, made, made.heard_sha256, minh, house.clock())
    wish = {"noi": f"cum:{house.hai_chau.id}:{foreign.id}", "khi": "ngay-bay-gio"}
    async with house.visitor("lan") as visitor:
        for address in (f"/soan/{made.id}/gui", f"/soan/{made.id}/gui/phat"):
            assert (await visitor.post(address, wish, page="/tai-khoan")).status_code == 403
            unknown = {**wish, "noi": f"cum:{house.hai_chau.id}:khong-co"}
            assert (await visitor.post(address, unknown)).status_code == 404
            filler = {"noi": f"don_vi:{house.hai_chau.id}", "khi": "ngay-bay-gio", "hang": "filler"}
            refused = await visitor.post(address, filler)
            assert (refused.status_code, "mức ưu tiên" in refused.text) == (422, True)
    async with house.visitor("quantri") as visitor:
        answer = await visitor.post(f"/soan/{made.id}/gui/phat", wish, page="/tai-khoan")
        assert answer.status_code == 404, "a cluster is named with its own unit"
    with house.station.database.reading() as session:
        rows = list(session.scalars(select(Audit).where(Audit.act == "refused.not_allowed")))
        assert session.scalar(select(func.count()).select_from(Schedule)) == 0
    assert [(row.object_type, row.object_id) for row in rows] == [("cluster", foreign.id)] * 2


@pytest.mark.parametrize("name", ["hoa", "tuan", "minh"])
async def test_who_only_looks_changes_nothing(house: Any, name: str) -> None:
    draft = await lans_draft(house)
    async with house.visitor(name) as visitor:
        for address in (f"/soan/{draft}", f"/soan/{draft}/trinh", f"/soan/{draft}/luu"):
            fields = {"tieu_de": "x", "noi_dung": "y"}
            assert (await visitor.post(address, fields, page="/tai-khoan")).status_code == 403
        if name != "minh":
            assert (await visitor.post(f"/soan/{draft}/thu-hoi")).status_code == 403
