"""How the station is served: behind a proxy the visitor's own address counts, and nobody else's word for it."""

from typing import Any

import httpx
import pytest

from broadcast.account import Attempt
from broadcast.settings import Settings
from web.serving import server_config


async def wrong_passwords(house: Any, settings: Settings, proxy: str, visitors: list[str], count: int) -> list[int]:
    """`count` wrong passwords for ever new names, from each visitor in turn, through a proxy; the last statuses."""
    config = server_config(house.app, settings)
    config.load()
    statuses = []
    transport = httpx.ASGITransport(config.loaded_app, client=(proxy, 4000))  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://loa.test") as client:
        token = (await client.get("/dang-nhap")).text.split('name="form_token" value="')[1].split('"')[0]
        for number in range(count):
            for visitor in visitors:
                fields = {"ten": f"ai{number}", "mat_khau": "sai", "form_token": token}
                headers = {"x-forwarded-for": visitor, "x-forwarded-proto": "https"}
                answer = await client.post("/dang-nhap", data=fields, headers=headers)
                statuses.append(answer.status_code)
    return statuses[-len(visitors) :]


@pytest.mark.parametrize("proxy", ["172.30.83.1", "127.0.0.1"])
async def test_behind_a_trusted_proxy_one_guesser_locks_only_himself_out(house: Any, proxy: str) -> None:
    settings = Settings(trusted_proxies="127.0.0.1,172.30.83.1")
    assert await wrong_passwords(house, settings, proxy, ["203.0.113.5"], 22) == [429]
    assert await wrong_passwords(house, settings, proxy, ["203.0.113.6"], 1) == [401]
    with house.station.database.reading() as session:
        assert {one.address for one in session.query(Attempt)} == {"203.0.113.5", "203.0.113.6"}


async def test_a_stranger_cannot_say_that_he_is_somebody_else(house: Any) -> None:
    names = [f"203.0.113.{number}" for number in range(22)]
    statuses = await wrong_passwords(house, Settings(), "198.51.100.9", names, 1)
    assert statuses[-1] == 429
    with house.station.database.reading() as session:
        assert {one.address for one in session.query(Attempt)} == {"198.51.100.9"}
