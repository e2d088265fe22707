"""`loa voice`: what an operator sees."""

import argparse
import hashlib
from collections.abc import Iterator

import pytest

from broadcast.speech.errors import VoiceDownloadFailed
from broadcast.speech.voice import Voice, VoiceFile, voice_named
from broadcast.voice_command import add_parser, run

MODEL = b"model" * 1000
VOICES = (
    voice_named("vi"),
    Voice(
        "v",
        "Giọng thử",
        "south",
        "piper",
        "CC0",
        files=(VoiceFile("v.onnx", "https://voices.invalid/v.onnx", hashlib.sha256(MODEL).hexdigest(), len(MODEL)),),
    ),
)


def fetch(_address: str, offset: int) -> Iterator[bytes]:
    yield MODEL[offset:]


def fetch_nothing(_address: str, _offset: int) -> Iterator[bytes]:
    raise VoiceDownloadFailed


def loa(*words: str, folder, fetch=fetch) -> int:
    parser = argparse.ArgumentParser()
    add_parser(parser.add_subparsers())
    return run(parser.parse_args(["voice", *words]), folder, voices=VOICES, fetch=fetch)


def test_the_list_says_which_voices_are_ready(tmp_path, capsys):
    assert loa("list", folder=tmp_path) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("vi ")
    assert "sẵn sàng" in first
    assert "chưa cài" in second
    assert "miền Nam" in second


def test_a_voice_is_added_and_then_ready(tmp_path, capsys):
    assert loa("add", "v", folder=tmp_path / "voices") == 0
    assert "100 %" in capsys.readouterr().out
    assert loa("list", folder=tmp_path / "voices") == 0
    assert "chưa cài" not in capsys.readouterr().out


def test_a_voice_is_added_from_a_file(tmp_path, capsys):
    (tmp_path / "brought.onnx").write_bytes(MODEL)
    words = ("add", "v", "--file", str(tmp_path / "brought.onnx"))
    assert loa(*words, folder=tmp_path / "voices", fetch=fetch_nothing) == 0
    assert "Đã cài" in capsys.readouterr().out


def test_a_voice_that_is_always_there_needs_nothing(tmp_path, capsys):
    assert loa("add", "vi", folder=tmp_path, fetch=fetch_nothing) == 0
    assert "có sẵn" in capsys.readouterr().out


@pytest.mark.parametrize(("name", "sentence"), [("robot", "Không có giọng đọc"), ("v", "Không tải được")])
def test_what_cannot_be_added_is_said_on_standard_error(name, sentence, tmp_path, capsys):
    assert loa("add", name, folder=tmp_path, fetch=fetch_nothing) == 1
    assert sentence in capsys.readouterr().err


def test_verify_finds_a_damaged_file_and_says_what_to_do(tmp_path, capsys):
    assert loa("add", "v", folder=tmp_path) == 0
    assert loa("verify", folder=tmp_path) == 0
    (tmp_path / "v.onnx").write_bytes(MODEL[:-1] + b"!")
    capsys.readouterr()
    assert loa("verify", folder=tmp_path) == 1
    assert "v: tệp bị hỏng; xin chạy «loa voice add v»" in capsys.readouterr().out
