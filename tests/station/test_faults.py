"""Kill -9 of the station, a pole, the broker, while something is on air: nothing is lost, and all of it is told."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

from streams.frame import sample_position

FIRST_HZ, SECOND_HZ = 1000.0, 600.0


def two_programmes(house: Any, ears: Any, folder: Path, seconds: float) -> list[str]:
    """Two approved tones."""
    made = [
        house.upload(ears.record(folder / "mot.wav", FIRST_HZ, seconds)),
        house.upload(ears.record(folder / "hai.wav", SECOND_HZ, seconds)),
    ]
    for programme_id in made:
        house.approve(programme_id)
    return made


def soon(seconds: float) -> datetime:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).replace(microsecond=0)


def states(house: Any) -> list[tuple[str, str]]:
    return [(row.state, row.reason) for row in house.as_run()]


def test_a_pole_goes_on_when_the_station_is_killed_and_reports_when_it_is_back(
    either_house: Any, ears: Any, tmp_path: Path
) -> None:
    house = either_house
    house.start()
    house.pole(1, f"file:{tmp_path / 'pole1.wav'}")
    first, second = two_programmes(house, ears, tmp_path, 6.0)
    house.until_poles_are_there(1)
    house.until(lambda: house.cached(1) >= 2, "both sounds are on the pole")
    begins = soon(6)
    house.schedule(first, begins)
    house.schedule(second, begins + timedelta(seconds=10))
    house.until(lambda: house.on_air_soon(2), "the pole is told of both")
    house.until(lambda: datetime.now(UTC) > begins + timedelta(seconds=2), "it is on air")
    house.kill()
    house.until(lambda: datetime.now(UTC) > begins + timedelta(seconds=18), "both are over")
    assert states(house) == []
    house.start()
    house.until(lambda: len(house.as_run()) == 2, "the journal came later")
    heard_first, heard_second = house.as_run()
    assert heard_first.state in {"played", "partial"}
    assert (heard_second.state, heard_second.planned_start) == ("played", begins + timedelta(seconds=10))
    assert abs(heard_second.started_at - heard_second.planned_start) < timedelta(seconds=0.5)
    house.until(lambda: len(house.as_run(device=False)) == 2, "the station's own rows are written too")
    house.until(lambda: len(house.episodes()) == 2, "both are in the archive")
    recorded = ears.heard(tmp_path / "pole1.wav", up_to=begins + timedelta(seconds=16))
    for tone_hz, at in ((FIRST_HZ, begins), (SECOND_HZ, begins + timedelta(seconds=10))):
        heard = recorded.tone_at(tone_hz)
        assert abs(heard[-1] + 4_800 - sample_position(at + timedelta(seconds=6))) <= 9_600
        assert len(heard) >= 50


def test_a_killed_pole_comes_back_at_the_right_offset_and_says_what_was_missed(
    house: Any, ears: Any, tmp_path: Path
) -> None:
    house.start()
    pole = house.pole(1, f"file:{tmp_path / 'pole1.wav'}")
    first, _ = two_programmes(house, ears, tmp_path, 14.0)
    house.until_poles_are_there(1)
    house.until(lambda: house.cached(1) >= 1, "the sound is on the pole")
    begins = soon(5)
    house.schedule(first, begins)
    house.until(lambda: datetime.now(UTC) > begins + timedelta(seconds=3), "it is on air")
    killed = time.monotonic()
    pole.kill()
    pole.wait()
    house.pole(1, f"file:{tmp_path / 'pole1.wav'}")
    dead_s = time.monotonic() - killed
    row = house.until(lambda: [row for row in house.as_run() if row.heard_ms > 4_000], "the pole's report")[0]
    assert (row.state, row.reason) == ("partial", "power")
    ends = begins + timedelta(seconds=14)
    heard = ears.heard(tmp_path / "pole1.wav", up_to=ends).tone_at(FIRST_HZ)
    gaps = sorted((after - before) / 48_000 for before, after in pairwise(heard) if after - before > 4_800)
    assert gaps[-1] <= dead_s + 5.0, "it is back within five seconds"
    assert sum(gaps[:-1]) <= 1.0, "there is no other hole than where it was dead"
    assert abs(heard[-1] + 4_800 - sample_position(ends)) <= 9_600, "it ends when it would have ended"
    unsaid_s = len(heard) / 10 - row.heard_ms / 1000
    assert -0.5 <= unsaid_s <= 6.0, "it claims no more than was heard, and little less"


def test_a_broker_that_falls_on_air_is_not_heard(
    mosquitto_that_falls: Callable[[], AbstractContextManager[Any]],
    house_on_broker: Callable[[str], Any],
    ears: Any,
    tmp_path: Path,
) -> None:
    with mosquitto_that_falls() as broker:
        house = house_on_broker(broker.url)
        house.start()
        house.pole(1, f"file:{tmp_path / 'pole1.wav'}")
        first, second = two_programmes(house, ears, tmp_path, 5.0)
        house.until_poles_are_there(1)
        house.until(lambda: house.cached(1) >= 2, "both sounds are on the pole")
        begins = soon(5)
        house.schedule(first, begins)
        house.until(lambda: datetime.now(UTC) > begins + timedelta(seconds=2), "it is on air")
    time.sleep(4.0)
    assert states(house) == []
    with mosquitto_that_falls():
        house.until(lambda: len(house.as_run()) == 1, "the journal came when the broker was back")
        house.play(second)
        house.until(lambda: len(house.as_run()) == 2, "and what is new arrives again")
        assert {row.state for row in house.as_run()} <= {"played", "partial"}
        heard = ears.heard(tmp_path / "pole1.wav", up_to=begins + timedelta(seconds=5)).tone_at(FIRST_HZ)
        assert len(heard) >= 25
        house.end()
