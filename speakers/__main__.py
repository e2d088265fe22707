"""ROOT of the fleet's commands: `loa simulate N`, many light agents in one process over real MQTT, and `loa code`."""

import argparse
import asyncio
import csv
import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import structlog

from broadcast.database import Database
from broadcast.errors import LoaError
from broadcast.log import configure
from broadcast.settings import load as load_settings
from speakers import code_command
from speakers.agent.identity import Identity, enrol, load, save
from speakers.errors import FleetError, NotEnrolled
from speakers.simulator import FirstSample, simulate

log = structlog.get_logger()


def parser() -> argparse.ArgumentParser:
    """The words that the command takes."""
    words = argparse.ArgumentParser(
        prog="loa simulate",
        description="Run N pretended loudspeakers. Each enrols once, with a code of its own, and is kept in --data.",
    )
    words.add_argument("count", type=int, metavar="N", help="how many")
    words.add_argument("--station", metavar="URL", help="address of the station; needed to enrol")
    words.add_argument("--codes", metavar="FILE", help="one-time codes, one a line; - reads them from standard input")
    words.add_argument("--data", type=Path, default=Path("loa-simulated"), help="folder for identities and sounds")
    words.add_argument("--csv", type=Path, help="write when each first sample was heard, one line for each")
    words.add_argument("--verbose", action="store_true", help="say what each device does")
    return words


def codes_of(word: str | None) -> Iterator[str]:
    """Codes from the file, one a line; blank lines and lines with # are passed over. Raises FleetError."""
    if word is None:
        return
    try:
        lines = sys.stdin.readlines() if word == "-" else Path(word).read_text().splitlines()
    except OSError as error:
        raise FleetError(f"The codes in {word} cannot be read: {error.strerror}.") from error
    yield from (line.strip() for line in lines if line.strip() and not line.startswith("#"))


def identities_of(options: argparse.Namespace) -> list[Identity]:
    """Kept identities, and new ones by codes, until there are enough. Raises FleetError."""
    codes = codes_of(options.codes)
    identities = []
    for number in range(options.count):
        folder = options.data / f"{number + 1:05}"
        try:
            identities.append(load(folder))
            continue
        except NotEnrolled:
            code = next(codes, None)
        if code is None or not options.station:
            raise FleetError(
                f"{len(identities)} devices are enrolled, {options.count} are wanted."
                " Give --station URL and --codes FILE with a code for each of the others."
            )
        identity = enrol(options.station, code, f"Loa giả lập {number + 1}")
        save(identity, folder)
        identities.append(identity)
    return identities


def follow(identities: Sequence[Identity], options: argparse.Namespace) -> None:
    """Simulates until interrupted, and writes the CSV as it goes."""
    with Path(options.csv or "/dev/null").open("a", newline="") as file:
        lines = csv.writer(file)
        if file.tell() == 0:
            lines.writerow(["device", "unit", "item", "planned", "heard", "late_ms"])

        def heard(first: FirstSample) -> None:
            late_ms = round(first.late_ms, 1)
            planned, at = first.planned.isoformat(), first.heard.isoformat()
            lines.writerow([first.device_id, first.unit, first.item_id, planned, at, late_ms])
            file.flush()
            if options.verbose:
                log.info("heard", device=first.device_id, item=first.item_id, late_ms=late_ms)

        print(f"loa simulate: {len(identities)} devices; Ctrl-C ends it.", file=sys.stderr)
        with suppress(KeyboardInterrupt):
            asyncio.run(simulate(identities, options.data / "renditions", heard))


def print_codes(words: Sequence[str]) -> int:
    """`loa code`. Returns the exit status."""
    options = code_command.parser().parse_args(words)
    try:
        database = Database(load_settings(data=options.data).database_url)
        print("\n".join(code_command.issue(database, options, datetime.now(UTC))))
        database.close()
    except LoaError as error:
        print(f"loa code: {error}", file=sys.stderr)
        return 1
    return 0


def main(argv: Sequence[str]) -> int:
    """Runs until interrupted; `argv` begins with the command's own name. Returns the exit status."""
    if argv[0] == "code":
        return print_codes(argv[1:])
    options = parser().parse_args(argv[1:])
    if options.count < 1:
        parser().error("N is at least 1.")
    configure("text", logging.INFO if options.verbose else logging.ERROR)
    try:
        follow(identities_of(options), options)
    except FleetError as error:
        print(f"loa simulate: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
