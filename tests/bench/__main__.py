"""`loa bench [NAME...]`: measures against the peers and prints markdown rows; `--write` puts them into the docs.

A benchmark is a module beside this one with a function `measure() -> list[Row]`; it is listed here by name. Modules
are loaded only when asked for, because some need programs that not every machine has.
"""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path

from tests.bench.row import Row, rewritten

BENCHMARKS = {
    "channels": "listenable channels per core, passed through and mixed, against Liquidsoap",
    "rundowns": "3,321 communes, twenty items a day each: two minutes of steady playout, and one full rebuild",
    "rendition": "an hour of MP3 made a rendition on one core, against the ffmpeg program",
    "speech": "a minute of espeak speech, from saving the text to ready, against the ffmpeg program",
    "now": "«Phát ngay» pressed to first sample, on 60 simulated loudspeakers",
    "starts": "how exactly scheduled items begin, in a file and on a sound card",
    "agent": "what an agent costs while it plays, beside the ffmpeg program",
    "demo": "scripts/demo on an empty folder, to the first sound",
}

STOLEN_SHARE = 0.05
TABLE = Path(__file__).parents[2] / "docs" / "benchmarks.md"


def arguments(words: Sequence[str]) -> argparse.Namespace:
    """The command line."""
    listed = "\n".join(f"  {name:<12}{text}" for name, text in BENCHMARKS.items())
    parser = argparse.ArgumentParser(
        prog="loa bench",
        description="Measure against the peers, in the same run.",
        epilog=f"benchmarks:\n{listed}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="which to run; all if none is named")
    parser.add_argument("--write", action="store_true", help="rewrite the measured rows of docs/benchmarks.md")
    asked = parser.parse_args(words)
    unknown = sorted(set(asked.names) - set(BENCHMARKS))
    if unknown:
        parser.error(f"there is no benchmark {', '.join(unknown)}. There are: {', '.join(BENCHMARKS)}.")
    return asked


def stolen_s() -> float:
    """Seconds of CPU time, of all cores, that this machine wanted and its host gave to other machines; 0 on metal."""
    fields = Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0].split()
    return int(fields[8]) / os.sysconf("SC_CLK_TCK")


def measured_rows(name: str) -> list[Row]:
    """Runs one benchmark. Where the machine was not ours while it ran, each row says so."""
    began, stolen = time.monotonic(), stolen_s()
    rows: list[Row] = import_module(f"tests.bench.{name}").measure()
    share = (stolen_s() - stolen) / (time.monotonic() - began) / (os.cpu_count() or 1)
    if share <= STOLEN_SHARE:
        return rows
    told = f" (its host kept {100 * share:.0f} % of the machine from us meanwhile)"
    return [replace(row, measured=row.measured + told) for row in rows]


def main(words: Sequence[str]) -> int:
    """Runs the benchmarks asked for; `words` begin with the name of the command. Returns 1 if a number was missed."""
    asked = arguments(words[1:])
    measured: list[Row] = []
    for name in asked.names or BENCHMARKS:
        for row in measured_rows(name):
            print(row.markdown(), flush=True)
            measured.append(row)
    if asked.write:
        text = TABLE.read_text(encoding="utf-8")
        for row in measured:
            text = rewritten(text, row)
        TABLE.write_text(text, encoding="utf-8")
    return 0 if all(row.reached for row in measured) else 1


if __name__ == "__main__":
    sys.exit(main(["bench", *sys.argv[1:]]))
