"""«Phát ngay» pressed to first sample, on 60 loudspeakers and the embedded broker.

A real `loa serve` in its own process with its settings at their defaults; 60 devices in another process, each the
agent of the pole with its own connection, acceptance and journal (`loa simulate`). An editor presses the button over
HTTP; the clock starts before the request is sent, and stops when a device's sink gets the first sample, by the
device's own account: that is the start all share, `lead_now_ms` after the press was taken, unless the signed rundown
reached the device later. The sound is in the devices' cache, as of any programme that was approved a moment before.
"""

import csv
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from broadcast.settings import Settings
from tests.bench.row import Row
from tests.bench.station import House, chirp, codes, percentile, ready_programme, station
from tests.station.conftest import Visitor, until

AGENTS = 60
PRESSES = 8
SOUND_S = 1.5
PAUSE_S = 4.0
REACH_MS = 1_000.0
FLEET = "fleet"


def simulated(house: House, count: int) -> Path:
    """Starts the fleet and waits until all of it is online; gives the file into which it writes what it hears."""
    heard = house.folder / "heard.csv"
    (house.folder / "codes").write_text("\n".join(codes(house, count)))
    words = [sys.executable, "-m", "speakers", "simulate", str(count), "--station", house.base_url]
    words += ["--codes", str(house.folder / "codes"), "--data", str(house.folder / FLEET), "--csv", str(heard)]
    with (house.folder / "fleet.log").open("wb") as log:
        house.poles.append(subprocess.Popen(words, stdout=log, stderr=log))
    house.until_poles_are_there(count)
    return heard


def press(house: House, editor: Visitor, programme_id: str) -> datetime:
    """Reads back what will happen, then presses; gives the instant before the press left the browser."""
    wish = {"noi": f"don_vi:{house.unit_id}", "khi": "ngay-bay-gio", "hang": "normal"}
    page = editor.http.get(f"/soan/{programme_id}/gui")
    page = editor.send(f"/soan/{programme_id}/gui", page, **wish)
    pressed = datetime.now(UTC)
    page = editor.send(f"/soan/{programme_id}/gui/phat", page, **wish)
    if page.status_code != 200:
        raise RuntimeError(f"The station did not take the press: {page.text}")
    return pressed


def first_samples(heard: Path) -> list[tuple[datetime, float]]:
    """When each device heard each item so far, and how many ms that was after the planned start."""
    with heard.open(newline="") as file:
        return [(datetime.fromisoformat(row["heard"]), float(row["late_ms"])) for row in csv.DictReader(file)]


def measure(agents: int = AGENTS, presses: int = PRESSES) -> list[Row]:
    """The row. Takes about a minute."""
    waits_ms: list[float] = []
    late_ms: list[float] = []
    with station() as house:
        heard = simulated(house, agents)
        recording = house.folder / "thong bao.wav"
        chirp(recording, SOUND_S)
        programme_id = ready_programme(house, recording, [FLEET])
        editor = house.visitor("bientap")
        for number in range(presses):
            pressed = press(house, editor, programme_id)
            wanted = agents * (number + 1)
            until(lambda wanted=wanted: len(first_samples(heard)) >= wanted, f"all {agents} devices have heard it")
            news = first_samples(heard)[wanted - agents :]
            waits_ms += [(at - pressed).total_seconds() * 1000 for at, _ in news]
            late_ms += [late for _, late in news]
            time.sleep(PAUSE_S)
    p95_ms = percentile(waits_ms, 95)
    measured = (
        f"p50 {percentile(waits_ms, 50):.0f} ms, p95 {p95_ms:.0f} ms, at most {max(waits_ms):.0f} ms "
        f"({presses} presses, {len(waits_ms)} first samples; {sum(late > 0 for late in late_ms)} devices began after "
        f"the common start, the last {max(late_ms):.0f} ms after); `lead_now_ms` is {Settings().lead_now_ms}"
    )
    return [
        Row("now", measured, "none: nobody else starts a sound on many receivers at one instant", p95_ms <= REACH_MS)
    ]
