"""PROCESS on the pole: `loa agent`. Enrols once with a code; every later start needs only its data folder."""

import argparse
import asyncio
import fcntl
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import structlog

from broadcast.log import configure
from speakers.agent.agent import Agent
from speakers.agent.cache import Cache
from speakers.agent.identity import Identity, enrol, load, save
from speakers.agent.memory import open_memory
from speakers.agent.output import PlayingOutput
from speakers.errors import FleetError, NotEnrolled
from streams.clock import Clock
from streams.door import Door
from streams.loopback import served
from streams.sink import Sink
from streams.sinks.file import WavSink
from streams.sinks.http import HttpSink
from streams.sinks.null import NullSink
from streams.sinks.portaudio import PortAudioSink
from streams.sources.shelf import Shelf

log = structlog.get_logger()


def parser() -> argparse.ArgumentParser:
    """The words that the command takes."""
    words = argparse.ArgumentParser(prog="loa agent", description="The program on the pole.")
    words.add_argument("--station", metavar="URL", help="address of the station; needed for the first start")
    words.add_argument("--code", help="one-time code from the page «Cụm loa»; needed for the first start")
    words.add_argument("--name", default="", help="what this loudspeaker is called")
    words.add_argument("--data", type=Path, default=Path("loa-agent"), help="folder for identity, sounds and journal")
    words.add_argument(
        "--sink",
        default="portaudio",
        help="portaudio, portaudio:CARD, file:PATH.wav, http:PORT (on this machine) or null (default: portaudio)",
    )
    words.add_argument("--cache-mb", type=int, default=2_000, help="how much sound nobody needs now may be kept")
    words.add_argument("--log", choices=("text", "json"), default="text", help="form of the log on standard error")
    return words


def sink_opener(word: str) -> Callable[[], Sink]:
    """What opens the sink that the word names. Raises FleetError."""
    kind, _, rest = word.partition(":")
    if kind == "null":
        return NullSink
    if kind == "file" and rest:
        return lambda: WavSink(Path(rest))
    if kind == "portaudio":
        return lambda: PortAudioSink(rest)
    raise FleetError(
        f"There is no sink «{word}». Sinks are portaudio, portaudio:CARD, file:PATH.wav, http:PORT and null."
    )


def http_port(word: str) -> int | None:
    """The port in `http:PORT`; None for every other word."""
    kind, _, rest = word.partition(":")
    return int(rest) if kind == "http" and rest.isdecimal() and int(rest) < 65_536 else None


@asynccontextmanager
async def opener_of(word: str) -> AsyncIterator[Callable[[], Sink]]:
    """As `sink_opener`; with `http:PORT` listeners are let in while the context lasts. Raises FleetError, OSError."""
    port = http_port(word)
    if port is None:
        yield sink_opener(word)
        return
    sink = HttpSink(asyncio.get_running_loop())
    async with served(Door(sink, lambda name: name, kinds=["ogg"]), port) as open_port:
        log.info("listen_here", address=f"http://127.0.0.1:{open_port}/listen/pole.ogg")
        yield lambda: sink


def identity_of(options: argparse.Namespace) -> Identity:
    """The kept identity, or a new one by the code. Raises FleetError."""
    try:
        return load(options.data)
    except NotEnrolled:
        if not (options.station and options.code):
            raise
    identity = enrol(options.station, options.code, options.name)
    save(identity, options.data)
    log.info("enrolled", device=identity.device_id, unit=identity.unit_path)
    return identity


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Holds the folder for this process. Raises FleetError when another agent has it."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise FleetError(f"Another agent is using the folder {folder}. Give each its own --data.") from None
        yield


async def run(identity: Identity, options: argparse.Namespace) -> None:
    """The pole, until SIGTERM or SIGINT."""
    clock = Clock()
    renditions = options.data / "renditions"
    cache = Cache(renditions, identity.media_url, options.cache_mb * 1_000_000)
    memory = open_memory(options.data)
    async with opener_of(options.sink) as open_sink:
        with PlayingOutput(clock, Shelf(renditions).open, open_sink) as output:
            agent = Agent(identity, memory, cache, output, clock)
            agent.recall()
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(agent.run(), name="agent"), group.create_task(cache.run(), name="cache")]
                for number in (signal.SIGTERM, signal.SIGINT):
                    asyncio.get_running_loop().add_signal_handler(number, lambda: [task.cancel() for task in tasks])
    memory.close()


def main(argv: Sequence[str]) -> int:
    """Runs until told to stop; `argv` begins with the command's own name. Returns the exit status."""
    options = parser().parse_args(argv[1:])
    configure(options.log)
    try:
        if http_port(options.sink) is None:
            sink_opener(options.sink)
        with alone(options.data):
            identity = identity_of(options)
            structlog.contextvars.bind_contextvars(device=identity.device_id, unit=identity.unit_path)
            with suppress(asyncio.CancelledError, KeyboardInterrupt):
                asyncio.run(run(identity, options))
    except (FleetError, OSError) as error:
        print(f"loa agent: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(["agent", *sys.argv[1:]]))
