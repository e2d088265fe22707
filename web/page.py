"""Pages: the templates, the words they may use, and how an answer is made of them."""

import gzip
from collections.abc import Mapping
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

from fastapi import Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse, Response

from web import wording
from web.translation import translate

_WORTH_PACKING = 2_000
"""Pages longer than this are sent packed; sound and streams never are."""

HERE = Path(__file__).parent
STATIC = HERE / "static"

templates = Environment(
    loader=FileSystemLoader(HERE / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def _fingerprints() -> dict[str, str]:
    """The first digits of each static file's hash: they stand in its address, so that browsers may keep it for ever."""
    files = (path for path in STATIC.rglob("*") if path.is_file())
    return {str(path.relative_to(STATIC)): sha256(path.read_bytes()).hexdigest()[:12] for path in files}


FINGERPRINTS = _fingerprints()


def static(name: str) -> str:
    """The address of a static file of this version; empty when it is not installed (htmx may be missing)."""
    return f"/static/{name}?v={FINGERPRINTS[name]}" if name in FINGERPRINTS else ""


templates.globals["static"] = static


def words(language: str) -> dict[str, Any]:
    """What templates call to say something in a language."""
    return {
        "t": partial(translate, language),
        "language": language,
        "day": partial(wording.day, language=language),
        "weekday": partial(wording.weekday, language=language),
        "clock": wording.clock,
        "clock_to_second": wording.clock_to_second,
        "moment": partial(wording.moment, language=language),
        "span": partial(wording.span, language=language),
        "rule": partial(wording.rule, language=language),
        "size": partial(wording.size, language=language),
    }


def page(
    request: Request,
    template: str,
    *,
    visit: Any,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    **context: Any,
) -> Response:
    """One template filled for one visit (a `web.session.Visit`, or None where even that failed)."""
    language = visit.language if visit else "vi"
    body = templates.get_template(template).render(
        visit=visit,
        path=request.url.path,
        query=request.url.query,
        **words(language),
        **context,
    )
    told = {"Cache-Control": "no-store", "Vary": "Accept-Encoding", **(headers or {})}
    content = body.encode()
    if len(content) > _WORTH_PACKING and "gzip" in request.headers.get("accept-encoding", ""):
        content, told["Content-Encoding"] = gzip.compress(content, 5), "gzip"
    return HTMLResponse(content, status, told)


def error_page(request: Request, status: int, sentence: str, headers: Mapping[str, str], way_in: str = "") -> Response:
    """A problem as a sentence, with the way back: to sign in when `way_in` is given."""
    visit = getattr(request.state, "visit", None)
    return page(request, "problem.html", visit=visit, status=status, headers=headers, sentence=sentence, way_in=way_in)
