"""The `loa` command finds the room of each of its commands, and says what to do when it does not."""

import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from types import SimpleNamespace

import pytest

import loa


@pytest.mark.parametrize("name", loa.COMMANDS)
def test_each_command_hands_its_words_to_its_own_room(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, list[str]]] = []

    def found(module: str) -> SimpleNamespace:
        assert find_spec(module), module
        return SimpleNamespace(main=lambda words: asked.append((module, words)) or 3)

    monkeypatch.setattr(loa, "import_module", found)
    assert loa.main([name, "--help"]) == 3
    assert asked == [(f"{loa.COMMANDS[name][0]}.__main__", [name, "--help"])]


def test_each_command_is_in_the_architecture(page: Callable[[str], str]) -> None:
    told = page("docs/architecture.md")
    assert [name for name in loa.COMMANDS if f"| `loa {name}` |" not in told] == []


@pytest.mark.parametrize(("words", "status"), [([], 2), (["--help"], 0), (["help"], 0)])
def test_alone_it_lists_its_commands(words: list[str], status: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert loa.main(words) == status
    said = capsys.readouterr().out
    assert all(f"\n  {name}" in said for name in loa.COMMANDS)


def test_an_unknown_command_is_told_with_the_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert loa.main(["hello"]) == 2
    assert "no command «hello»" in capsys.readouterr().err


def test_a_room_that_is_not_installed_is_told_with_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def missing(_module: str) -> SimpleNamespace:
        raise ModuleNotFoundError(name="fastapi")

    monkeypatch.setattr(loa, "import_module", missing)
    assert loa.main(["serve"]) == 2
    assert "fastapi is not installed" in capsys.readouterr().err


def test_a_real_command_answers_through_it() -> None:
    done = subprocess.run([sys.executable, "-m", "loa", "doctor", "--help"], capture_output=True, text=True, check=True)
    assert "Check this machine" in done.stdout
