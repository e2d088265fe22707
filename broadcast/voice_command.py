"""`loa voice list`, `loa voice add NAME [--file F]`, `loa voice verify`: the voices of this station.

The root gives the voices folder; the work is done in `broadcast.speech.voice` and `voice_install`.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from broadcast.speech.errors import SpeechError
from broadcast.speech.voice import Voice, VoiceState, catalogue, voice_named, voice_state
from broadcast.speech.voice_install import Fetch, fetch_http, install_voice, install_voice_file

_REGIONS = {"north": "miền Bắc", "central": "miền Trung", "south": "miền Nam"}
_STATES = {VoiceState.READY: "sẵn sàng", VoiceState.MISSING: "chưa cài", VoiceState.DAMAGED: "tệp bị hỏng"}


def add_parser(subparsers: Any) -> None:
    """Add `voice` with its three verbs to an argparse sub-parser collection."""
    parser: argparse.ArgumentParser = subparsers.add_parser("voice", help="list, download and verify speech voices")
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("list", help="danh sách giọng đọc (voices and whether they are ready)")
    add = verbs.add_parser("add", help="tải và kiểm tra một giọng đọc (download and verify)")
    add.add_argument("name", help="tên giọng, xem «loa voice list»")
    add.add_argument("--file", type=Path, help="tệp .onnx đã tải sẵn, có tệp .onnx.json bên cạnh (no network needed)")
    verbs.add_parser("verify", help="kiểm tra các tệp giọng đọc đã cài (check installed files)")


def run(
    arguments: argparse.Namespace,
    voices_folder: Path,
    *,
    voices: tuple[Voice, ...] | None = None,
    fetch: Fetch = fetch_http,
) -> int:
    """Carry out one verb; returns the exit status: 0 done, 1 when a voice cannot be used (said on standard error)."""
    known = catalogue() if voices is None else voices
    try:
        if arguments.verb == "add":
            return _add(voice_named(arguments.name, known), arguments.file, voices_folder, fetch)
    except SpeechError as error:
        print(error, file=sys.stderr)
        return 1
    return _list(known, voices_folder) if arguments.verb == "list" else _verify(known, voices_folder)


def _list(voices: tuple[Voice, ...], folder: Path) -> int:
    for voice in voices:
        state = _STATES[voice_state(voice, folder)]
        size = f", {_megabytes(voice.size_bytes)}" if voice.files else ""
        print(f"{voice.id:<24}{_REGIONS[voice.region]:<12}{state:<14}{voice.name_vi} ({voice.engine}{size})")
    return 0


def _add(voice: Voice, file: Path | None, folder: Path, fetch: Fetch) -> int:
    if not voice.files:
        print(f"Giọng «{voice.id}» có sẵn, không cần cài.")
        return 0
    if file is not None:
        paths = install_voice_file(voice, file, folder)
    else:
        print(f"Đang tải {voice.name_vi} ({_megabytes(voice.size_bytes)})")
        paths = install_voice(voice, folder, fetch=fetch, progress=_every_tenth())
    print(
        f"Đã cài và kiểm tra giọng «{voice.id}»: {', '.join(path.name for path in paths)}. Giấy phép: {voice.licence}."
    )
    return 0


def _verify(voices: tuple[Voice, ...], folder: Path) -> int:
    damaged = False
    for voice in voices:
        state = voice_state(voice, folder)
        damaged = damaged or state is VoiceState.DAMAGED
        advice = f"; xin chạy «loa voice add {voice.id}»" if state is VoiceState.DAMAGED else ""
        print(f"{voice.id}: {_STATES[state]}{advice}")
    return 1 if damaged else 0


def _megabytes(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:.1f} MB".replace(".", ",")


def _every_tenth() -> Callable[[int, int], None]:
    """A progress line at every tenth of the way."""
    said = -1

    def tell(done_bytes: int, all_bytes: int) -> None:
        nonlocal said
        tenth = 10 * done_bytes // all_bytes
        if tenth > said:
            said = tenth
            print(f"  {10 * tenth:3} %", flush=True)

    return tell
