"""Where there are too many units for a list, one is searched for; lists stay short and polls carry none."""

import re
from typing import Any

import pytest

from broadcast.administrative_unit import add_village
from web.place import MOST_CHOICES


@pytest.fixture
def many(house: Any) -> Any:
    """A city with more units than a list can hold."""
    with house.station.database.transaction() as session:
        for number in range(MOST_CHOICES):
            add_village(session, house.hai_chau, f"Tổ dân phố {number}", house.clock())
    return house


async def test_a_unit_is_searched_for_and_leads_back_to_the_page(many: Any) -> None:
    async with many.visitor("quantri") as admin:
        for page in ("/hom-nay", "/lich", "/cum-loa", "/soan/moi?kieu=tep", "/tai-khoan/moi-nguoi"):
            text = (await admin.get(page)).text
            assert text.count("<option") < 10, page
            chooser = re.search(r'href="(/chon-don-vi[^"]+)"', text)[1].replace("&amp;", "&")  # type: ignore[index]
            found = (await admin.get(f"{chooser}&tim=lien+chieu")).text
            link = re.search(r'href="([^"]+don_vi=\w+)">Phường Liên Chiểu', found)[1].replace("&amp;", "&")  # type: ignore[index]
            assert link.startswith(page)
            assert "Phường Liên Chiểu" in (await admin.get(link)).text
        empty = {"don_vi": many.hai_chau.id, "tieu_de": "", "noi_dung": ""}
        refused = await admin.post("/soan/van-ban", empty, page="/soan/moi")
        assert (refused.status_code, "ve=/soan/moi" in refused.text) == (422, True)


async def test_only_what_the_person_may_is_found_and_only_addresses_of_ours_are_led_to(many: Any) -> None:
    async with many.visitor("lan") as lan:
        assert "/hom-nay?don_vi=" not in (await lan.get("/chon-don-vi?tim=lien+chieu")).text
        assert "Phường Hải Châu" in (await lan.get("/chon-don-vi?tim=hai+chau&ve=https://ke-xau.test")).text
        assert "ke-xau" not in (await lan.get("/chon-don-vi?ve=https://ke-xau.test")).text
        assert (await lan.get("/chon-don-vi?viec=account")).status_code == 403


async def test_the_piece_that_is_asked_for_again_and_again_has_no_list(house: Any) -> None:
    async with house.visitor("quantri") as admin:
        assert (await admin.get("/hom-nay")).text.count("<option") == 95
        assert "<option" not in (await admin.get("/hom-nay", **{"hx-request": "true"})).text
