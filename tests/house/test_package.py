"""What `pip install .` carries: every file of the rooms, and for a pole nothing of the station's needs."""

import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Callable
from pathlib import Path

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
