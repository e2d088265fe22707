"""The `loa` command: a table of contents of the programs in the five rooms.

Each room's `__main__` knows its own subcommands; this file only finds the room, so that `loa agent` on a pole
never loads the web framework or the database of the station.
"""

import sys
from importlib import import_module

COMMANDS = {
    "serve": ("web", "the whole station in one process"),
    "demo": ("web", "a station with six loudspeaker agents, seeded, ready to try"),
    "account": ("broadcast", "add people and change their rights and passwords"),
    "voice": ("broadcast", "list, download and verify speech voices"),
    "work": ("broadcast", "a worker for renditions and speech"),
    "agent": ("speakers.agent", "the program on the pole"),
    "code": ("speakers", "print one-time codes that enrol loudspeakers"),
    "simulate": ("speakers", "many light agents in one process, over real MQTT"),
    "doctor": ("monitoring", "check this machine and say what to do"),
    "bench": ("tests.bench", "measure against the peers (in a checkout)"),
}


def usage() -> str:
    """The list of commands, as printed for `loa` alone."""
    lines = [f"  {name:<10}{text}" for name, (_, text) in COMMANDS.items()]
    return "\n".join(["usage: loa COMMAND [options]; `loa COMMAND --help` tells more.", "", *lines])


def main(argv: list[str] | None = None) -> int:
    """Run one command; returns its exit status (2: unknown command)."""
    words = sys.argv[1:] if argv is None else argv
    if not words or words[0] in {"-h", "--help", "help"}:
        print(usage())
        return 0 if words else 2
    name = words[0]
    if name not in COMMANDS:
        print(f"loa: there is no command «{name}».\n\n{usage()}", file=sys.stderr)
        return 2
    room = COMMANDS[name][0]
    try:
        root = import_module(f"{room}.__main__")
    except ModuleNotFoundError as error:
        print(
            f"loa {name}: {error.name} is not installed. Install the station with `pip install .[station]`.",
            file=sys.stderr,
        )
        return 2
    return int(root.main(words))


if __name__ == "__main__":
    sys.exit(main())
