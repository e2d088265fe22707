"""Signing in and out, and choosing the language."""

from datetime import timedelta

from fastapi import APIRouter
from starlette.responses import Response

from broadcast import sign_in
from broadcast.errors import TooManyAttempts, WrongPassword
from web.session import COOKIE, Anybody, Sent, go, local

router = APIRouter()

_COOKIE_S = 30 * 86400  # the session itself ends earlier; the cookie only has to outlive it


@router.get("/dang-nhap")
def ask(visit: Anybody, ve: str = "/hom-nay") -> Response:
    """The form."""
    if visit.somebody:
        return go(local(ve))
    return visit.show("sign_in.html", with_form=True, back=local(ve), error="", name="")


@router.post("/dang-nhap")
def come_in(visit: Anybody, form: Sent) -> Response:
    """Check the password; on to where the person wanted to go."""
    station, back, name = visit.station, local(form.one("ve")), form.one("ten")
    try:
        password = form.fields.get("mat_khau", [""])[-1]  # a password may begin or end with a blank
        lasts = timedelta(hours=station.settings.session_hours)
        token = sign_in.sign_in(station.database, name, password, visit.address, station.now(), lasts=lasts)
    except (WrongPassword, TooManyAttempts) as error:
        status = 429 if isinstance(error, TooManyAttempts) else 401
        return visit.show("sign_in.html", status=status, with_form=True, back=back, error=str(error), name=name)
    response = go(back)
    visit.remember(response, COOKIE, token, _COOKIE_S)
    return response


@router.post("/dang-xuat")
def go_out(visit: Anybody, form: Sent) -> Response:
    """End the session; the cookie is forgotten."""
    sign_in.sign_out(visit.station.database, visit.request.cookies.get(COOKIE, ""), visit.station.now())
    response = go("/dang-nhap")
    response.delete_cookie(COOKIE, path="/")
    return response


@router.get("/ngon-ngu/{language}")
def speak(visit: Anybody, language: str, ve: str = "/") -> Response:
    """Show pages in this language from now on. It changes nothing but what this browser shows."""
    response = go(local(ve, "/"))
    visit.speak(response, language)
    return response
