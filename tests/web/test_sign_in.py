"""Signing in, out, and being turned away: cookies, the form token, patience, and addresses that stay here."""

from typing import Any

import pytest

from web.session import COOKIE, local

PASSWORD = "mật khẩu đủ dài"


async def test_a_person_signs_in_sees_the_day_and_signs_out(house: Any) -> None:
    async with house.visitor() as visitor:
        asked = await visitor.get("/hom-nay")
        assert asked.status_code == 303
        assert asked.headers["location"] == "/dang-nhap?ve=%2Fhom-nay"
        answer = await visitor.post(
            "/dang-nhap", {"ten": "Lan ", "mat_khau": PASSWORD, "ve": "/lich"}, page="/dang-nhap"
        )
        assert (answer.status_code, answer.headers["location"]) == (303, "/lich")
        cookie = next(line for line in answer.headers.get_list("set-cookie") if line.startswith(f"{COOKIE}="))
        assert "HttpOnly" in cookie
        assert "SameSite=lax" in cookie
        assert "Hải Châu" in (await visitor.get("/hom-nay")).text
        out = await visitor.post("/dang-xuat", page="/tai-khoan")
        assert out.status_code == 303
        assert (await visitor.get("/hom-nay")).status_code == 303


async def test_a_cookie_is_for_https_only_where_the_setting_says_so(database: Any, make_house: Any) -> None:
    house = make_house(database, secure_cookies=True)
    async with house.visitor() as visitor:
        answer = await visitor.get("/dang-nhap")
        assert all("Secure" in line for line in answer.headers.get_list("set-cookie"))


async def test_twenty_wrong_passwords_are_slowed_and_the_page_says_so(house: Any) -> None:
    statuses = []
    async with house.visitor() as visitor:
        for _ in range(20):
            answer = await visitor.post("/dang-nhap", {"ten": "lan", "mat_khau": "sai"}, page="/dang-nhap")
            statuses.append(answer.status_code)
        assert statuses[:5] == [401] * 5
        assert statuses[-1] == 429
        assert "Xin đợi" in answer.text
        right = await visitor.post("/dang-nhap", {"ten": "lan", "mat_khau": PASSWORD}, page="/dang-nhap")
        assert right.status_code == 429
        house.clock.wind(minutes=6)
        right = await visitor.post("/dang-nhap", {"ten": "lan", "mat_khau": PASSWORD}, page="/dang-nhap")
        assert right.status_code == 303


@pytest.mark.parametrize("token", ["", "đoán", "x" * 32])
async def test_a_form_without_the_right_token_is_refused(house: Any, token: str) -> None:
    async with house.visitor("lan") as visitor:
        visitor.token = token or "-"
        answer = await visitor.post("/soan/van-ban", {"tieu_de": "Thử", "noi_dung": "Thử."})
        assert answer.status_code == 403
        assert "Xin tải lại trang" in answer.text


async def test_a_form_after_the_sign_in_has_ended_is_told_so_and_how_to_come_back(house: Any) -> None:
    async with house.visitor("lan") as visitor:
        await visitor.get("/soan/moi")
        house.clock.wind(hours=13)
        answer = await visitor.post(
            "/soan/van-ban", {"tieu_de": "Thử", "noi_dung": "Thử."}, referer="http://loa.test/soan/moi?kieu=van-ban"
        )
        assert answer.status_code == 401
        assert "Phiên đăng nhập đã hết hạn" in answer.text
        assert 'href="/dang-nhap?ve=%2Fsoan%2Fmoi%3Fkieu%3Dvan-ban"' in answer.text
        again = await visitor.post("/dang-nhap", {"ten": "lan", "mat_khau": PASSWORD}, page="/dang-nhap")
        assert again.status_code == 303


async def test_a_page_that_looks_again_by_itself_keeps_nobody_signed_in(database: Any, make_house: Any) -> None:
    house = make_house(database, session_hours=2)
    async with house.visitor("lan") as visitor:
        for _ in range(5):
            house.clock.wind(minutes=30)
            looked = await visitor.get("/hom-nay", **{"hx-request": "true", "referer": "http://loa.test/hom-nay?x=1"})
        assert looked.status_code == 204
        assert looked.headers["hx-redirect"] == "/dang-nhap?ve=%2Fhom-nay%3Fx%3D1"
    async with house.visitor("lan") as visitor:
        for _ in range(5):
            house.clock.wind(minutes=30)
            assert (await visitor.get("/hom-nay")).status_code == 200, "a person who works stays signed in"


async def test_a_sign_in_form_from_nowhere_is_refused(house: Any) -> None:
    async with house.visitor() as visitor:
        answer = await visitor.client.post("/dang-nhap", data={"ten": "lan", "mat_khau": PASSWORD, "form_token": ""})
        assert answer.status_code == 403


@pytest.mark.parametrize(
    "headers",
    [{"origin": "http://ke-xau.test"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}],
)
async def test_a_form_from_another_site_is_refused_whatever_it_carries(house: Any, headers: dict[str, str]) -> None:
    async with house.visitor("lan") as visitor:
        await visitor.get("/tai-khoan")
        answer = await visitor.post("/dang-xuat", {}, **headers)
        assert answer.status_code == 403
        assert (await visitor.get("/hom-nay")).status_code == 200


@pytest.mark.parametrize(
    "address",
    [
        "https://ke-xau.test/",
        "//ke-xau.test",
        "/\\ke-xau.test",
        "javascript:alert(1)",
        "",
        "/a\r\nSet-Cookie: b",
        "\\\\x",
    ],
)
def test_an_address_that_leads_elsewhere_leads_home(address: str) -> None:
    assert local(address) == "/hom-nay"


def test_an_address_of_ours_is_gone_to() -> None:
    assert local("/lich?don_vi=1&tu=2026-11-24") == "/lich?don_vi=1&tu=2026-11-24"


async def test_every_answer_tells_browsers_to_be_strict(house: Any) -> None:
    async with house.visitor() as visitor:
        for address in ("/", "/dang-nhap", "/khong-co", "/static/loa.css", f"/media/{'0' * 64}"):
            headers = (await visitor.get(address)).headers
            assert "default-src 'none'" in headers["content-security-policy"]
            assert "script-src 'self';" in headers["content-security-policy"]
            assert headers["x-frame-options"] == "DENY"
            assert headers["x-content-type-options"] == "nosniff"


async def test_the_language_is_chosen_and_remembered(house: Any) -> None:
    async with house.visitor() as visitor:
        assert "Đăng nhập" in (await visitor.get("/dang-nhap")).text
        answer = await visitor.get("/ngon-ngu/en?ve=/dang-nhap")
        assert (answer.status_code, answer.headers["location"]) == (303, "/dang-nhap")
        page = (await visitor.get("/dang-nhap")).text
        assert '<html lang="en">' in page
        assert "Sign in" in page
