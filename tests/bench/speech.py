"""A minute of espeak speech, from the moment its text is saved to the moment its sound is ready to be approved.

The whole way of a real worker process, started as the station starts it: it finds the piece in the queue, has the text
spoken, levels and encodes it, and writes down that the sound is ready. Several different notices, one after the other;
all of it counts, the wait in the queue too. The peer speaks the same text with the same engine and makes the rendition
with the ffmpeg program: two passes of `loudnorm`, then libopus. It has no queue and keeps no books.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from broadcast.account import account_of_name, add_account, person_from
from broadcast.administrative_unit import city, seed_da_nang, unit_of_slug
from broadcast.composition import write_text
from broadcast.database import Database
from broadcast.programme import Programme
from broadcast.storage import Storage
from tests.bench.rendition import version
from tests.bench.row import Row
from tests.bench.spoken import VOICES, plain_rendition, spoken, text_of

LENGTH_S = 60
NOTICES = 6
REACH_S = 3.0
GIVES_UP_S = 60.0
LOOK_EVERY_S = 0.01


@contextmanager
def worker(folder: Path) -> Iterator[Database]:
    """A station's database with one editor, and a worker that has done one short notice already."""
    settings = {"LOA_DATA": str(folder), "LOA_CONFIG": str(folder / "none.toml"), "LOA_DATABASE": ""}
    database = Database(f"sqlite:///{folder / 'loa.db'}")
    database.upgrade()
    now = datetime.now(UTC)
    with database.transaction() as session:
        seed_da_nang(session, now.date())
        add_account(session, "bientap", "Biên tập", "editor", city(session), password="mot mat khau dai", now=now)
    command = [sys.executable, "-m", "broadcast", "work", "--one"]
    with (folder / "worker.log").open("wb") as lines:
        process = subprocess.Popen(command, env={**os.environ, **settings}, stdout=lines, stderr=lines)
    try:
        ready_after(database, Storage(folder / "media"), "Thông báo. Xin chào bà con.", VOICES[0])
        yield database
    finally:
        process.terminate()
        process.wait(20)
        database.close()


def ready_after(database: Database, storage: Storage, text: str, voice: str) -> tuple[float, float]:
    """Seconds from saving the text to its sound being ready, and how long the sound is."""
    with database.transaction() as session:
        editor = person_from(session, account_of_name(session, "bientap"))
        place = unit_of_slug(session, "hai-chau")
        written = write_text(
            session, place, "Thông báo", text,
            voice=voice, storage=storage, person=editor, now=datetime.now(UTC),
        )  # fmt: skip
        programme_id = written.id
    saved = time.perf_counter()
    while (passed_s := time.perf_counter() - saved) < GIVES_UP_S:
        with database.reading() as session:
            programme = session.get_one(Programme, programme_id)
            if programme.sound_state == "ready":
                return passed_s, programme.duration_ms / 1000
            if programme.sound_state == "failed":
                raise RuntimeError(f"The notice was not spoken: {programme.sound_reason}")
        time.sleep(LOOK_EVERY_S)
    raise RuntimeError(f"The notice was not ready within {GIVES_UP_S:.0f} s.")


def peer(folder: Path) -> float:
    """Seconds for a minute of speech the plain way."""
    began = time.perf_counter()
    length_s = spoken(LENGTH_S, folder / "plain.wav")
    plain_rendition(folder / "plain.wav", folder / "plain.opus")
    return (time.perf_counter() - began) * LENGTH_S / length_s


def measure(notices: int = NOTICES) -> list[Row]:
    """The row. Takes about half a minute."""
    with tempfile.TemporaryDirectory(prefix="loa-bench-") as name:
        folder = Path(name)
        with worker(folder) as database:
            # Each a little more than a minute: what came out longer than a minute is counted down to it.
            storage = Storage(folder / "media")
            texts = [text_of(LENGTH_S, turn) for turn in range(notices)]
            found = [ready_after(database, storage, text, VOICES[turn % 3]) for turn, text in enumerate(texts)]
        peer_s = peer(folder)
    taken = [passed_s * LENGTH_S / length_s for passed_s, length_s in found]
    lengths = [length_s for _, length_s in found]
    return [
        Row(
            "speech",
            f"{statistics.median(taken):.2f} s, at most {max(taken):.2f} s, for each of {notices} notices of "
            f"{min(lengths):.0f} to {max(lengths):.0f} s (reckoned for {LENGTH_S} s)",
            f"the same engine, then ffmpeg {version()}, `loudnorm` in two passes and libopus: {peer_s:.2f} s",
            max(taken) <= REACH_S,
        )
    ]
