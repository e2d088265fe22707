"""The doctor looks at everything, says what to do, and a check that cannot be made does not stop the others."""

import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from broadcast.keys import load_or_make
from broadcast.settings import Settings
from monitoring.__main__ import main
from monitoring.doctor import examine

NAMES = ["clock", "data folder", "disk", "codecs", "database", "keys", "broker", "speech"]


def advice(settings: Settings) -> dict[str, str]:
    return {check.name: check.advice for check in examine(settings)}


def test_a_fresh_machine_with_what_we_install_is_well_but_for_its_clock(
    tmp_path: Path, free_port: Callable[[], int]
) -> None:
    found = advice(Settings(data=tmp_path / "new", mqtt_port=free_port()))
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
    assert found["broker"]
    assert found["database"]
    assert not found["codecs"]


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
