"""What can go wrong between a written notice and its speech; the docstring is the sentence that people read.

SpeechError
├── TextRefused          the text cannot be spoken: the person who wrote it is told why
│   ├── TextEmpty, TextTooLong
├── VoiceError           the voice cannot be used: an operator acts
│   ├── UnknownVoice, VoiceNotInstalled, VoiceDamaged, VoiceDownloadFailed
└── SpeechEngineError    the engine's own trouble; the programme is not ready and shows this
    └── SpeechEngineMissing, SpeechEngineDied, SpeechTooSlow, SpeechNonsense
"""

from broadcast.errors import LoaError


class SpeechError(LoaError):
    """Không chuyển được văn bản thành giọng nói."""


class TextRefused(SpeechError):
    """Không đọc được văn bản này."""


class TextEmpty(TextRefused):
    """Chưa có chữ nào để đọc. Xin nhập nội dung thông báo."""


class TextTooLong(TextRefused):
    """Văn bản dài quá 20.000 ký tự. Xin rút gọn hoặc chia thành nhiều chương trình."""


class VoiceError(SpeechError):
    """Không dùng được giọng đọc này. Xin chọn giọng khác."""


class UnknownVoice(VoiceError):
    """Không có giọng đọc này. Xin chọn giọng khác trong danh sách."""


class VoiceNotInstalled(VoiceError):
    """Giọng đọc này chưa được cài. Xin chọn giọng khác, hoặc nhờ người quản trị chạy «loa voice add»."""


class VoiceDamaged(VoiceError):
    """Tệp giọng đọc bị hỏng hoặc không đúng bản. Xin nhờ người quản trị tải lại bằng «loa voice add»."""


class VoiceDownloadFailed(VoiceError):
    """Không tải được giọng đọc. Xin kiểm tra mạng rồi chạy lại; phần đã tải được giữ lại."""


class SpeechEngineError(SpeechError):
    """Bộ đọc gặp lỗi nên chưa có âm thanh. Xin thử lại hoặc chọn giọng khác."""


class SpeechEngineMissing(SpeechEngineError):
    """Máy chủ thiếu bộ đọc của giọng này. Xin nhờ người quản trị cài lại bằng «pip install .[station]»."""


class SpeechEngineDied(SpeechEngineError):
    """Bộ đọc dừng giữa chừng nên chưa có âm thanh. Xin thử lại hoặc chọn giọng khác."""


class SpeechTooSlow(SpeechEngineError):
    """Bộ đọc không trả lời kịp thời gian nên đã bị dừng. Xin thử lại hoặc chọn giọng khác."""


class SpeechNonsense(SpeechEngineError):
    """Bộ đọc trả về dữ liệu không phải âm thanh. Xin thử lại hoặc chọn giọng khác."""
