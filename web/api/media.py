"""GET /media/<sha256>: sound by its content, with byte ranges; any cache may keep it for ever."""

import re

from fastapi import APIRouter
from starlette.responses import FileResponse, Response

from broadcast.errors import NotFound
from web.session import Anybody

router = APIRouter()

_SHA256 = re.compile(r"[0-9a-f]{64}")


@router.api_route("/media/{sha256}", methods=["GET", "HEAD"])
def media(visit: Anybody, sha256: str, ten: str = "") -> Response:
    """A rendition as Ogg Opus; `ten` (a name) makes it a download. Raises NotFound."""
    path = visit.station.storage.rendition(sha256)
    if not _SHA256.fullmatch(sha256) or not path.is_file():
        raise NotFound("Không có bản ghi âm này.", object_type="rendition", object_id=sha256[:64])
    tag = f'"{sha256}"'
    headers = {"ETag": tag, "Cache-Control": "public, max-age=31536000, immutable"}
    if tag in visit.request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    name = re.sub(r"[^\w .-]", "", ten)[:80].strip(" .")
    return FileResponse(path, headers=headers, media_type="audio/ogg", filename=f"{name}.opus" if name else None)
