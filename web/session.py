"""Who is asking: the sign-in cookie, the token in every form, and the visit that handlers are given.

Cookies are HttpOnly and SameSite=Lax; the session itself lies in the database. Every POST carries the session's CSRF
token, as a field or, from our scripts, as the header `X-Loa-Form`; a visitor who is not signed in gets one in a
cookie of its own, so that the sign-in form is guarded too.
"""

import secrets
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, cast
from urllib.parse import quote, urlsplit

from fastapi import Depends, Request
from sqlalchemy.orm import Session
from starlette.responses import RedirectResponse, Response

from broadcast import audit
from broadcast.errors import LoaError
from broadcast.permission import Person
from broadcast.sign_in import person_of
from web.form import Form, posted
from web.page import page
from web.station import Station
from web.translation import LANGUAGES

COOKIE = "loa"
VISITOR_COOKIE = "loa_visitor"
LANGUAGE_COOKIE = "loa_language"
FORM_FIELD = "form_token"
FORM_HEADER = "X-Loa-Form"
SIGN_IN = "/dang-nhap"
_YEAR_S = 365 * 86400


class SignInNeeded(LoaError):
    """Xin đăng nhập để tiếp tục."""


class SessionEnded(LoaError):
    """Phiên đăng nhập đã hết hạn nên việc vừa rồi chưa được thực hiện. Xin đăng nhập lại rồi làm lại."""


class FormExpired(LoaError):
    """Trang này đã để quá lâu hoặc được mở từ nơi khác. Xin tải lại trang rồi làm lại."""


@dataclass(frozen=True, slots=True)
class Visit:
    """One request, by somebody (`person`) or anybody, in a language."""

    request: Request
    station: Station
    somebody: Person | None
    csrf: str
    language: str

    @property
    def person(self) -> Person:
        """Who is signed in. Raises SignInNeeded."""
        if self.somebody is None:
            raise SignInNeeded
        return self.somebody

    @property
    def address(self) -> str:
        """The network address of the asker, for throttling and audit."""
        return self.request.client.host if self.request.client else ""

    def looking(self) -> AbstractContextManager[Session]:
        """A look at the database; what this person may not see goes into the audit."""
        return audit.looking(self.station.database, self.person, now=self.station.now(), address=self.address)

    def acting(self) -> AbstractContextManager[Session]:
        """A transaction in which this person acts; what the law refuses goes into the audit."""
        return audit.acting(self.station.database, self.person, now=self.station.now(), address=self.address)

    @property
    def live(self) -> bool:
        """Whether htmx asks for a piece of the page only."""
        return self.request.headers.get("hx-request") == "true"

    def show(self, template: str, *, status: int = 200, **context: Any) -> Response:
        """A page for this visitor."""
        response = page(self.request, template, status=status, visit=self, **context)
        if self.somebody is None and VISITOR_COOKIE not in self.request.cookies and context.get("with_form"):
            self.remember(response, VISITOR_COOKIE, self.csrf, None)
        return response

    def remember(self, response: Response, name: str, value: str, max_age_s: int | None) -> None:
        """Give the browser a cookie that scripts and other sites do not see."""
        secure = self.station.settings.secure_cookies
        response.set_cookie(name, value, max_age=max_age_s, path="/", httponly=True, secure=secure, samesite="lax")

    def speak(self, response: Response, language: str) -> None:
        """Keep the chosen language in the browser for a year."""
        self.remember(response, LANGUAGE_COOKIE, language if language in LANGUAGES else "vi", _YEAR_S)


def station_of(request: Request) -> Station:
    """The station that this application was made for."""
    return cast(Station, request.app.state.station)


def visit(request: Request) -> Visit:
    """The visit of a request; nobody need be signed in."""
    known = getattr(request.state, "visit", None)
    if isinstance(known, Visit):
        return known
    station = station_of(request)
    token = request.cookies.get(COOKIE, "")
    lasts = timedelta(hours=station.settings.session_hours)
    used = request.headers.get("hx-request") != "true"  # those come from a page that looks again by itself
    somebody = person_of(station.database, token, station.now(), lasts=lasts, used=used) if token else None
    csrf = somebody.csrf if somebody else request.cookies.get(VISITOR_COOKIE) or secrets.token_urlsafe(24)
    language = request.cookies.get(LANGUAGE_COOKIE) or (somebody.language if somebody else "vi")
    found = Visit(request, station, somebody, csrf, language if language in LANGUAGES else "vi")
    request.state.visit = found
    return found


def signed_in(found: Annotated[Visit, Depends(visit)]) -> Visit:
    """The visit of somebody who is signed in. Raises SignInNeeded."""
    if found.somebody is None:
        raise SignInNeeded
    return found


def check_origin(request: Request) -> None:
    """Browsers say where a POST comes from; one from another site is refused whatever it carries."""
    origin = request.headers.get("origin")
    ours = {request.headers.get("host", ""), urlsplit(station_of(request).settings.base_url).netloc}
    if origin is not None and urlsplit(origin).netloc not in ours:
        raise FormExpired
    if request.headers.get("sec-fetch-site") in {"cross-site", "same-site"}:
        raise FormExpired


def check_token(found: Visit, token: str) -> None:
    """Raises FormExpired unless the token is the one this visitor was given."""
    given = found.somebody is not None or VISITOR_COOKIE in found.request.cookies
    if not given or not secrets.compare_digest(token.encode(), found.csrf.encode()):
        raise FormExpired


def guarded(found: Annotated[Visit, Depends(visit)], form: Annotated[Form, Depends(posted)]) -> Form:
    """A form that truly comes from our own page. Raises FormExpired, or SessionEnded for one filled in too long."""
    check_origin(found.request)
    if found.somebody is None and COOKIE in found.request.cookies and found.request.url.path != SIGN_IN:
        raise SessionEnded
    check_token(found, form.one(FORM_FIELD))
    return form


def guarded_body(found: Annotated[Visit, Depends(signed_in)]) -> Visit:
    """A visit whose body is no form (an upload): the token is in a header. Raises FormExpired."""
    check_origin(found.request)
    check_token(found, found.request.headers.get(FORM_HEADER, ""))
    return found


Anybody = Annotated[Visit, Depends(visit)]
SignedIn = Annotated[Visit, Depends(signed_in)]
Sent = Annotated[Form, Depends(guarded)]
SentBody = Annotated[Visit, Depends(guarded_body)]


def local(address: str, default: str = "/hom-nay") -> str:
    """An address on this site to go on to; whatever could lead elsewhere becomes the default."""
    good = address.startswith("/") and not address.startswith(("//", "/\\")) and address.isprintable()
    return address if good and "\\" not in address else default


def sign_in_address(request: Request) -> str:
    """Where to sign in, and to come back from: to this page, or to the page whose form or piece was asked for."""
    here = request.url if request.method == "GET" and "hx-request" not in request.headers else None
    from_ = urlsplit(str(here) if here else request.headers.get("referer", ""))
    back = local(from_.path + (f"?{from_.query}" if from_.query else ""))
    return f"{SIGN_IN}?ve={quote(back, safe='')}"


def go(address: str) -> Response:
    """On to another page of ours after a POST, so that reloading repeats nothing."""
    return RedirectResponse(local(address), 303)
