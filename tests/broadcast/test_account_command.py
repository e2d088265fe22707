"""`loa account` at the command line: it makes the station's database, and prints a password once."""

import io
import re
from pathlib import Path

import pytest

from broadcast.__main__ import main, opened
from broadcast.permission import Person
from broadcast.settings import Settings
from broadcast.sign_in import person_of, sign_in


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> object:
    monkeypatch.chdir(tmp_path)
    return lambda *words: main([*words, "--data", str(tmp_path / "data")])


def who(tmp_path: Path, name: str, password: str, now: object) -> Person | None:
    database = opened(Settings(data=tmp_path / "data"))
    token = sign_in(database, name, password, "192.0.2.1", now)  # type: ignore[arg-type]
    person = person_of(database, token, now)  # type: ignore[arg-type]
    database.close()
    return person


def test_a_person_is_added_on_a_fresh_machine_and_signs_in(run, tmp_path, capsys, now) -> None:  # type: ignore[no-untyped-def]
    assert run("account", "add", "lan", "--full-name", "Trần Lan", "--role", "editor", "--unit", "hai-chau") == 0
    password = re.search(r"Mật khẩu: (\S+)", capsys.readouterr().out)
    assert password
    person = who(tmp_path, "lan", password[1], now)
    assert person is not None
    assert [(role, path) for role, path, _ in person.grants] == [("editor", "48/20242")]


def test_rights_passwords_and_ends_are_given(run, tmp_path, capsys, monkeypatch, now) -> None:  # type: ignore[no-untyped-def]
    run("account", "add", "lan", "--role", "viewer")
    assert run("account", "grant", "lan", "--role", "approver", "--unit", "48/20242") == 0
    monkeypatch.setattr("sys.stdin", io.StringIO("một mật khẩu mới\n"))
    assert run("account", "password", "lan") == 0
    person = who(tmp_path, "lan", "một mật khẩu mới", now)
    assert person is not None
    assert person.may("approve", "48/20242")
    assert run("account", "grant", "lan", "--role", "editor", "--unit", "hai-chau") == 0
    assert run("account", "revoke", "lan", "--role", "editor", "--unit", "hai-chau") == 0
    assert run("account", "close", "lan") == 0
    capsys.readouterr()
    assert run("account", "list") == 0
    listed = capsys.readouterr().out
    assert "viewer 48, approver 48/20242 " in listed
    assert "đã đóng" in listed


@pytest.mark.parametrize(
    "words",
    [
        ("grant", "nobody", "--role", "viewer"),
        ("revoke", "nobody", "--role", "viewer"),
        ("add", "a b", "--role", "viewer"),
        ("add", "lan", "--role", "viewer", "--unit", "ha-noi"),
    ],
)
def test_what_cannot_be_done_is_said_and_fails(run, capsys, words) -> None:  # type: ignore[no-untyped-def]
    assert run("account", *words) == 1
    assert capsys.readouterr().err.startswith("loa account: ")
