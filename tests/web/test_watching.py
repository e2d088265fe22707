"""What machines ask of the station: whether it lives, whether it is ready, and its metrics."""

from typing import Any

import httpx
from fastapi import FastAPI

from web.api.watching import METRICS_TYPE, watching


async def asked(address: str, ready: bool = True) -> httpx.Response:
    """The answer of a station."""
    app = FastAPI()
    body: dict[str, Any] = {"ready": ready, "checks": {"disk": "ok" if ready else "Free some room."}}
    app.include_router(watching(lambda: b"loa_info 1.0\n", lambda: (ready, body)))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://loa.test") as client:
        return await client.get(address)


async def test_a_station_that_lives_says_ok() -> None:
    answer = await asked("/healthz")
    assert (answer.status_code, answer.text) == (200, "ok\n")


async def test_readiness_is_a_status_and_its_reasons() -> None:
    assert (await asked("/readyz")).status_code == 200
    ill = await asked("/readyz", ready=False)
    assert (ill.status_code, ill.json()["checks"]["disk"]) == (503, "Free some room.")


async def test_metrics_come_as_prometheus_reads_them() -> None:
    answer = await asked("/metrics")
    assert (answer.headers["content-type"], answer.content) == (METRICS_TYPE, b"loa_info 1.0\n")
