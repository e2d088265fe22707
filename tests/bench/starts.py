"""How exactly scheduled items begin at the loudspeaker: at a WAV file, and at PortAudio on a PulseAudio null sink.

A real station, two real agents with each sink, one sound of a second, scheduled every two seconds. For each start the
journal says how far from its time the agent was when it handed the first sample on. It is not believed alone: starts
are found by correlation in what came out. In the WAV file the place of a sample is its time, so both errors add up. The
null sink is recorded at its monitor: the count of samples gives the distance between starts exactly, the recorder's
clock their instants to about 10 ms (PulseAudio hands sound to a monitor in such pieces).
"""

import contextlib
import subprocess
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from broadcast.account import account_of_name, person_from
from broadcast.asrun import AsRun
from broadcast.programme import Programme
from broadcast.schedule import add
from streams.frame import SAMPLE_RATE_HZ, Samples, sample_position
from tests.bench.row import Row
from tests.bench.soundcard import SINKS, Monitor, monitored, soundcards
from tests.bench.station import House, chirp, percentile, pole, ready_programme, station
from tests.station.conftest import DA_NANG, Ears, until

STARTS = 32
EVERY_S = 2
SOUND_S = 1.0
AHEAD_S = 8
REACH_FILE_MS, REACH_CARD_MS = 20.0, 50.0
POLES = ("file1", "file2", "card1", "card2")
_SEARCH = SAMPLE_RATE_HZ // 2
_TEMPLATE = SAMPLE_RATE_HZ // 2


def schedule(house: House, programme_id: str, count: int) -> list[datetime]:
    """`count` schedules of a programme, EVERY_S apart; gives their instants."""
    first = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=AHEAD_S)
    starts = [first + timedelta(seconds=EVERY_S * number) for number in range(count)]
    with house.database.transaction() as session:
        programme = session.get_one(Programme, programme_id)
        editor = person_from(session, account_of_name(session, "bientap"))
        for start in starts:
            wall = f"{start.astimezone(DA_NANG):%Y-%m-%dT%H:%M:%S}"
            add(session, programme, [(house.unit_id, None)], wall, person=editor, now=datetime.now(UTC))
    return starts


def decoded(rendition: Path) -> Samples:
    """The sound that should be heard, by the codec's own library (FFmpeg's differs from it by two samples)."""
    command = ["ffmpeg", "-v", "error", "-c:a", "libopus", "-i", str(rendition), "-f", "f32le", "-ac", "1", "-"]
    done = subprocess.run(command, check=True, capture_output=True, timeout=60)
    return np.frombuffer(done.stdout, dtype=np.float32)


def place_of(sound: Samples, recorded: Samples, index: int) -> int | None:
    """Where in a recording the sound begins, near `index`; None where it is not to be heard."""
    begin = max(0, index - _SEARCH)
    around = recorded[begin : index + _SEARCH + _TEMPLATE]
    template = sound[:_TEMPLATE]
    if around.size < template.size:
        return None
    size = around.size + template.size
    likeness = np.fft.irfft(np.fft.rfft(around, size) * np.conj(np.fft.rfft(template, size)), size)
    best = int(np.argmax(likeness[: around.size - template.size + 1]))
    found = around[best : best + template.size]
    alike = float(np.dot(found, template) / (np.linalg.norm(found) * np.linalg.norm(template) + 1e-9))
    return begin + best if alike > 0.8 else None


@dataclass(frozen=True, slots=True)
class Heard:
    """The starts at one pole: journal's errors, and those found in what came out, in ms; `lost` were not found."""

    journal_ms: list[float]
    found_ms: list[float]
    lost: int

    def and_of(self, other: "Heard") -> "Heard":
        """Both together."""
        return Heard(self.journal_ms + other.journal_ms, self.found_ms + other.found_ms, self.lost + other.lost)


def at_file(rows: list[AsRun], sound: Samples, path: Path) -> Heard:
    """What the file of a pole shows: the place of a sample is its time."""
    recorded = Ears().heard(path)
    planned = [sample_position(row.planned_start) for row in rows]
    places = [place_of(sound, recorded.samples, start - recorded.position) for start in planned]
    found = [
        (recorded.position + place - start) * 1000 / SAMPLE_RATE_HZ
        for place, start in zip(places, planned, strict=True)
        if place is not None
    ]
    return Heard(_journal_ms(rows), found, places.count(None))


