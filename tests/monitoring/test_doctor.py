"""The doctor looks at everything, says what to do, and a check that cannot be made does not stop the others."""

import socket
import socketserver
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from broadcast.database import Database
from broadcast.keys import load_or_make
from broadcast.settings import Settings
from monitoring import doctor
from monitoring.__main__ import main
from monitoring.doctor import examine

NAMES = ["clock", "storage", "disk", "codecs", "database", "keys", "web", "broker", "speech"]


def advice(settings: Settings) -> dict[str, str]:
    return {check.name: check.advice for check in examine(settings)}


def test_a_fresh_machine_with_what_we_install_is_well_but_for_its_clock(
    tmp_path: Path, free_port: Callable[[], int]
) -> None:
    found = advice(Settings(data=tmp_path / "new", mqtt_port=free_port(), http_port=free_port()))
    assert list(found) == NAMES
    assert {name: text for name, text in found.items() if text and name != "clock"} == {}


def test_keys_that_others_can_read_are_told_with_the_command_that_mends_it(tmp_path: Path) -> None:
    load_or_make(tmp_path / "keys")
    (tmp_path / "keys" / "secret").chmod(0o644)
    assert "chmod 600" in advice(Settings(data=tmp_path))["keys"]


def test_a_damaged_key_is_told_and_not_replaced(tmp_path: Path) -> None:
    load_or_make(tmp_path / "keys")
    (tmp_path / "keys" / "signing.pem").write_bytes(b"no key")
    assert "backup" in advice(Settings(data=tmp_path))["keys"]
    assert (tmp_path / "keys" / "signing.pem").read_bytes() == b"no key"


def test_a_key_that_is_missing_is_told_and_not_made_anew(tmp_path: Path) -> None:
    load_or_make(tmp_path / "keys")
    (tmp_path / "keys" / "signing.pem").unlink()
    assert "lacks signing.pem. Put it back from the backup" in advice(Settings(data=tmp_path))["keys"]
    assert not (tmp_path / "keys" / "signing.pem").exists()


@pytest.mark.parametrize(("state", "words"), [(5, "Install chrony"), (-1, "timedatectl"), (0, "")])
def test_the_clock_is_as_the_kernel_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: int, words: str
) -> None:
    monkeypatch.setattr(doctor, "kernel_clock", lambda: state)
    said = advice(Settings(data=tmp_path))["clock"]
    assert words in said
    assert bool(words) == bool(said)


def test_a_full_disk_is_told_with_what_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _: SimpleNamespace(free=12_000_000))
    assert "Only 12 MB are free" in advice(Settings(data=tmp_path))["disk"]


def test_a_codec_that_is_lacking_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_ENCODERS", ("libopus", "libnone"))
    said = advice(Settings(data=tmp_path))["codecs"]
    assert "lacks libnone." in said
    assert "pip install av" in said


def test_a_folder_that_cannot_be_written_is_told_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    found = advice(Settings(data=tmp_path / "file" / "data"))
    assert "chown" in found["storage"]
    assert "LOA_DATA" in found["storage"]
    kept = tmp_path / "data"
    kept.mkdir()
    (kept / "media").write_bytes(b"")
    assert str(kept / "media") in advice(Settings(data=kept))["storage"]


def test_a_missing_speech_engine_is_told_with_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(doctor, "version", missing)
    assert "pip install .[station]" in advice(Settings(data=tmp_path))["speech"]


def test_a_database_is_not_made_by_looking_and_one_without_tables_or_of_another_version_is_told(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path)
    file = tmp_path / "loa.db"
    assert advice(settings)["database"] == ""
    assert not file.exists()
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE other (name TEXT)")
    assert "loa serve" in advice(settings)["database"]
    file.unlink()
    database = Database(settings.database_url)
    database.upgrade()
    database.close()
    assert advice(settings)["database"] == ""
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
    assert "another version (9999)" in advice(settings)["database"]
    file.write_bytes(b"no database at all" * 100)
    assert "backup" in advice(settings)["database"]


def test_a_broker_and_a_database_that_do_not_answer_are_told_and_the_rest_is_still_examined(
    tmp_path: Path, free_port: Callable[[], int]
) -> None:
    port = free_port()
    settings = Settings(
        data=tmp_path,
        mqtt_url=f"mqtt://127.0.0.1:{port}",
        database=f"postgresql://nobody:nothing@127.0.0.1:{port}/none",
    )
    found = advice(settings)
    assert f"No broker answers at 127.0.0.1:{port}" in found["broker"]
    assert "LOA_DATABASE" in found["database"]
    assert not [text for text in found.values() if "Error" in text or "Errno" in text], "no text of a program's"
    assert not found["codecs"]
    assert "LOA_MQTT_URL" in advice(replace(settings, mqtt_url="http://x"))["broker"]


@contextmanager
def stranger(said: bytes = b"") -> Iterator[int]:
    """A program that takes connections on a port, says something and knows neither HTTP nor MQTT."""

    class Says(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(1000)
            self.request.sendall(said)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Says) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def test_a_stranger_on_a_port_of_the_station_is_told(tmp_path: Path, free_port: Callable[[], int]) -> None:
    with stranger(b"220 mail ready\r\n") as port:
        assert f"no MQTT broker has port {port}" in advice(Settings(data=tmp_path, mqtt_port=port))["broker"]
        assert f"Another program has port {port}" in advice(Settings(data=tmp_path, http_port=port))["web"]
        elsewhere = Settings(data=tmp_path, mqtt_url=f"mqtt://127.0.0.1:{port}")
        assert "is no MQTT broker" in advice(elsewhere)["broker"]
    with stranger(b"\x20\x02\x00\x05") as port:
        settings = Settings(data=tmp_path, mqtt_port=port, http_port=free_port())
        assert f"Another MQTT broker has port {port}" in advice(settings)["broker"]


def test_the_ports_of_a_station_that_runs_are_well(tmp_path: Path) -> None:
    page = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n"
    with stranger(b"\x20\x02\x00\x05") as mqtt, stranger(page) as http:
        found = advice(Settings(data=tmp_path, mqtt_port=mqtt, http_port=http))
    assert (found["broker"], found["web"]) == ("", "")


def test_a_real_broker_is_asked_with_the_stations_own_name_and_password(tmp_path: Path, mosquitto: Any) -> None:
    assert advice(Settings(data=tmp_path, mqtt_url=mosquitto.url))["broker"] == ""
    wrong = f"mqtt://{mosquitto.username}:guess@{mosquitto.host}:{mosquitto.port}"
    assert "refuses the station's name or password" in advice(Settings(data=tmp_path, mqtt_url=wrong))["broker"]


def test_the_command_ends_with_one_when_something_is_not_well(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        monkeypatch.setenv("LOA_MQTT_URL", f"mqtt://127.0.0.1:{silent.getsockname()[1]}")
        assert main(["doctor", "--data", str(tmp_path)]) == 1
    said = capsys.readouterr().out
    assert "✗ broker" in said
    assert "✓ codecs" in said
