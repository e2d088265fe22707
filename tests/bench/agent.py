"""What an agent costs while it plays: CPU time and memory of its process over 30 s, by the kernel's account.

A real agent of a real station, with the null sink (everything but the sound card: it decodes, mixes, keeps its journal
and its connection), in the middle of a spoken notice. The peer plays the same file at the same time: the ffmpeg program
decodes it at the pace of real time into nothing, without schedule, signature, journal or connection.
"""

import subprocess
import time
from pathlib import Path

from tests.bench.now import press
from tests.bench.rendition import version
from tests.bench.row import Row
from tests.bench.spoken import spoken
from tests.bench.station import cpu_seconds_of, pole, ready_programme, resident_mb, station

NOTICE_S = 42
BEGUN_S = 4.0
STEADY_S = 30.0
REACH_PERCENT, REACH_MB = 3.0, 120.0


def measure(steady_s: float = STEADY_S) -> list[Row]:
    """The row. Takes about a minute and a half."""
    with station() as house:
        agent = pole(house, "pole", "null")
        house.until_poles_are_there(1)
        recording = house.folder / "ban tin.wav"
        spoken(NOTICE_S, recording)
        programme_id = ready_programme(house, recording, ["pole"])
        (rendition,) = (house.folder / "pole" / "renditions").glob("*/*.opus")
        time.sleep(BEGUN_S)
        press(house, house.visitor("bientap"), programme_id)
        with player_of(rendition) as player:
            time.sleep(BEGUN_S)
            before = cpu_seconds_of(agent.pid), cpu_seconds_of(player.pid)
            began = time.monotonic()
            time.sleep(steady_s)
            passed_s = time.monotonic() - began
            after = cpu_seconds_of(agent.pid), cpu_seconds_of(player.pid)
            memory_mb, most_mb = resident_mb(agent.pid), resident_mb(agent.pid, "VmHWM")
            player_mb = resident_mb(player.pid)
            player.terminate()
        rows = house.until(house.as_run, "the agent's report")
    ours, theirs = (100 * (end - begin) / passed_s for begin, end in zip(before, after, strict=True))
    played = [row.state for row in rows] == ["played"]
    return [
        Row(
            "agent",
            f"{ours:.1f} % of a core, {memory_mb:.0f} MB (at most {most_mb:.0f} MB since its start)",
            f"ffmpeg {version()} decoding the same file in real time: {theirs:.1f} %, {player_mb:.0f} MB",
            played and ours <= REACH_PERCENT and most_mb <= REACH_MB,
        )
    ]


def player_of(rendition: Path) -> "subprocess.Popen[bytes]":
    """The peer, playing."""
    command = ["ffmpeg", "-v", "error", "-nostdin", "-re", "-i", str(rendition), "-f", "null", "-"]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
