"""What the rules of the house are asked of: the files that git keeps, as text and as syntax."""

import ast
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
ROOMS = ("streams", "broadcast", "speakers", "monitoring", "web")


@pytest.fixture(scope="session")
def repository() -> Path:
    """The folder of the checkout."""
    return REPOSITORY


@pytest.fixture(scope="session")
def kept_files() -> list[Path]:
    """Every file that git keeps, as a path relative to the repository."""
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=REPOSITORY, check=True, capture_output=True, text=True)
    names = [Path(name) for name in listing.stdout.split("\0") if name]
    return sorted(name for name in names if (REPOSITORY / name).is_file())


@pytest.fixture(scope="session")
def modules(kept_files: list[Path]) -> dict[Path, ast.Module]:
    """Every Python file that says something, parsed."""
    sources = {name: (REPOSITORY / name).read_text() for name in kept_files if name.suffix == ".py"}
    return {name: ast.parse(source, str(name)) for name, source in sources.items() if source.strip()}


@pytest.fixture(scope="session")
def room_modules(modules: dict[Path, ast.Module]) -> dict[Path, ast.Module]:
    """The modules of the five rooms, without tests and scripts."""
    return {name: module for name, module in modules.items() if name.parts[0] in ROOMS}


@pytest.fixture(scope="session")
def page() -> Callable[[str], str]:
    """A function that gives the text of a file of the repository."""
    return lambda name: (REPOSITORY / name).read_text()
