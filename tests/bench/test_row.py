"""How measured rows get into docs/benchmarks.md."""

import importlib.util
from pathlib import Path

import pytest

from tests.bench.__main__ import BENCHMARKS, TABLE
from tests.bench.row import Row, RowMissing, rewritten

TABLE_TEXT = """# Benchmarks

| row | what | reach | measured | peer in the same run | reached |
|---|---|---|---|---|---|
| `one` | the first | 50 times | not measured yet | | |
| `two` | the second | 1 s | 2 s | none | **no** |
"""


def test_only_the_measured_columns_of_its_own_row_change() -> None:
    text = rewritten(TABLE_TEXT, Row("one", "60 times", "Liquidsoap", reached=True))

    assert "| `one` | the first | 50 times | 60 times | Liquidsoap | yes |\n" in text
    assert text.replace("60 times | Liquidsoap | yes |", "not measured yet | | |") == TABLE_TEXT


def test_a_missed_number_is_said_so() -> None:
    assert rewritten(TABLE_TEXT, Row("two", "3 s", "none", reached=False)).endswith("| 3 s | none | **no** |\n")


def test_a_row_that_nobody_wrote_is_refused() -> None:
    with pytest.raises(RowMissing, match="has no row `three`"):
        rewritten(TABLE_TEXT, Row("three", "1", "2", reached=True))


@pytest.mark.parametrize("name", BENCHMARKS)
def test_every_benchmark_is_a_module(name: str) -> None:
    assert importlib.util.find_spec(f"tests.bench.{name}")


def test_every_row_of_the_table_has_six_columns() -> None:
    rows = [line for line in Path(TABLE).read_text(encoding="utf-8").splitlines() if line.startswith("| `")]

    assert len(rows) >= 11
    assert {row.count("|") for row in rows} == {7}


def test_no_row_of_the_page_waits_to_be_measured() -> None:
    rows = [line for line in TABLE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    assert len(rows) == 11
    assert [row for row in rows if not row.endswith(("| yes |", "| **no** |"))] == []
