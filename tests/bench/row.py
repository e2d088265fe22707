"""One row of docs/benchmarks.md: what was measured, and how it is put in its place in the table.

A row is found by its name, in backticks in the first column; a benchmark fills the last three columns only, so that
what is to be reached is written by people and what was reached by a machine.
"""

import re
from dataclasses import dataclass

COLUMNS = 6


class RowMissing(LookupError):
    """The table in docs/benchmarks.md has no row of this name. Write the row, with what is to be reached, first."""


@dataclass(frozen=True, slots=True)
class Row:
    """`measured` and `peer` are short texts; `reached` says whether the number to reach was reached."""

    name: str
    measured: str
    peer: str
    reached: bool

    def markdown(self) -> str:
        """The row for reading on a terminal."""
        return " | ".join((f"| `{self.name}`", self.measured, self.peer, f"{self.verdict} |"))

    @property
    def verdict(self) -> str:
        """The last column."""
        return "yes" if self.reached else "**no**"


def rewritten(table: str, row: Row) -> str:
    """The text of docs/benchmarks.md with the row's measured columns replaced. Raises RowMissing."""
    pattern = re.compile(rf"^\| `{re.escape(row.name)}` \|.*$", re.MULTILINE)
    found = pattern.search(table)
    if found is None:
        raise RowMissing(f"docs/benchmarks.md has no row `{row.name}`. Write it, with what is to be reached, first.")
    cells = [cell.strip() for cell in found.group().strip().strip("|").split("|")]
    cells[COLUMNS - 3 :] = [row.measured, row.peer, row.verdict]
    return table[: found.start()] + "| " + " | ".join(cells) + " |" + table[found.end() :]
