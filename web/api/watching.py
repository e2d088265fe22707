"""`/metrics`, `/healthz` and `/readyz`: what machines ask of the station. No person's data is in any of them."""

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter
from starlette.responses import JSONResponse, PlainTextResponse, Response

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def watching(metrics: Callable[[], bytes], ready: Callable[[], tuple[bool, dict[str, Any]]]) -> APIRouter:
    """The three addresses; `metrics` and `ready` look when they are asked."""
    router = APIRouter()

    @router.get("/metrics")
    def read_metrics() -> Response:
        return Response(metrics(), media_type=METRICS_TYPE)

    @router.get("/healthz")
    async def is_alive() -> Response:
        return PlainTextResponse("ok\n")

    @router.get("/readyz")
    def is_ready() -> Response:
        well, body = ready()
        return JSONResponse(body, status_code=200 if well else 503)

    return router
