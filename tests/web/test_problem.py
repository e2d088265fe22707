"""What people and programs are told when something goes wrong: a sentence, never a trace."""

from typing import Any

import pytest
import structlog

from broadcast.database import Database
from web import problem


async def test_an_unknown_page_says_so_in_a_sentence(house: Any) -> None:
    async with house.visitor() as visitor:
        answer = await visitor.get("/khong-co-trang-nay")
        assert answer.status_code == 404
        assert "Không có trang này" in answer.text


async def test_programs_are_told_in_json(house: Any) -> None:
    async with house.visitor() as visitor:
        answer = await visitor.client.post("/api/1/enrol", json={"code": "AAAA-BBBB-CCCC"})
        assert answer.status_code == 422
        assert answer.json()["error"]["name"] == "EnrolmentRefused"
        assert "Mã đăng ký loa" in answer.json()["error"]["text"]
        assert (await visitor.client.post("/api/1/enrol", json={"code": 5})).json()["error"]["name"] == "Http422"
        assert (await visitor.client.get("/api/1/nothing")).json()["error"]["name"] == "Http404"


async def test_a_fault_of_ours_shows_its_number_and_nothing_else(house: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def break_down(_: Database) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(Database, "reading", break_down)
    with structlog.testing.capture_logs() as logged:
        async with house.visitor() as visitor:
            answer = await visitor.get("/")
    assert answer.status_code == 500
    assert logged[0]["fault"] in answer.text
    assert "báo mã số" in answer.text
    assert "secret detail" not in answer.text
    assert "RuntimeError" not in answer.text
    assert answer.headers["x-frame-options"] == "DENY"


async def test_a_form_of_two_megabytes_is_refused(house: Any) -> None:
    async with house.visitor("lan") as visitor:
        answer = await visitor.post("/soan/van-ban", {"noi_dung": "a" * 2_000_000}, page="/soan/moi")
        assert answer.status_code == 413


def test_every_error_in_the_table_has_one_status() -> None:
    assert all(400 <= status < 600 for status in problem.STATUS.values())
    assert problem.status_of(KeyError("x")) == 500
