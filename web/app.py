"""The web application: the pages, the API and the sound's door under one roof."""

from fastapi import FastAPI
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from web import problem
from web.api import enrol, media, upload
from web.page import STATIC
from web.pages import (
    account,
    approval,
    audit_log,
    choosing,
    cluster,
    compose,
    episode,
    listening,
    portal,
    schedule,
    send,
    sign_in,
    today,
)
from web.station import Station

ROUTERS = (
    enrol.router,
    media.router,
    upload.router,  # before the pages: «/soan/tep» is no programme
    sign_in.router,
    portal.router,
    episode.router,
    today.router,
    compose.router,
    listening.router,
    send.router,
    approval.router,
    schedule.router,
    choosing.router,
    cluster.router,
    account.router,
    audit_log.router,
)


class KeptFiles(StaticFiles):
    """Static files, kept by browsers for a year: their addresses change with their content."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """One file."""
        response = await super().get_response(path, scope)
        kept = b"v=" in scope.get("query_string", b"")
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable" if kept else "no-cache"
        return response


def create_app(station: Station) -> FastAPI:
    """The application for one composed station; it starts nothing and may be made many times."""
    app = FastAPI(title="Loa", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.station = station
    problem.install(app)
    for router in ROUTERS:
        app.include_router(router)
    app.mount("/static", KeptFiles(directory=STATIC))
    app.mount("/listen", station.listen)
    return app
