"""What can go wrong in the station, each written once as a sentence for the person who meets it.

LoaError
├── NaiveInstant
├── RundownMalformed
├── NotSigned ── UnknownKey, ForgedSignature
├── NotFound
├── NotAllowed
├── Refused            (what a person asked for cannot be done; the text says what to do)
│   ├── WrongPassword, TooManyAttempts, WeakPassword
│   ├── UploadRefused
│   ├── ProgrammeRefused
│   └── ScheduleRefused
└── OriginalLost
"""


class LoaError(Exception):
    """Có lỗi xảy ra."""

    def __init__(self, text: str | None = None) -> None:
        super().__init__(text or (type(self).__doc__ or "").strip())


class NaiveInstant(LoaError, ValueError):
    """This instant has no time zone. Give an aware datetime."""


class RundownMalformed(LoaError, ValueError):
    """These bytes are not a rundown of version 1."""


class NotSigned(LoaError, ValueError):
    """These bytes are not a COSE_Sign1 message."""


class UnknownKey(NotSigned):
    """The message is signed with a key that is not trusted here."""


class ForgedSignature(NotSigned):
    """The signature does not fit the message and its topic."""


class NotFound(LoaError):
    """Không tìm thấy nội dung này, hoặc nó thuộc đơn vị khác."""

    def __init__(self, text: str | None = None, *, object_type: str = "", object_id: str = "") -> None:
        super().__init__(text)
        self.object_type = object_type
        self.object_id = object_id


class NotAllowed(LoaError):
    """Tài khoản của bạn không có quyền làm việc này ở đơn vị này."""

    def __init__(
        self,
        text: str | None = None,
        *,
        act: str = "",
        unit_path: str = "",
        object_type: str = "",
        object_id: str = "",
    ) -> None:
        super().__init__(text)
        self.act = act
        self.unit_path = unit_path
        self.object_type = object_type
        self.object_id = object_id


class Refused(LoaError):
    """Không thể thực hiện yêu cầu này."""


class WrongPassword(Refused):
    """Tên đăng nhập hoặc mật khẩu chưa đúng. Xin thử lại."""


class TooManyAttempts(Refused):
    """Đăng nhập sai quá nhiều lần. Xin đợi ít phút rồi thử lại."""


class WeakPassword(Refused):
    """Mật khẩu cần ít nhất 10 ký tự."""


class UploadRefused(Refused):
    """Không nhận được tệp này."""


class ProgrammeRefused(Refused):
    """Chương trình chưa thể thực hiện bước này."""


class ScheduleRefused(Refused):
    """Lịch phát này chưa lưu được."""


class OriginalLost(LoaError):
    """Không còn tệp gốc của bản ghi này trên máy chủ. Xin tải lên lại."""
