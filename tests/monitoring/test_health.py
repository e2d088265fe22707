"""Readiness is a judgement of facts; each thing that is not well comes with what to do."""

from dataclasses import replace

import pytest

from monitoring.health import Facts, readiness, report

WELL = Facts(
    database_answers=True, broker_connected=True, look_age_s=0.5, beat_runs=True, disk_free_bytes=20_000_000_000
)


def test_a_station_that_is_well_is_ready() -> None:
    well, body = report(readiness(WELL))
    assert well
    assert set(body["checks"].values()) == {"ok"}


@pytest.mark.parametrize(
    ("ill", "name"),
    [
        (replace(WELL, database_answers=False), "database"),
        (replace(WELL, broker_connected=False), "broker"),
        (replace(WELL, look_age_s=60.0), "playout"),
        (replace(WELL, beat_runs=False), "beat"),
        (replace(WELL, disk_free_bytes=1_000), "disk"),
    ],
)
def test_one_thing_that_is_ill_makes_it_unready_and_is_told_with_advice(ill: Facts, name: str) -> None:
    well, body = report(readiness(ill))
    assert not well
    assert [check for check, answer in body["checks"].items() if answer != "ok"] == [name]
    assert body["checks"][name].endswith(".")
