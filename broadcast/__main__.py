"""PROCESS: `loa account`, `loa voice` and `loa work`, the commands that need the station's law and no network."""

import argparse
import asyncio
import os
import secrets
import signal
import sys
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from broadcast import account_command, voice_command
from broadcast.database import Database
from broadcast.errors import LoaError
from broadcast.log import configure
from broadcast.rendering import KINDS, Workshop
from broadcast.settings import Settings, load
from broadcast.storage import Storage
from broadcast.worker import Worker, stop_with_parent, supervise_workers
from streams.media import Limits

_NICE = 10
"""Workers step back for the beat and the pages."""


def main(argv: list[str] | None = None) -> int:
    """Run one of the commands; the words begin with its name. Returns the exit status."""
    everywhere, words = _for_all().parse_known_args(sys.argv[1:] if argv is None else argv)
    arguments = _parser().parse_args(words)
    try:
        settings = load(data=everywhere.data)
        if arguments.command == "account":
            return account_command.run(arguments, opened(settings), _now())
        if arguments.command == "voice":
            return voice_command.run(arguments, settings.data / "voices")
        if arguments.one is None:
            return asyncio.run(_workers(settings))
        return work_here(settings, arguments.one or KINDS)
    except LoaError as error:
        print(f"loa {arguments.command}: {error}", file=sys.stderr)
        return 1


def opened(settings: Settings) -> Database:
    """The station's database, of this version."""
    settings.data.mkdir(parents=True, exist_ok=True)
    database = Database(settings.database_url)
    database.upgrade()
    return database


def workshop_of(settings: Settings) -> Workshop:
    """Where the workers of this station work."""
    return Workshop(
        database=opened(settings),
        storage=Storage(settings.data / "media"),
        voices_folder=settings.data / "voices",
        limits=Limits(bytes=settings.upload_max_bytes, duration_s=settings.upload_max_s),
        now=_now,
    )


def work_here(settings: Settings, kinds: Sequence[str]) -> int:
    """Be a worker for these kinds of work until told to stop."""
    configure(settings.log_format)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    stop_with_parent(stop)
    os.nice(_NICE)
    workshop = workshop_of(settings)
    Worker(workshop, f"{os.getpid()}-{secrets.token_hex(4)}", stop, kinds=kinds).run()
    workshop.database.close()
    return 0


async def _workers(settings: Settings) -> int:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await supervise_workers(settings, stop)
    return 0


def _for_all() -> argparse.ArgumentParser:
    """What may stand anywhere among the words of a command."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--data", type=Path)
    return parser


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="loa", epilog="Every command takes --data DIR, the folder of the station.")
    commands = parser.add_subparsers(dest="command", required=True)
    account_command.add_parser(commands)
    voice_command.add_parser(commands)
    work = commands.add_parser("work", help="worker processes for renditions and speech")
    one = "be one worker for these kinds of work, not the supervisor of `workers` of them"
    work.add_argument("--one", nargs="*", choices=KINDS, metavar="KIND", help=one)
    return parser


def _now() -> datetime:
    return datetime.now(UTC)


if __name__ == "__main__":
    sys.exit(main())
