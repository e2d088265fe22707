"""What `pip install .` carries: every file of the rooms, and for a pole nothing of the station's needs."""

import re
import shutil
import subprocess
import sys
import tomllib
import venv
import zipfile
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import pytest

ROOMS = ("streams", "broadcast", "speakers", "monitoring", "web")
OF_THE_STATION = {"alembic", "amqtt", "fastapi", "jinja2", "piper-tts", "prometheus-client", "sqlalchemy", "uvicorn"}


def test_the_wheel_carries_every_file_of_the_rooms(kept_files: list[Path], repository: Path, tmp_path: Path) -> None:
    source = tmp_path / "source"
    for name in kept_files:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(repository / name, source / name)
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    made = subprocess.run([*build, "-w", str(tmp_path), str(source)], check=False, capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    carried = set(zipfile.ZipFile(next(tmp_path.glob("*.whl"))).namelist())
    assert {str(name) for name in kept_files if name.parts[0] in ROOMS} - carried == set()
    assert "loa.py" in carried
    assert [name for name in carried if name.startswith(("tests/", "docs/"))] == []


def test_a_pole_installs_none_of_what_the_station_needs(page: Callable[[str], str]) -> None:
    project = tomllib.loads(page("pyproject.toml"))["project"]
    pole = " ".join(project["dependencies"] + project["optional-dependencies"]["agent"])
    station = " ".join(project["optional-dependencies"]["station"])
    assert [name for name in OF_THE_STATION if name in pole or name not in station] == []


def needed(requirements: list[str]) -> set[str]:
    """The distributions that a list of requirements brings, with all that those need on this machine."""
    found: set[str] = set()
    waiting = list(requirements)
    while waiting:
        wanted = waiting.pop()
        name = re.split(r"[^A-Za-z0-9._-]", wanted, maxsplit=1)[0]
        if "extra ==" in wanted or name.lower() in found:
            continue
        try:
            waiting += metadata.requires(name) or []
        except metadata.PackageNotFoundError:  # for another system or another Python
            continue
        found.add(name.lower())
    return found


def machine_of_a_pole(folder: Path, repository: Path, requirements: list[str]) -> Path:
    """A Python with this project and what a pole installs, and nothing else; returns the program."""
    venv.create(folder)
    (site,) = folder.glob("lib/python*/site-packages")
    for name in needed(requirements):
        for file in metadata.files(name) or []:
            top = site / file.parts[0]
            if file.parts[0] not in {"..", "__pycache__"} and not top.exists():
                top.symlink_to(Path(str(metadata.distribution(name).locate_file(file.parts[0]))))
    (site / "loa.pth").write_text(str(repository))
    return folder / "bin" / "python"


@pytest.mark.slow
def test_the_agent_runs_with_what_a_pole_installs_and_nothing_else(
    page: Callable[[str], str], repository: Path, tmp_path: Path, free_port: Callable[[], int]
) -> None:
    project = tomllib.loads(page("pyproject.toml"))["project"]
    extras = project["optional-dependencies"]["agent"]
    python = machine_of_a_pole(tmp_path / "pole", repository, project["dependencies"] + extras)

    def agent(*words: str) -> subprocess.CompletedProcess[str]:
        command = [str(python), "-m", "loa", "agent", *words]
        return subprocess.run(command, cwd=tmp_path, check=False, capture_output=True, text=True, timeout=120)

    lacking = subprocess.run([str(python), "-c", "import sqlalchemy"], check=False, capture_output=True, text=True)
    assert "No module named 'sqlalchemy'" in lacking.stderr, "this machine has more than a pole"
    told = agent("--help")
    assert (told.returncode, told.stderr) == (0, "")
    assert "--station URL" in told.stdout
    station = f"http://127.0.0.1:{free_port()}"
    refused = agent("--station", station, "--code", "AAAA", "--sink", "null", "--data", str(tmp_path / "data"))
    assert refused.returncode == 1
    assert f"The station {station} does not answer" in refused.stderr
    assert "Traceback" not in refused.stderr