def at_card(rows: list[AsRun], sound: Samples, monitor: Monitor) -> Heard:
    """What the monitor of a sound card shows."""
    recorded = monitor.samples()
    beginning = monitor.position_of(0)
    found, lost = [], 0
    for row in rows:
        start = sample_position(row.planned_start)
        place = place_of(sound, recorded, start - beginning)
        if place is None:
            lost += 1
        else:
            found.append((monitor.position_of(place) - start) * 1000 / SAMPLE_RATE_HZ)
    return Heard(_journal_ms(rows), found, lost)


def _journal_ms(rows: list[AsRun]) -> list[float]:
    return [abs(row.start_error_ms) for row in rows if row.start_error_ms is not None]


def rows_of_poles(house: House, count: int) -> list[list[AsRun]]:
    """The reports of all poles, each in order of time, in the order in which the poles were enrolled."""
    rows = until(lambda: found if len(found := house.as_run()) >= count * len(POLES) else None, "all reports", 90)
    devices = [(house.folder / name / "identity.json").read_text() for name in POLES]
    return [[row for row in rows if f'"{row.device_id}"' in identity] for identity in devices]


def measure(count: int = STARTS) -> list[Row]:
    """Both rows. Takes a minute and a half."""
    with station() as house, soundcards(house.folder) as environment, contextlib.ExitStack() as stack:
        for name in POLES[:2]:
            pole(house, name, f"file:{house.folder / name}.wav")
        for name, sink in zip(POLES[2:], SINKS, strict=True):
            pole(house, name, "portaudio:pulse", environment | {"PULSE_SINK": sink})
        house.until_poles_are_there(len(POLES))
        recording = house.folder / "tin hieu.wav"
        chirp(recording, SOUND_S)
        programme_id = ready_programme(house, recording, list(POLES))
        (rendition,) = (house.folder / POLES[0] / "renditions").glob("*/*.opus")
        sound = decoded(rendition)
        monitors = [stack.enter_context(monitored(environment, sink)) for sink in SINKS]
        starts = schedule(house, programme_id, count)
        time.sleep((starts[-1] - datetime.now(UTC)).total_seconds() + SOUND_S)
        rows = rows_of_poles(house, count)
        stack.close()
        files = [at_file(rows[n], sound, house.folder / f"{POLES[n]}.wav") for n in (0, 1)]
        cards = [at_card(rows[n + 2], sound, monitors[n]) for n in (0, 1)]
    return [_file_row(files[0].and_of(files[1]), 2 * count), _card_row(cards, 2 * count)]


def _file_row(heard: Heard, count: int) -> Row:
    p99_ms = percentile(heard.journal_ms, 99) + percentile([abs(error) for error in heard.found_ms], 99)
    exact = sum(error == 0 for error in heard.found_ms)
    return Row(
        "start-file",
        f"p99 {p99_ms:.1f} ms, p50 {percentile(heard.journal_ms, 50):.1f} ms ({len(heard.journal_ms)} starts); in the "
        f"file the first sample is at the planned sample {exact} times of {count}",
        "none",
        p99_ms <= REACH_FILE_MS and len(heard.journal_ms) == count and not heard.lost,
    )


def _card_row(cards: list[Heard], count: int) -> Row:
    heard = cards[0].and_of(cards[1])
    found_ms = [abs(error) for error in heard.found_ms]
    p99_ms = percentile(found_ms, 99)
    spread_ms = max(max(card.found_ms) - min(card.found_ms) for card in cards)
    told_ms = percentile(heard.journal_ms, 99)
    return Row(
        "start-portaudio",
        f"p99 {p99_ms:.1f} ms, p50 {percentile(found_ms, 50):.1f} ms at the monitor ({len(found_ms)} starts), those "
        f"of one card within {spread_ms:.1f} ms of each other; p99 {told_ms:.1f} ms by the journal",
        "none",
        max(p99_ms, told_ms) <= REACH_CARD_MS and len(found_ms) == count,
    )
