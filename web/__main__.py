"""PROCESS `loa serve` and `loa demo`: everything in one. Reads the settings, prints what is told once, and serves."""

import argparse
import asyncio
import sys
from dataclasses import replace
from pathlib import Path

from broadcast.errors import LoaError
from broadcast.log import configure
from broadcast.settings import Settings, load
from web.demo import Demo, doors, seed, welcome
from web.serving import first_account, open_database, serve


def main(argv: list[str] | None = None) -> int:
    """Run `serve` or `demo`; the words begin with the command. Returns the exit status."""
    arguments = _parser().parse_args(sys.argv[1:] if argv is None else argv)
    try:
        settings = load(data=arguments.data, http_port=arguments.port)
        configure(settings.log_format)
        if arguments.command == "demo":
            _demo(settings, arguments.port, arguments.sink)
        else:
            _serve(settings)
    except LoaError as error:
        print(f"loa {arguments.command}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        pass
    return 0


def _serve(settings: Settings) -> None:
    database = open_database(settings)
    try:
        first = first_account(database)
        if first is not None:
            name, password = first
            print(f"\n  {settings.base_url}\n  Tài khoản đầu tiên, chỉ in một lần: {name} / {password}\n", flush=True)
        asyncio.run(serve(settings, database))
    finally:
        database.close()


def _demo(settings: Settings, port: int | None, sink: str) -> None:
    ports = doors(settings.data, port)
    settings = replace(settings, http_port=ports.http, mqtt_port=ports.mqtt, heartbeat_s=min(settings.heartbeat_s, 10))
    database = open_database(settings)
    try:
        seeded = seed(database, settings.data)
        print(welcome(seeded, settings.base_url, settings.data), flush=True)
        asyncio.run(serve(settings, database, Demo(seeded, settings.data, sink).beside))
    finally:
        database.close()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="loa")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in (("serve", "the whole station"), ("demo", "a station with six agents, ready to try")):
        command = commands.add_parser(name, help=text)
        command.add_argument("--port", type=int, help="port of the web server")
        command.add_argument("--data", type=Path, help="data folder")
        if name == "demo":
            command.add_argument("--sink", default="null", help="sink of the first agent: null, portaudio, file:PATH")
    return parser


if __name__ == "__main__":
    sys.exit(main())
