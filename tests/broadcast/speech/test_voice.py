"""Voices: the catalogue, and files that count only when every byte is right."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from broadcast.speech.errors import UnknownVoice, VoiceDamaged, VoiceDownloadFailed, VoiceNotInstalled
from broadcast.speech.voice import Voice, VoiceFile, VoiceState, catalogue, require_ready, voice_named, voice_state
from broadcast.speech.voice_install import install_voice, install_voice_file

MODEL = bytes(range(256)) * 4096  # 1 MiB
SETTINGS = b'{"audio": {"sample_rate": 22050}}'
MODEL_SHA256 = "fbbab289f7f94b25736c58be46a994c441fd02552cc6022352e3d86d2fab7c83"
SETTINGS_SHA256 = "9c1d1179ae6b5480161cac240c938fafbd7caf5f289bb9bc0704b118a0a44d8c"


class Shelf(ThreadingHTTPServer):
    """A real HTTP server with ranges; `gives` bytes of a body, then it hangs up."""

    daemon_threads = True
    files: dict[str, bytes]
    gives: int | None = None
    knows_ranges = True
    asked: list[str]


class _Clerk(BaseHTTPRequestHandler):
    server: Shelf

    def do_GET(self) -> None:
        body = self.server.files.get(self.path)
        asked = self.headers.get("Range")
        self.server.asked.append(f"{self.path} {asked or ''}".strip())
        if body is None:
            self.send_error(404)
            return
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked and self.server.knows_ranges else 0
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        self.wfile.write(body[start:] if self.server.gives is None else body[start : start + self.server.gives])

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    server = Shelf(("127.0.0.1", 0), _Clerk)
    server.files, server.asked = {"/v.onnx": MODEL, "/v.onnx.json": SETTINGS}, []
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def voice_on(shelf: Shelf) -> Voice:
    source = f"http://127.0.0.1:{shelf.server_port}/"
    files = (
        VoiceFile("v.onnx", f"{source}v.onnx", MODEL_SHA256, len(MODEL)),
        VoiceFile("v.onnx.json", f"{source}v.onnx.json", SETTINGS_SHA256, len(SETTINGS)),
    )
    return Voice("v", "Giọng thử", "north", "piper", "CC0", files=files)


def test_the_catalogue_names_the_voices_that_are_always_there_and_the_neural_one():
    assert [voice.id for voice in catalogue()] == ["vi", "vi-vn-x-central", "vi-vn-x-south", "vi_VN-vais1000-medium"]
    model = voice_named("vi_VN-vais1000-medium").files[0]
    assert model.size_bytes == 63_201_294
    assert model.sha256 == "ec7c89e2c85f4d1edc24b6120c18aaf1bda614f06b511567eb9c7c0de15e2dab"
    assert model.address.endswith("vi/vi_VN/vais1000/medium/vi_VN-vais1000-medium.onnx")


def test_every_voice_has_a_region_a_licence_and_an_engine():
    for voice in catalogue():
        assert voice.region in {"north", "central", "south"}
        assert voice.licence
        assert (voice.engine, bool(voice.files)) in {("espeak", False), ("piper", True)}


def test_an_unknown_voice_is_an_error_that_names_the_known_ones():
    with pytest.raises(UnknownVoice, match=r"«robot».*vi-vn-x-south"):
        voice_named("robot")


def test_a_voice_without_files_is_always_ready(tmp_path):
    require_ready(voice_named("vi"), tmp_path)


def test_a_voice_is_downloaded_verified_and_ready(shelf, tmp_path):
    told: list[tuple[int, int]] = []
    voice, folder = voice_on(shelf), tmp_path / "voices"
    paths = install_voice(voice, folder, progress=lambda done, whole: told.append((done, whole)))
    assert [path.read_bytes() for path in paths] == [MODEL, SETTINGS]
    assert voice_state(voice, folder) is VoiceState.READY
    assert told == sorted(told)
    assert told[-1] == (voice.size_bytes, voice.size_bytes)
    assert sorted(path.name for path in folder.iterdir()) == ["v.onnx", "v.onnx.json"]


def test_what_is_already_there_is_not_fetched_again(shelf, tmp_path):
    install_voice(voice_on(shelf), tmp_path)
    shelf.asked.clear()
    install_voice(voice_on(shelf), tmp_path)
    assert shelf.asked == []


@pytest.mark.parametrize("knows_ranges", [True, False])
def test_an_interrupted_download_goes_on_where_it_stopped(knows_ranges, shelf, tmp_path):
    shelf.gives, shelf.knows_ranges = 700_000, knows_ranges
    with pytest.raises(VoiceDownloadFailed, match="chạy lại"):
        install_voice(voice_on(shelf), tmp_path)
    kept = (tmp_path / "v.onnx.part").stat().st_size
    assert 0 < kept <= 700_000
    assert voice_state(voice_on(shelf), tmp_path) is VoiceState.MISSING
    shelf.gives = None
    shelf.asked.clear()
    install_voice(voice_on(shelf), tmp_path)
    assert shelf.asked[0] == f"/v.onnx bytes={kept}-"
    require_ready(voice_on(shelf), tmp_path)


@pytest.mark.parametrize("wrong", [MODEL[:-1] + b"!", MODEL + b"more"], ids=["another byte", "too long"])
def test_wrong_bytes_are_refused_and_deleted(wrong, shelf, tmp_path):
    shelf.files["/v.onnx"] = wrong
    with pytest.raises(VoiceDamaged, match="SHA-256"):
        install_voice(voice_on(shelf), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_rest_of_an_old_download_does_not_spoil_the_next_one(shelf, tmp_path):
    (tmp_path / "v.onnx.part").write_bytes(b"x" * 1000)
    with pytest.raises(VoiceDamaged):
        install_voice(voice_on(shelf), tmp_path)
    install_voice(voice_on(shelf), tmp_path)
    require_ready(voice_on(shelf), tmp_path)


def test_a_server_that_does_not_have_the_file_or_is_not_there_is_a_clear_error(shelf, tmp_path):
    voice = voice_on(shelf)
    shelf.files.clear()
    with pytest.raises(VoiceDownloadFailed, match="404"):
        install_voice(voice, tmp_path)
    nowhere = VoiceFile("v.onnx", "http://127.0.0.1:9/v.onnx", MODEL_SHA256, len(MODEL))
    with pytest.raises(VoiceDownloadFailed):
        install_voice(Voice("v", "v", "north", "piper", "CC0", files=(nowhere,)), tmp_path)


def test_a_file_that_changes_on_disk_is_damaged_and_fetched_again(shelf, tmp_path):
    voice = voice_on(shelf)
    install_voice(voice, tmp_path)
    (tmp_path / "v.onnx").write_bytes(MODEL[:-1] + b"!")
    with pytest.raises(VoiceDamaged, match="loa voice add v"):
        require_ready(voice, tmp_path)
    install_voice(voice, tmp_path)
    require_ready(voice, tmp_path)


def test_a_voice_is_installed_from_files_without_network(shelf, tmp_path):
    brought = tmp_path / "usb"
    brought.mkdir()
    (brought / "renamed.onnx").write_bytes(MODEL)
    with pytest.raises(VoiceNotInstalled, match=r"v\.onnx\.json"):
        install_voice_file(voice_on(shelf), brought / "renamed.onnx", tmp_path / "voices")
    (brought / "v.onnx.json").write_bytes(SETTINGS)
    install_voice_file(voice_on(shelf), brought / "renamed.onnx", tmp_path / "voices")
    require_ready(voice_on(shelf), tmp_path / "voices")
    assert shelf.asked == []
    assert (brought / "renamed.onnx").exists()


def test_a_wrong_file_is_not_installed(shelf, tmp_path):
    (tmp_path / "v.onnx").write_bytes(b"another voice")
    (tmp_path / "v.onnx.json").write_bytes(SETTINGS)
    folder = tmp_path / "voices"
    with pytest.raises((VoiceDamaged, VoiceDownloadFailed)):
        install_voice_file(voice_on(shelf), Path(tmp_path / "v.onnx"), folder)
    assert voice_state(voice_on(shelf), folder) is VoiceState.MISSING
