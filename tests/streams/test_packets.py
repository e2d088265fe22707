"""Renditions opened into packets: FFmpeg's files and ours, and damage."""

import io
from pathlib import Path

import av
import pytest

from streams.errors import SoundDamaged
from streams.ogg import PageWriter, block_of, pages
from streams.packets import packet_run


def packets_by_pyav(content: bytes) -> list[bytes]:
    with av.open(io.BytesIO(content)) as container:
        return [bytes(packet) for packet in container.demux(audio=0) if packet.size]


@pytest.fixture
def rendition(tmp_path: Path, ears) -> bytes:
    return ears.write_rendition(tmp_path / "rendition.opus", ears.tone(500, 3)).read_bytes()


def written_by_ffmpeg(samples, **options: str) -> bytes:
    """An Ogg Opus file that FFmpeg's own muxer wrote."""
    file = io.BytesIO()
    with av.open(file, "w", format="ogg", options=options) as container:
        stream = container.add_stream("libopus", rate=48_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(samples[None], format="flt", layout="mono")
        frame.sample_rate = 48_000
        frame.pts = 0
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)
    return file.getvalue()


@pytest.mark.parametrize("options", [{}, {"page_duration": "200000"}])
def test_the_packets_are_those_that_ffmpeg_finds(ears, options: dict[str, str]) -> None:
    content = written_by_ffmpeg(ears.tone(500, 3), **options)

    run = packet_run(content)

    expected = packets_by_pyav(content)
    assert [run.cut(number, 1).body for number in range(len(run))] == expected
    assert run.length == 3 * 48_000
    assert run.passable


def test_a_block_is_the_packets_end_to_end(rendition: bytes) -> None:
    run = packet_run(rendition)
    packets = packets_by_pyav(rendition)

    assert run.cut(7, 10) == block_of(packets[7:17])
    assert run.cut(len(run) - 3, 10) == block_of(packets[-3:])
    assert run.cut(len(run), 10).frames == 0


def test_a_packet_that_goes_on_in_the_next_page_is_one_packet() -> None:
    whole = block_of([b"\x08" + b"a" * 600])
    writer = PageWriter(1)
    head = writer.headers()
    first = writer._page(whole.lacing[:1], whole.body[:255], -1, 0)
    second = writer._page(whole.lacing[1:], whole.body[255:], 960, 1)

    run = packet_run(head + first + second)

    assert run.cut(0, 1) == whole


def test_packets_that_are_not_twenty_milliseconds_of_mono_are_not_passed_through(ears) -> None:
    assert packet_run(written_by_ffmpeg(ears.tone(500, 1))).passable
    for first_byte in (0xFC, 0xF0, 0xF9):
        writer = PageWriter(1)
        assert not packet_run(writer.headers() + writer.page(block_of([bytes((first_byte, 0xFF, 0xFE))] * 3))).passable


def test_what_is_not_one_whole_opus_stream_is_damaged(rendition: bytes) -> None:
    parts = [rendition.find(b"OggS", at + 1) for at in (0, 100)]
    second_audio_page = rendition.find(b"OggS", rendition.find(b"OggS", parts[1]) + 1)
    headers_only = rendition[: rendition.find(b"OggS", parts[0] + 1)]
    assert len(list(pages(headers_only))) == 2
    for content in (b"", b"OggS", rendition[:-1], rendition[parts[0] :], rendition * 2, headers_only, b"RIFF" * 50):
        with pytest.raises(SoundDamaged):
            packet_run(content)
    with pytest.raises(SoundDamaged, match="missing or foreign"):
        packet_run(headers_only + rendition[second_audio_page:])
