"""The locks pin every part by version and hash, for whoever installs from whichever registry."""

import json
import re
import tomllib
from collections.abc import Callable

import pytest

LOCKS = ("requirements.lock", "requirements-dev.lock")
Page = Callable[[str], str]


def pinned(lock: str) -> dict[str, list[str]]:
    """The name and version of each requirement (`name==1.2`), with its hashes."""
    found: dict[str, list[str]] = {}
    for line in lock.splitlines():
        if match := re.match(r"([A-Za-z0-9_.-]+)(?:\[[\w,-]+\])?==([^ ;\\]+)", line):
            current = found.setdefault(f"{match[1].lower().replace('_', '-')}=={match[2]}", [])
        elif "--hash=sha256:" in line:
            current.append(line.strip())
    return found


@pytest.mark.parametrize("lock", LOCKS)
def test_each_requirement_has_hashes_and_no_address(lock: str, page: Page) -> None:
    text = page(lock)
    assert [name for name, hashes in pinned(text).items() if not hashes] == []
    assert [line for line in text.splitlines() if "://" in line or line.startswith(("-", "file", "/", "."))] == []


def test_both_locks_agree(page: Page) -> None:
    station, dev = (
        {(name.partition("==")[0], name.partition("==")[2]) for name in pinned(page(lock))} for lock in LOCKS
    )
    shared = {name for name, _ in station} & {name for name, _ in dev}
    assert {pin for pin in dev if pin[0] in shared} <= station


def test_what_the_project_needs_is_locked(page: Page) -> None:
    project = tomllib.loads(page("pyproject.toml"))
    wanted = project["project"]["dependencies"] + project["project"]["optional-dependencies"]["station"]
    wanted += project["dependency-groups"]["install"]
    names = {re.match(r"[A-Za-z0-9_.-]+", line)[0].lower().replace("_", "-") for line in wanted}  # type: ignore[index]
    assert names - {name.partition("==")[0] for name in pinned(page("requirements.lock"))} == set()


def test_what_tests_need_is_locked(page: Page) -> None:
    lines = [line for line in page("requirements-dev.in").splitlines() if line and not line.startswith("#")]
    names = {re.split(r"[=><~]", line)[0].lower().replace("_", "-") for line in lines}
    assert names - {name.partition("==")[0] for name in pinned(page("requirements-dev.lock"))} == set()


def test_the_libraries_of_pages_are_pinned_and_name_no_registry(page: Page) -> None:
    wanted = json.loads(page("package.json"))["dependencies"]
    locked = json.loads(page("package-lock.json"))["packages"]
    assert all(re.fullmatch(r"[0-9.]+", version) for version in wanted.values())
    assert {name: locked[f"node_modules/{name}"]["version"] for name in wanted} == wanted
    assert [name for name, part in locked.items() if "resolved" in part or (name and "integrity" not in part)] == []
