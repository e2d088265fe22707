"""Speech to measure with: notices as a commune writes them, spoken by the espeak-ng that Loa carries.

Speech and its pauses are what renditions are made of; a tone would be too easy for a codec.
"""

import itertools
import json
import subprocess
import tempfile
from pathlib import Path

from broadcast.speech.synthesis import synthesise
from broadcast.speech.voice import voice_named

VOICES = ("vi", "vi-vn-x-central", "vi-vn-x-south")
SENTENCES = (
    "Kính thưa toàn thể bà con nhân dân trong phường.",
    "Sau đây là những thông tin cần biết trong ngày hôm nay.",
    "Ủy ban nhân dân phường thông báo lịch tiêm chủng mở rộng cho trẻ em dưới 5 tuổi, từ 7 giờ 30 đến 11 giờ.",
    "Điện lực thông báo ngày 15/8 tạm ngừng cung cấp điện từ 8 giờ đến 16 giờ để sửa chữa đường dây.",
    "Đề nghị bà con khóa cửa, tắt thiết bị điện và bếp ga khi ra khỏi nhà.",
    "Dự báo thời tiết: chiều tối có mưa rào và dông, gió Đông Bắc cấp 3, nhiệt độ từ 24 đến 31 độ.",
    "Tổ dân phố 12 họp vào 19 giờ 30 tối thứ Sáu tại nhà văn hóa, mỗi hộ cử 1 người tham dự.",
    "Xin trân trọng cảm ơn và kính chào.",
)
_CHARACTERS_PER_S = 14.2
_NOISE = "anoisesrc=amplitude=0.0008:color=pink:sample_rate=44100"


def text_of(seconds: float, first: int = 0) -> str:
    """A notice that takes about so long to read, beginning with another sentence for each `first`."""
    text = ""
    for number in itertools.count(first):
        if len(text) >= seconds * _CHARACTERS_PER_S:
            return text.strip()
        text += SENTENCES[number % len(SENTENCES)] + " "
    raise AssertionError


def spoken(seconds: float, path: Path, voice: str = VOICES[0]) -> float:
    """Speaks for about so long into a WAV file; gives its exact length in seconds."""
    speech = synthesise(text_of(seconds), voice_named(voice), voices_folder=path.parent, out_path=path)
    return speech.duration_ms / 1000


def mp3_of(seconds: int, path: Path) -> None:
    """An MP3 at 128 kb/s, 44.1 kHz, stereo: three voices in a quiet room by turns, again and again, `seconds` long."""
    with tempfile.TemporaryDirectory(dir=path.parent) as name:
        folder = Path(name)
        sounds = [folder / f"{voice}.wav" for voice in VOICES]
        for voice, sound in zip(VOICES, sounds, strict=True):
            spoken(60, sound, voice)
        inputs = [word for sound in sounds for word in ("-i", str(sound))]
        mixed = f"concat=n={len(sounds)}:v=0:a=1,aresample=44100[a];{_NOISE}[b];[a][b]amix=duration=first:normalize=0"
        once = folder / "once.mp3"
        ffmpeg(*inputs, "-filter_complex", mixed, "-ac", "2", "-b:a", "128k", "-write_xing", "0", str(once))
        # MP3 frames can be put one after the other, so that an hour needs not be encoded.
        ffmpeg("-stream_loop", "-1", "-i", str(once), "-c", "copy", "-t", str(seconds), str(path))


def ffmpeg(*words: str) -> str:
    """Runs the program; gives what it says on standard error. Raises CalledProcessError."""
    command = ["ffmpeg", "-hide_banner", "-nostdin", "-y", *words]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=600).stderr


def plain_rendition(source: Path, path: Path) -> None:
    """The usual way with the ffmpeg program: `loudnorm` measures, then levels in a second pass before libopus."""
    aim = "loudnorm=I=-16:TP=-1.5:LRA=11"
    told = ffmpeg("-i", str(source), "-af", f"aformat=channel_layouts=mono,{aim}:print_format=json", "-f", "null", "-")
    found = json.loads(told[told.rindex("{") : told.rindex("}") + 1])
    known = ":".join(
        f"measured_{name}={found[f'input_{word}']}"
        for name, word in (("I", "i"), ("TP", "tp"), ("LRA", "lra"), ("thresh", "thresh"))
    )
    levelled = f"aformat=channel_layouts=mono,{aim}:{known}:offset={found['target_offset']}:linear=true"
    opus = ["-ar", "48000", "-c:a", "libopus", "-b:a", "24k", "-application", "voip", "-frame_duration", "20"]
    ffmpeg("-i", str(source), "-af", levelled, *opus, str(path))
