"""Sound made on the spot, ears that decode what a listener received, an engine that is wound by hand."""

import asyncio
import contextlib
import io
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import av
import numpy as np
import pytest

from streams.channel import BLOCK_SAMPLES
from streams.clock import HandClock
from streams.encoder import OpusEncoder
from streams.engine import LEAD_SAMPLES, Engine, deliver
from streams.frame import SAMPLE_RATE_HZ, Samples
from streams.mount import Kind, Listener
from streams.ogg import PageWriter, block_of
from streams.packet_store import PacketStore
from streams.source import Sound
from streams.sources.file import FileSound
from streams.sources.tone import open_tone

NOON = 1_764_000_000 * SAMPLE_RATE_HZ


class Ears:
    """Makes tones and renditions, and listens to what became of them."""

    def __init__(self, program_of: Callable[[str], str]) -> None:
        self._program_of = program_of

    def tone(self, frequency_hz: float, seconds: float, level: float = 0.4) -> Samples:
        """A sine that begins at zero."""
        times = np.arange(round(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
        return (level * np.sin(2 * np.pi * frequency_hz * times)).astype(np.float32)

    def write_rendition(self, path: Path, samples: Samples) -> Path:
        """An Ogg Opus file of whole 20 ms frames, one second a page, as renditions are."""
        encoder = OpusEncoder(32_000, application="audio")
        packets = encoder.encode(samples[: samples.size // 960 * 960]) + encoder.flush()
        writer = PageWriter(3)
        path.parent.mkdir(parents=True, exist_ok=True)
        headers = writer.headers()
        pages = [writer.page(block_of(packets[at : at + 40])) for at in range(0, len(packets), 40)]
        path.write_bytes(headers + b"".join(pages))
        return path

    def decode(self, content: bytes, form: str | None = None) -> Samples:
        """All samples of an encoded stream as PyAV hears it."""
        with av.open(io.BytesIO(content), format=form) as container:
            frames = [frame.to_ndarray() for frame in container.decode(audio=0)]
        return np.concatenate(frames, axis=1).astype(np.float32)[0]

    def decode_with_ffmpeg(self, content: bytes) -> tuple[Samples, str]:
        """All samples as the FFmpeg program hears them, and what it complained about."""
        command = [
            self._program_of("ffmpeg"),
            "-v",
            "warning",
            "-i",
            "pipe:0",
            "-f",
            "f32le",
            "-ac",
            "1",
            "-ar",
            "48000",
            "pipe:1",
        ]
        done = subprocess.run(command, input=content, capture_output=True, check=True, timeout=60)
        return np.frombuffer(done.stdout, dtype=np.float32), done.stderr.decode()

    def pitch_hz(self, samples: Samples) -> float:
        """The loudest frequency in some samples."""
        spectrum = np.abs(np.fft.rfft(samples * np.hanning(samples.size)))
        return float(np.argmax(spectrum)) * SAMPLE_RATE_HZ / samples.size

    def loudness(self, samples: Samples) -> float:
        """Root mean square."""
        return float(np.sqrt(np.mean(np.square(samples)))) if samples.size else 0.0

    def quiet_stretches_ms(self, samples: Samples, threshold: float = 0.02, window: int = 48) -> list[float]:
        """How long each stretch lasts in which no millisecond is louder than `threshold`."""
        whole = samples[: samples.size // window * window].reshape(-1, window)
        quiet = np.abs(whole).max(axis=1) < threshold
        edges = np.flatnonzero(np.diff(np.concatenate(([0], quiet.astype(np.int8), [0]))))
        return [float(end - begin) * window / 48 for begin, end in zip(edges[::2], edges[1::2], strict=True)]


@pytest.fixture(scope="session")
def ears(program_of: Callable[[str], str]) -> Ears:
    """One pair is enough for all."""
    return Ears(program_of)


@dataclass
class Station:
    """An engine wound by hand: `run` lets time pass, `heard` is what each listener received."""

    folder: Path
    clock: HandClock = field(default_factory=lambda: HandClock(NOON - LEAD_SAMPLES))

    def __post_init__(self) -> None:
        self.packets = PacketStore(self.path)
        self.engine = Engine(self.open_sound, self.packets.load, self.clock, linger_s=2.0)
        self.listeners: list[Listener] = []
        self.heard: list[bytearray] = []

    def path(self, sound: str) -> Path:
        return self.folder / f"{sound.removeprefix('rendition:')}.opus"

    def open_sound(self, name: str) -> Sound:
        return FileSound(self.path(name)) if name.startswith("rendition:") else open_tone(name.partition(":")[2])

    def listen(self, channel: str, kind: Kind = "ogg") -> int:
        self.listeners.append(self.engine.listen(channel, kind))
        self.heard.append(bytearray())
        return len(self.listeners) - 1

    async def run(self, seconds: float) -> None:
        for _ in range(round(seconds * 5)):
            self.engine.prepare()
            deliver(self.engine.beat())
            self.clock.wind(BLOCK_SAMPLES)
            for number, listener in enumerate(self.listeners):
                with contextlib.suppress(TimeoutError):
                    self.heard[number] += await asyncio.wait_for(listener.read(), 0.001) or b""


@pytest.fixture
def station(tmp_path: Path) -> Station:
    return Station(tmp_path)
