"""What went wrong, as people and programs are told: one table from errors to HTTP statuses, one page, one JSON form.

Whatever is not in the table is our own fault: it is logged with a number, and the reader sees the number and no more.
"""

import secrets

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from broadcast.errors import (
    LoaError,
    NotAllowed,
    NotFound,
    Refused,
    TooManyAttempts,
    UploadRefused,
    WrongPassword,
)
from web.form import FormTooLong
from web.page import error_page
from web.session import FormExpired, SessionEnded, SignInNeeded, sign_in_address

log = structlog.get_logger(__name__)

STATUS: dict[type[Exception], int] = {
    NotFound: 404,
    NotAllowed: 403,
    FormExpired: 403,
    SessionEnded: 401,
    FormTooLong: 413,
    WrongPassword: 401,
    TooManyAttempts: 429,
    UploadRefused: 422,
    Refused: 422,
}
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self' blob:; "
        "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(self)",
    "Cross-Origin-Opener-Policy": "same-origin",
}
_SENTENCES = {
    404: "Không có trang này. Có thể địa chỉ bị gõ sai, hoặc nội dung đã được gỡ.",
    405: "Trang này không làm được việc vừa yêu cầu. Xin quay lại và thử lại.",
    413: "Nội dung gửi lên quá lớn.",
    422: "Có ô chưa điền đúng. Xin quay lại và kiểm tra.",
}


def status_of(error: Exception) -> int:
    """The HTTP status that an error means: that of its nearest class in the table, else 500."""
    return next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 500)


def wants_json(request: Request) -> bool:
    """Programs, and our own scripts, speak JSON; people get pages."""
    return request.url.path.startswith("/api/") or "application/json" in request.headers.get("accept", "")


def answer(request: Request, status: int, name: str, sentence: str) -> Response:
    """The problem as the asker wants it: JSON or a page."""
    headers = {"Cache-Control": "no-store"}
    if status in {429, 503}:
        headers["Retry-After"] = "60"
    if wants_json(request):
        return JSONResponse({"error": {"name": name, "text": sentence}}, status, headers)
    way_in = sign_in_address(request) if name == SessionEnded.__name__ else ""
    return error_page(request, status, sentence, headers, way_in)


def expected(request: Request, error: Exception) -> Response:
    """An error of the house's own trees."""
    status = status_of(error)
    if status == 500:
        return unexpected(request, error)
    return answer(request, status, type(error).__name__, str(error))


def unexpected(request: Request, error: Exception) -> Response:
    """A fault of ours: the log has the whole of it, the page only its number."""
    number = secrets.token_hex(4)
    log.error("page failed", fault=number, path=request.url.path, method=request.method, exc_info=error)
    sentence = f"Hệ thống gặp lỗi khi thực hiện việc này. Xin thử lại sau ít phút; nếu vẫn lỗi, xin báo mã số {number}."
    return answer(request, 500, "Fault", sentence)


def to_sign_in(request: Request, error: Exception) -> Response:
    """Nobody is signed in: ask to, and come back to this page afterwards."""
    if wants_json(request):
        return answer(request, 401, type(error).__name__, str(error))
    if request.headers.get("hx-request"):
        return Response(status_code=204, headers={"HX-Redirect": sign_in_address(request)})
    return RedirectResponse(sign_in_address(request), 303)


def plain(request: Request, error: Exception) -> Response:
    """What the framework itself refuses: unknown addresses, wrong methods, wrong kinds of values."""
    status = error.status_code if isinstance(error, HTTPException) else 422
    return answer(request, status, f"Http{status}", _SENTENCES.get(status, "Yêu cầu này không hợp lệ."))


class Guard:
    """Around every page: the headers that keep browsers from being used against us, and no fault left unanswered."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun = False

        async def guarded(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            await self.app(scope, receive, guarded)
        except Exception as error:
            if begun:  # too late for a page: the connection breaks, and the log says why
                raise
            await unexpected(Request(scope), error)(scope, receive, guarded)


def install(app: FastAPI) -> None:
    """Make the application answer with these pages."""
    app.add_exception_handler(SignInNeeded, to_sign_in)
    app.add_exception_handler(LoaError, expected)
    app.add_exception_handler(HTTPException, plain)
    app.add_exception_handler(RequestValidationError, plain)
    app.add_middleware(Guard)
