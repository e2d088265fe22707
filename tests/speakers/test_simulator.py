"""The pretended fleet: what it reckons, and twenty devices on a real broker that fetch a rendition once."""

import asyncio
import contextlib
import json
from argparse import Namespace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from speakers.__main__ import codes_of, identities_of, main
from speakers.errors import FleetError
from speakers.simulator import FirstSample, ReckonedOutput, simulate
from streams.clock import HandClock
from streams.cue import Cue
from streams.frame import FRAME_SAMPLES, SAMPLE_RATE_HZ

SECOND = SAMPLE_RATE_HZ
BEGIN = 1_000 * SECOND
DEVICES = 20


class Reckoned:
    """A reckoned output on a clock wound by hand, whose sounds are there or not."""

    def __init__(self) -> None:
        self.clock = HandClock(BEGIN)
        self.there = {"tone:chime"}
        self.output = ReckonedOutput(self.clock, self.there.__contains__)

    def after(self, samples: int) -> list[tuple[str, str, int, int]]:
        """What it says was played once that much time has passed: (cue, kind, position, heard)."""
        self.clock.wind(samples)
        plays = [entry.play for entry in self.output.take()]
        return [(play.cue_id, play.kind, play.position - BEGIN, play.heard_samples) for play in plays]


@pytest.fixture
def reckoned() -> Reckoned:
    return Reckoned()


def cue(start: int, length: int, sound: str = "tone:chime", cue_id: str = "a#0") -> Cue:
    return Cue(cue_id, sound, BEGIN + start, 0, length)


def test_a_cue_known_in_time_is_heard_from_its_first_sample(reckoned: Reckoned) -> None:
    reckoned.output.give([cue(SECOND + 7, 2 * SECOND)])
    assert reckoned.after(SECOND // 2) == []
    assert reckoned.after(SECOND) == [("a#0", "started", SECOND + 7, 0)]
    assert reckoned.after(2 * SECOND) == [("a#0", "ended", 3 * SECOND + 7, 2 * SECOND)]
    assert reckoned.after(SECOND) == []


def test_a_cue_that_comes_late_is_heard_from_the_next_frame(reckoned: Reckoned) -> None:
    reckoned.clock.wind(SECOND + 1)
    reckoned.output.give([cue(0, 3 * SECOND)])
    joined = SECOND + FRAME_SAMPLES
    assert reckoned.after(0) == [("a#0", "started", joined, 0)]
    assert reckoned.after(2 * SECOND) == [("a#0", "ended", 3 * SECOND, 3 * SECOND - joined)]


def test_a_sound_that_is_not_there_is_heard_once_it_is(reckoned: Reckoned) -> None:
    reckoned.output.give([cue(0, 3 * SECOND, "rendition:x")])
    assert reckoned.after(SECOND) == []
    reckoned.there.add("rendition:x")
    assert reckoned.after(0) == [("a#0", "started", SECOND, 0)]


def test_what_is_no_longer_wanted_is_cut_and_what_is_shortened_ends(reckoned: Reckoned) -> None:
    reckoned.output.give([cue(0, 9 * SECOND), cue(0, 9 * SECOND, cue_id="b#0"), cue(8 * SECOND, 10, cue_id="c#0")])
    reckoned.after(SECOND)
    reckoned.output.give([cue(0, 2 * SECOND)])
    assert reckoned.after(0) == [("b#0", "cut", SECOND, SECOND)]
    assert reckoned.after(9 * SECOND) == [("a#0", "ended", 2 * SECOND, 2 * SECOND)]


async def test_a_pretended_fleet_hears_journals_and_fetches_once(station: Any, golden: Any, tmp_path: Path) -> None:
    sound = station.keep(golden(1.0, 550.0))
    heard: list[FirstSample] = []
    fleet = [station.identity(f"sim{n}", f"50/{n % 3}") for n in range(DEVICES)]
    running = asyncio.create_task(simulate(fleet, tmp_path, heard.append))
    names = {identity.device_id for identity in fleet}
    await station.until(lambda: {device for device, _ in station.heartbeats} >= names, 60)
    start = datetime.now(UTC) + timedelta(seconds=1.5)
    await station.put_on_air("50", station.item("sim-news", start, sound, 1.0, targets=("unit:50",)))
    await station.until(lambda: len(station.entries_of("sim-news")) == DEVICES, 60)
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    assert {first.device_id for first in heard} == names
    assert {first.item_id for first in heard} == {"sim-news"}
    assert len(station.media.asked) == 1


def test_each_code_enrols_one_device_and_identities_are_kept(
    media: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = {
        "device_id": "d", "mqtt_url": "mqtt://127.0.0.1:1", "username": "d", "password": "p",
        "station_key": "A" * 43 + "=", "unit_path": "50/1", "units": ["50", "50/1"], "clusters": [],
        "media_url": media.url, "heartbeat_s": 60, "enrolled_at": "2026-11-24T10:00:00.000Z",
    }  # fmt: skip
    media.codes = {code: {**answer, "device_id": code.lower()} for code in ("AAAA", "BBBB")}
    codes = tmp_path / "codes"
    codes.write_text("# two devices\nAAAA\n\nBBBB\n")
    assert list(codes_of(str(codes))) == ["AAAA", "BBBB"]
    options = Namespace(count=2, station=media.url, codes=str(codes), data=tmp_path / "fleet")
    enrolled = identities_of(options)
    assert [identity.device_id for identity in enrolled] == ["aaaa", "bbbb"]
    options.codes = options.station = None
    assert identities_of(options) == enrolled
    assert json.loads((tmp_path / "fleet" / "00001" / "identity.json").read_text())["device_id"] == "aaaa"
    options.count = 3
    with pytest.raises(FleetError, match="2 devices are enrolled, 3 are wanted"):
        identities_of(options)
    assert main(["simulate", "1", "--data", str(tmp_path / "empty")]) == 1
    assert "Give --station URL and --codes FILE" in capsys.readouterr().err


def test_no_fleet_at_all_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="no identity"):
        asyncio.run(simulate([], Path("nowhere"), lambda first: None))
    with pytest.raises(SystemExit):
        main(["simulate", "0"])
