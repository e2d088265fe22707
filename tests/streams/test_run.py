"""Packets in memory decode to the same samples as their file."""

from pathlib import Path

import numpy as np
import pytest

from streams.errors import SoundDamaged
from streams.ogg import PageWriter, block_of
from streams.packets import packet_run
from streams.sources.file import FileSound
from streams.sources.run import RunSound


@pytest.mark.parametrize("offset", [0, 1, 959, 960, 4800, 30_001, 95_000])
def test_it_decodes_to_what_the_file_decodes_to(tmp_path: Path, ears, offset: int) -> None:
    path = ears.write_rendition(tmp_path / "one.opus", ears.tone(440, 2))
    by_file, by_run = FileSound(path), RunSound(packet_run(path.read_bytes()))
    file_reader, run_reader = by_file.decode(offset), by_run.decode(offset)

    assert by_run.length == by_file.length
    for count in (1, 700, 24_000, 100_000):
        expected, found = file_reader.read(count), run_reader.read(count)
        assert found.size == expected.size
        assert not expected.size or np.abs(found - expected).max() < 0.002
    file_reader.close()
    run_reader.close()


def test_beyond_its_end_there_is_nothing(tmp_path: Path, ears) -> None:
    run = packet_run(ears.write_rendition(tmp_path / "one.opus", ears.tone(440, 1)).read_bytes())

    assert RunSound(run).decode(run.length).read(10).size == 0
    assert RunSound(run).decode(run.length + 48_000).read(10).size == 0


def test_a_packet_that_cannot_be_decoded_is_damage() -> None:
    writer = PageWriter(1)
    run = packet_run(writer.headers() + writer.page(block_of([b"\xfb" + b"\xff" * 3] * 8)))

    with pytest.raises(SoundDamaged):
        RunSound(run).decode(0).read(4800)
