"""Files opened into packets once, within a bound on memory."""

from pathlib import Path

import pytest

from streams.errors import SoundMissing
from streams.packet_store import PacketStore
from streams.packets import packet_run


@pytest.fixture
def rendition(tmp_path: Path, ears) -> bytes:
    return ears.write_rendition(tmp_path / "rendition.opus", ears.tone(500, 3)).read_bytes()


def test_a_missing_file_is_missing(tmp_path: Path) -> None:
    with pytest.raises(SoundMissing, match="cannot be read"):
        PacketStore(lambda sound: tmp_path / sound).load("rendition:a")


def test_the_store_forgets_the_least_used_beyond_its_bound(tmp_path: Path, rendition: bytes) -> None:
    for name in "abc":
        (tmp_path / name).write_bytes(rendition)
    size = packet_run(rendition).size_bytes
    store = PacketStore(lambda sound: tmp_path / sound, limit_bytes=2 * size)
    first = store.load("a")
    store.load("b")
    assert store.load("a") is first

    store.load("c")

    assert store.held_bytes == 2 * size
    assert store.load("a") is first
