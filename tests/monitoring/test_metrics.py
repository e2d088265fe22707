"""Metrics are pulled when asked for, and one reader that fails costs only its own."""

import pytest

from monitoring.metrics import METRICS, Reading, counted, exposition


def test_readings_come_out_in_the_text_format_with_their_labels() -> None:
    page = exposition([lambda: [Reading("loa_listeners", 3), *counted("loa_gateway_events", {"published": 7})]])()
    assert b"loa_listeners 3.0" in page
    assert b'loa_gateway_events_total{kind="published"} 7.0' in page


def test_a_reader_that_fails_is_counted_and_the_others_are_read() -> None:
    def broken() -> list[Reading]:
        raise RuntimeError("the database is away")

    page = exposition([broken, lambda: [Reading("loa_channels", 1)]])()
    assert b"loa_channels 1.0" in page
    assert b"loa_collect_errors_total 1.0" in page


def test_nothing_is_read_before_it_is_asked_for() -> None:
    asked: list[int] = []

    def reader() -> list[Reading]:
        asked.append(1)
        return []

    page = exposition([reader])
    assert asked == []
    page()
    page()
    assert asked == [1, 1]


def test_a_reading_of_an_undeclared_metric_is_an_error_of_ours() -> None:
    with pytest.raises(KeyError):
        exposition([lambda: [Reading("loa_invented", 1)]])()


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_says_its_unit_or_counts_things(name: str) -> None:
    declared = METRICS[name]
    assert name.startswith("loa_")
    assert declared.help.endswith(".")
    assert not name.endswith("_total"), "the suffix is added by the format"
