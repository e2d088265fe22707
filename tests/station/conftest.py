"""A whole station in its own process, people who use it over HTTP, poles that are processes, and ears for all of it."""

import os
import re
import signal
import subprocess
import sys
import time
import wave
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar
from zoneinfo import ZoneInfo

import httpx
import numpy as np
import pytest
from sqlalchemy import select

import speakers.speaker  # noqa: F401 - the tables of the fleet
from broadcast.account import account_of_name, add_account, person_from
from broadcast.administrative_unit import add_village, city, seed_da_nang, unit_of_slug
from broadcast.archive import Episode
from broadcast.asrun import AsRun
from broadcast.database import Database
from broadcast.plan import RundownRow
from broadcast.programme import Programme
from broadcast.rundown_body import from_body
from broadcast.schedule import add
from broadcast.signing import body_of
from speakers.cluster import add_cluster
from speakers.enrolment import issue_code
from streams.frame import SAMPLE_RATE_HZ, Samples, sample_position
from streams.sinks.file import recorded_position

PASSWORD = "mot mat khau dai"
PEOPLE = (("bientap", "editor"), ("lanhdao", "approver"))
ENOUGH_S = 60.0
HAI_CHAU = "48/20242"
DA_NANG = ZoneInfo("Asia/Ho_Chi_Minh")


T = TypeVar("T")


