"""What can go wrong with sound. The docstring is the sentence that people read, in plain Vietnamese.

SoundError
├── MediaRefused      an upload that cannot become a rendition: the person who sent it is told why
│   ├── EmptyFile  TooLarge  NotSound  NoAudioTrack  TooLong  Truncated  TooQuiet
├── DiskFull          the machine's trouble, not the person's
├── SoundMissing      a sound that a player was told to play cannot be opened
│   └── SoundDamaged
└── PortAudioMissing  PortAudioFailed
"""


class SoundError(Exception):
    """Có lỗi khi xử lý âm thanh."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or self.__doc__)


class MediaRefused(SoundError):
    """Không dùng được tệp này để phát thanh. Hãy chọn tệp khác."""


class EmptyFile(MediaRefused):
    """Tệp rỗng, không có nội dung. Hãy kiểm tra lại và tải lên tệp khác."""


class TooLarge(MediaRefused):
    """Tệp quá lớn, giới hạn là 500 MB. Hãy lưu lại dưới dạng MP3 rồi tải lên."""


class NotSound(MediaRefused):
    """Tệp này không phải là tệp âm thanh. Hãy tải lên tệp MP3, M4A, WAV, FLAC, Ogg hoặc bản ghi âm từ điện thoại."""


class NoAudioTrack(MediaRefused):
    """Tệp này chỉ có hình, không có tiếng. Hãy chọn tệp có âm thanh."""


class TooLong(MediaRefused):
    """Bản ghi dài quá 2 giờ. Hãy cắt thành nhiều phần ngắn hơn rồi tải lên từng phần."""


class Truncated(MediaRefused):
    """Tệp bị hỏng hoặc bị cắt giữa chừng, phần nghe được quá ít. Hãy tải lên lại từ tệp gốc."""


class TooQuiet(MediaRefused):
    """Bản ghi không có tiếng hoặc tiếng quá nhỏ. Hãy kiểm tra micrô và ghi lại."""


class DiskFull(SoundError):
    """Máy chủ đã hết chỗ trống trên đĩa. Hãy báo người quản trị, rồi thử lại sau."""


class SoundMissing(SoundError):
    """Không tìm thấy âm thanh cần phát."""


class SoundDamaged(SoundMissing):
    """Tệp âm thanh cần phát đã bị hỏng."""


class PortAudioMissing(SoundError):
    """The sound card cannot be used: run `pip install loa[portaudio]` or choose the file sink."""


class PortAudioFailed(SoundError):
    """The sound card cannot be opened. Check that it is plugged in and that no other program holds it."""
