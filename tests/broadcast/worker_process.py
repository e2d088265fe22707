"""A worker in a process of its own whose work never ends: `worker_process.py URL FOLDER LIMIT_S [FAKE_ENGINE]`.

With an engine, it is that one that hangs; the number of its process is in FOLDER/pid.
"""

import signal
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from broadcast import rendering
from broadcast.database import Database
from broadcast.rendering import Workshop
from broadcast.speech.engine import ENGINES
from broadcast.storage import Storage
from broadcast.work import Work
from broadcast.worker import Worker
from streams.media import Limits


def hang(_: Workshop, work: Work) -> dict[str, Any]:
    """A decoder that never comes back."""
    print("begun", work.id, flush=True)
    while True:
        time.sleep(0.1)


def main(url: str, folder: Path, limit_s: float, engine: str = "") -> None:
    """Work until told to stop."""
    if engine:
        ENGINES["espeak"] = (sys.executable, engine, "hangs", str(folder / "pid"))  # type: ignore[index]
        print("begun", flush=True)
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    workshop = Workshop(Database(url), Storage(folder), folder, Limits(), lambda: datetime.now(UTC))
    limits_s, make = {"rendition": limit_s, "speech": limit_s}, rendering.make if engine else hang
    Worker(workshop, "hangs", stop, time_limits_s=limits_s, make=make).run()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), float(sys.argv[3]), *sys.argv[4:])
