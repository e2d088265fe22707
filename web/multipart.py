"""A form with a file, for browsers without scripts: read while it comes, the file straight to disk.

Our forms put the text fields first, so that the token and the rights are checked before the first byte of the file.
"""

import asyncio
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

from fastapi import Request
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from broadcast.errors import UploadRefused
from broadcast.upload import Incoming, Received
from web.form import Form, FormTooLong

MAX_TEXT_BYTES = 64_000
MAX_PARTS = 30
_STEP_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Parcel:
    """What arrived: the text fields, the file and the name that the browser gave it."""

    form: Form
    name: str
    received: Received


class _Parts:
    """The parser's callbacks. `admit` looks at the text fields and opens the place for the file, or raises."""

    def __init__(self, boundary: bytes, admit: Callable[[Form], Incoming], stack: ExitStack) -> None:
        self._admit = admit
        self._stack = stack
        self._header = b""
        self._headers: dict[bytes, bytes] = {}
        self._field = ""
        self._text = bytearray()
        self._text_bytes = 0
        self._parts = 0
        self._in_file = False
        self.fields: dict[str, list[str]] = {}
        self.name = ""
        self.incoming: Incoming | None = None
        self.parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": self._header_field,
                "on_header_value": self._header_value,
                "on_headers_finished": self._headers_finished,
                "on_part_data": self._data,
                "on_part_end": self._end,
            },
        )

    def _begin(self) -> None:
        self._headers, self._header, self._field, self._in_file = {}, b"", "", False
        self._text.clear()
        self._parts += 1
        if self._parts > MAX_PARTS:
            raise FormTooLong

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._count(end - start)
        self._header = data[start:end].lower()
        self._headers.setdefault(self._header, b"")

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._count(end - start)
        self._headers[self._header] += data[start:end]

    def _headers_finished(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        self._field = options.get(b"name", b"").decode("utf-8", "replace")
        if b"filename" not in options:
            return
        if self.incoming is not None:
            raise UploadRefused("Mỗi lần chỉ gửi một tệp. Xin gửi lần lượt.")
        self.name = options[b"filename"].decode("utf-8", "replace")
        self.incoming = self._stack.enter_context(self._admit(Form(self.fields)))
        self._in_file = True

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._in_file and self.incoming is not None:
            self.incoming.write(bytes(data[start:end]))
            return
        self._count(end - start)
        self._text += data[start:end]

    def _end(self) -> None:
        if not self._in_file:
            self.fields.setdefault(self._field, []).append(self._text.decode("utf-8", "replace"))

    def _count(self, size_bytes: int) -> None:
        self._text_bytes += size_bytes
        if self._text_bytes > MAX_TEXT_BYTES:
            raise FormTooLong


async def unpacked(request: Request, admit: Callable[[Form], Incoming]) -> Parcel:
    """Read the form and its file. Raises UploadRefused, FormTooLong, or what `admit` raises; then nothing is left."""
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    if kind != b"multipart/form-data" or b"boundary" not in options:
        raise UploadRefused("Không đọc được biểu mẫu này. Xin tải lại trang rồi chọn tệp lần nữa.")
    with ExitStack() as stack:
        parts = _Parts(options[b"boundary"], admit, stack)
        try:
            gathered = bytearray()
            async for piece in request.stream():
                gathered += piece
                if len(gathered) >= _STEP_BYTES:
                    await asyncio.to_thread(parts.parser.write, bytes(gathered))
                    gathered.clear()
            await asyncio.to_thread(parts.parser.write, bytes(gathered))
            parts.parser.finalize()
        except FormParserError as error:
            raise UploadRefused("Tệp gửi lên bị đứt giữa chừng. Xin gửi lại.") from error
        if parts.incoming is None:
            raise UploadRefused("Xin chọn tệp ghi âm trước khi gửi.")
        return Parcel(Form(parts.fields), parts.name, parts.incoming.done())
