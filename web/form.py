"""What a form sent: short text fields, read with a limit, never a file (files have their own door, `web.multipart`)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from fastapi import Request

from broadcast.errors import Refused

MAX_FORM_BYTES = 1_000_000
MAX_FIELDS = 2_000


class FormTooLong(Refused):
    """Nội dung gửi lên quá dài. Xin rút ngắn lại."""


@dataclass(frozen=True, slots=True)
class Form:
    """The fields of one form. `one` gives the last value of a name, stripped; `all` gives each of them."""

    fields: Mapping[str, list[str]] = field(default_factory=dict)

    def one(self, name: str, default: str = "") -> str:
        """The value without surrounding blanks."""
        values = self.fields.get(name)
        return values[-1].strip() if values else default

    def all(self, name: str) -> list[str]:
        """Every value given under this name (ticked boxes)."""
        return list(self.fields.get(name, ()))


def parsed(body: bytes) -> Form:
    """A form as browsers encode it. Line ends become plain ones. Raises FormTooLong for too many fields."""
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MAX_FIELDS)
    except ValueError:
        raise FormTooLong from None
    fields: dict[str, list[str]] = {}
    for name, value in pairs:
        fields.setdefault(name, []).append(value.replace("\r\n", "\n").replace("\r", "\n"))
    return Form(fields)


async def posted(request: Request) -> Form:
    """The form of a request, never more than a megabyte of it. Raises FormTooLong."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_FORM_BYTES:
            raise FormTooLong
    return parsed(bytes(body))
