"""PROCESS `loa doctor`: look at this machine, say what to do, exit with 1 when something is not well."""

import argparse
import sys
from pathlib import Path

from broadcast.errors import LoaError
from broadcast.settings import load
from monitoring.doctor import examine


def main(argv: list[str] | None = None) -> int:
    """Run `doctor [--data DIR]`; returns the exit status."""
    parser = argparse.ArgumentParser(prog="loa doctor", description="Check this machine and say what to do.")
    parser.add_argument("doctor", choices=["doctor"], help=argparse.SUPPRESS)
    parser.add_argument("--data", type=Path, help="data folder of the station")
    arguments = parser.parse_args(argv or sys.argv[1:] or ["doctor"])
    try:
        settings = load(data=arguments.data)
    except LoaError as error:
        print(error, file=sys.stderr)
        return 2
    ill = 0
    for check in examine(settings):
        print(f"{'✓' if check.well else '✗'} {check.name}{'' if check.well else ': ' + check.advice}")
        ill += not check.well
    return 1 if ill else 0


if __name__ == "__main__":
    sys.exit(main())