def until(look: Callable[[], T], what: str, within_s: float = ENOUGH_S) -> T:
    """What `look` gives as soon as it is not empty."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(0.05)
    raise AssertionError(f"It did not come within {within_s} s: {what}.")


class Visitor:
    """A person with a browser that knows forms, and no script."""

    def __init__(self, base_url: str, name: str | None = None) -> None:
        self.http = httpx.Client(base_url=base_url, follow_redirects=True, timeout=30.0)
        if name is not None:
            page = self.http.get("/dang-nhap")
            page = self.send("/dang-nhap", page, ten=name, mat_khau=PASSWORD)
            assert page.status_code == 200, page.text

    def send(self, address: str, seen: httpx.Response, **fields: str | list[str]) -> httpx.Response:
        """Send a form with the token of the page that was seen."""
        token = re.search(r'name="form_token" value="([^"]*)"', seen.text)
        values = {"form_token": token[1] if token else "", **fields}
        return self.http.post(address, data=values, headers={"Origin": str(self.http.base_url).rstrip("/")})


@dataclass(slots=True)
class House:
    """One station on one data folder; `start` and `kill` as often as a story needs."""

    folder: Path
    port: int
    environment: dict[str, str]
    database: Database
    station: subprocess.Popen[bytes] | None = None
    poles: list[subprocess.Popen[bytes]] = field(default_factory=list)
    visitors: list[Visitor] = field(default_factory=list)
    cluster_id: str = ""
    unit_id: str = ""

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def settle(self) -> None:
        """People and one cluster in a village of Hải Châu."""
        self.database.upgrade()
        now = datetime.now(UTC)
        with self.database.transaction() as session:
            seed_da_nang(session, now.date())
            commune = unit_of_slug(session, "hai-chau")
            village = add_village(session, commune, "Tổ dân phố 12", now)
            self.cluster_id = add_cluster(session, village, "Nhà văn hóa", person_id=None, now=now).id
            self.unit_id = commune.id
            for name, role in PEOPLE:
                add_account(session, name, name, role, city(session), password=PASSWORD, now=now)

    def start(self) -> None:
        """Start the station and wait until it is ready."""
        with (self.folder / "station.log").open("ab") as log:
            self.station = subprocess.Popen(
                [sys.executable, "-m", "web", "serve"], env={**os.environ, **self.environment}, stdout=log, stderr=log
            )
        until(self._ready, f"the station is ready; see {self.folder / 'station.log'}")

    def _ready(self) -> bool:
        assert self.station is not None
        assert self.station.poll() is None, (self.folder / "station.log").read_text()[-3000:]
        try:
            return httpx.get(f"{self.base_url}/readyz", timeout=5).status_code == 200
        except httpx.TransportError:
            return False

    def kill(self) -> None:
        """As a power cut ends it."""
        assert self.station is not None
        self.station.kill()
        self.station.wait()

    def pole(self, number: int, sink: str) -> subprocess.Popen[bytes]:
        """An agent with its own folder; one that was there before goes on."""
        data = self.folder / f"pole{number}"
        words = [sys.executable, "-m", "speakers.agent", "--data", str(data), "--sink", sink]
        if not (data / "identity.json").exists():
            with self.database.transaction() as session:
                code = issue_code(session, self.cluster_id, f"Loa {number}", person_id=None, now=datetime.now(UTC))
            words += ["--station", self.base_url, "--code", code]
        with (self.folder / f"pole{number}.log").open("ab") as log:
            process = subprocess.Popen(words, stdout=log, stderr=log)
        self.poles.append(process)
        return process

    def until_poles_are_there(self, count: int) -> None:
        metric = f'loa_speakers{{state="online"}} {float(count)}'
        until(lambda: metric in httpx.get(f"{self.base_url}/metrics").text, f"{count} poles are online")

    def end(self) -> None:
        for process in [*self.poles, *([self.station] if self.station else [])]:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in [*self.poles, *([self.station] if self.station else [])]:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for visitor in self.visitors:
            visitor.http.close()
        self.database.close()

    def until(self, look: Callable[[], T], what: str) -> T:
        """See the function of this name."""
        return until(look, what)

    def cached(self, number: int) -> int:
        """How many sounds a pole has."""
        return len(list((self.folder / f"pole{number}" / "renditions").glob("*/*.opus")))

    def on_air_soon(self, count: int) -> bool:
        """Whether the broker has the rundown that names so many items for the village or its commune."""
        with self.database.reading() as session:
            rows = session.scalars(select(RundownRow).where(RundownRow.path.startswith(HAI_CHAU))).all()
            done = all(row.published_revision == row.revision for row in rows)
            named = [item for row in rows if row.message for item in from_body(body_of(row.message)).items]
        return done and len(named) == count

    # What people do.

    def visitor(self, name: str) -> Visitor:
        """A person who has signed in."""
        self.visitors.append(Visitor(self.base_url, name))
        return self.visitors[-1]

    def upload(self, recording: Path) -> str:
        """An editor uploads a recording, hears that it is ready, and sends it for approval; gives its id."""
        editor = self.visitor("bientap")
        page = editor.http.get("/soan/moi")
        token = re.search(r'name="form_token" value="([^"]*)"', page.text)
        assert token is not None
        with recording.open("rb") as file:
            page = editor.http.post(
                "/soan/tep",
                data={"form_token": token[1], "don_vi": self.unit_id, "tieu_de": recording.stem, "loai": "music"},
                files={"tep": (recording.name, file, "audio/wav")},
                headers={"Origin": self.base_url},
            )
        return self._submit(editor, page)

    def write(self, title: str, text: str) -> str:
        """An editor writes a notice and sends it for approval; gives its id."""
        editor = self.visitor("bientap")
        page = editor.http.get("/soan/moi")
        page = editor.send(
            "/soan/van-ban", page, don_vi=self.unit_id, tieu_de=title, noi_dung=text, giong="vi", toc_do="1.0"
        )
        return self._submit(editor, page)

    def _submit(self, editor: Visitor, page: httpx.Response) -> str:
        assert page.status_code == 200, page.text
        programme_id = page.url.path.split("/")[2]
        until(lambda: self.programme(programme_id).sound_state in {"ready", "failed"}, "the sound is made")
        assert self.programme(programme_id).sound_state == "ready", self.programme(programme_id).sound_reason
        page = editor.http.get(f"/soan/{programme_id}/gui")
        editor.send(f"/soan/{programme_id}/trinh", page)
        return programme_id

    def approve(self, programme_id: str) -> None:
        """A leader approves what he hears on the page."""
        leader = self.visitor("lanhdao")
        page = leader.http.get("/duyet")
        form = rf'/duyet/{programme_id}/dong-y".*?name="da_nghe" value="([0-9a-f]{{64}})"'
        heard = re.search(form, page.text, re.DOTALL)
        assert heard is not None, page.text
        leader.send(f"/duyet/{programme_id}/dong-y", page, da_nghe=heard[1])
        assert self.programme(programme_id).state == "approved"

    def play(self, programme_id: str) -> None:
        """An editor presses «Phát ngay» after reading back what will happen."""
        editor = self.visitor("bientap")
        wish = {"noi": f"don_vi:{self.unit_id}", "khi": "ngay-bay-gio", "hang": "normal"}
        page = editor.http.get(f"/soan/{programme_id}/gui")
        page = editor.send(f"/soan/{programme_id}/gui", page, **wish)
        assert "Sẽ phát" in page.text, page.text
        page = editor.send(f"/soan/{programme_id}/gui/phat", page, **wish)
        assert page.status_code == 200, page.text

    def schedule(self, programme_id: str, at: datetime) -> None:
        """For an instant to the second, which the page does not offer."""
        with self.database.transaction() as session:
            wall = f"{at.astimezone(DA_NANG):%Y-%m-%dT%H:%M:%S}"
            programme = session.get_one(Programme, programme_id)
            editor = person_from(session, account_of_name(session, "bientap"))
            add(session, programme, [(self.unit_id, None)], wall, person=editor, now=datetime.now(UTC))

    # What is to be seen.

    def programme(self, programme_id: str) -> Programme:
        with self.database.reading() as session:
            return session.get_one(Programme, programme_id)

    def as_run(self, device: bool = True) -> list[AsRun]:
        """The rows of devices, or those of the station."""
        with self.database.reading() as session:
            chosen = select(AsRun).where((AsRun.device_id != "") if device else (AsRun.device_id == ""))
            return list(session.scalars(chosen.order_by(AsRun.planned_start)))

    def episodes(self) -> list[Episode]:
        with self.database.reading() as session:
            return list(session.scalars(select(Episode).order_by(Episode.aired_at)))


@dataclass(frozen=True, slots=True)
class Recorded:
    """What came out of a loudspeaker, and the position of its first sample."""

    samples: Samples
    position: int

    @property
    def end(self) -> int:
        """The position just after its last sample."""
        return self.position + self.samples.size

    def tone_at(self, frequency_hz: float, window: int = 4800) -> list[int]:
        """The positions of tenths of a second in which the tone is the loudest thing and not quiet."""
        found = []
        for index in range(0, self.samples.size - window, window):
            part = self.samples[index : index + window]
            if float(np.abs(part).max()) < 0.02:
                continue
            spectrum = np.abs(np.fft.rfft(part * np.hanning(window)))
            loudest = float(np.argmax(spectrum)) * SAMPLE_RATE_HZ / window
            if abs(loudest - frequency_hz) < 20:
                found.append(self.position + index)
        return found


class Ears:
    """Makes recordings, and listens."""

    def record(self, path: Path, frequency_hz: float, seconds: float) -> Path:
        """A WAV file with a tone, as a phone could have made it: 44.1 kHz, stereo, 16 bits."""
        times = np.arange(round(seconds * 44_100)) / 44_100
        tone = (0.3 * 32767 * np.sin(2 * np.pi * frequency_hz * times)).astype("<i2")
        with wave.open(str(path), "wb") as file:
            file.setnchannels(2)
            file.setsampwidth(2)
            file.setframerate(44_100)
            file.writeframes(np.repeat(tone, 2).tobytes())
        return path

    def heard(self, path: Path, up_to: datetime | None = None) -> Recorded:
        """What a pole's file sink has written; with `up_to`, as soon as it has written that far (it does so once a
        second, so it is behind what its journal says)."""
        if up_to is not None:
            until(lambda: self._written(path).end >= sample_position(up_to), f"{path.name} holds what was played", 20)
        return self._written(path)

    def _written(self, path: Path) -> Recorded:
        position = recorded_position(path, "int16")
        assert position is not None
        with wave.open(str(path)) as file:
            samples = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2")
        return Recorded((samples / 32768).astype(np.float32), position)

    def decoded(self, content: bytes, form: str) -> Recorded:
        """What a listener hears, by the FFmpeg program."""
        out = ["-f", "f32le", "-ac", "1", "-ar", "48000", "pipe:1"]
        command = ["ffmpeg", "-v", "error", "-f", form, "-i", "pipe:0", *out]
        done = subprocess.run(command, input=content, capture_output=True, timeout=60, check=True)
        assert done.stderr == b"", done.stderr
        return Recorded(np.frombuffer(done.stdout, dtype=np.float32), 0)


@pytest.fixture(name="until")
def until_fixture() -> Callable[..., object]:
    """`until(look, what, within_s)` for stories without a house."""
    return until


@pytest.fixture
def ears() -> Ears:
    return Ears()


def house_on(folder: Path, port: int, database_url: str, mqtt_url: str, mqtt_port: int) -> House:
    environment = {
        "LOA_DATA": str(folder / "data"),
        "LOA_DATABASE": database_url,
        "LOA_HTTP_PORT": str(port),
        "LOA_MQTT_URL": mqtt_url,
        "LOA_MQTT_PORT": str(mqtt_port),
        "LOA_HEARTBEAT_S": "2",
        "LOA_CONFIG": str(folder / "none.toml"),
    }
    house = House(folder, port, environment, Database(database_url))
    house.settle()
    return house


@pytest.fixture
def house(tmp_path: Path, free_port: Callable[[], int]) -> Iterator[House]:
    """A station on SQLite and the embedded broker, not started yet."""
    (tmp_path / "data").mkdir()
    made = house_on(tmp_path, free_port(), f"sqlite:///{tmp_path / 'data' / 'loa.db'}", "", free_port())
    yield made
    made.end()


@pytest.fixture
def house_on_broker(tmp_path: Path, free_port: Callable[[], int]) -> Iterator[Callable[[str], House]]:
    """A function that makes a station on a broker of its own."""
    made: list[House] = []

    def make(mqtt_url: str) -> House:
        (tmp_path / "data").mkdir()
        made.append(house_on(tmp_path, free_port(), f"sqlite:///{tmp_path / 'data' / 'loa.db'}", mqtt_url, 0))
        return made[0]

    yield make
    for house in made:
        house.end()


@pytest.fixture(params=["sqlite and embedded", "postgresql and mosquitto"])
def either_house(request: pytest.FixtureRequest, tmp_path: Path, free_port: Callable[[], int]) -> Iterator[House]:
    """A station as on one machine, and as in a city."""
    if request.param == "sqlite and embedded":
        yield request.getfixturevalue("house")
        return
    broker = request.getfixturevalue("mosquitto")
    url = request.getfixturevalue("postgresql_database")
    made = house_on(tmp_path, free_port(), url, broker.url, 0)
    yield made
    made.end()
