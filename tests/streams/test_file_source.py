"""Renditions read from any sample, tones, the shelf they are found on, and decoding ahead."""

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from streams.encoder import OpusEncoder
from streams.errors import SoundDamaged, SoundMissing
from streams.frame import FRAME_SAMPLES, SAMPLE_RATE_HZ, Samples
from streams.opusfile import Coding, encode, ogg_file
from streams.source import Reader
from streams.sources.ahead import AHEAD_SAMPLES, CHUNK_SAMPLES, Late, ReadAhead
from streams.sources.file import FileSound, RenditionReader
from streams.sources.shelf import Shelf, rendition_path
from streams.sources.tone import open_tone

LENGTH = 6 * SAMPLE_RATE_HZ + 123


def melody(length: int) -> Samples:
    times = np.arange(length) / SAMPLE_RATE_HZ
    noise = np.random.default_rng(5).standard_normal(length)
    return (0.2 * np.sin(2 * np.pi * (300 + 40 * times) * times) + 0.02 * noise).astype(np.float32)


@pytest.fixture(scope="module")
def rendition(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("renditions") / "melody.opus"
    path.write_bytes(ogg_file(encode([melody(LENGTH)], LENGTH, Coding(32_000, "audio")), LENGTH))
    return path


@pytest.fixture(scope="module")
def whole(rendition: Path) -> Samples:
    return RenditionReader(rendition, 0).read(10 * SAMPLE_RATE_HZ)


def test_a_rendition_is_exactly_as_long_as_what_was_encoded(rendition: Path, whole: Samples) -> None:
    assert FileSound(rendition).length == whole.size == LENGTH


def test_what_comes_out_is_what_went_in_and_in_its_place(whole: Samples) -> None:
    original = melody(LENGTH)
    assert float(np.corrcoef(original[4_800:], whole[4_800:])[0, 1]) > 0.97
    shifted = [float(np.dot(original[9_600:-9_600], whole[9_600 + by : by - 9_600])) for by in (-2, -1, 0, 1, 2)]
    assert int(np.argmax(shifted)) == 2


@pytest.mark.parametrize("offset", [0, 1, 311, 312, 960, 4_800, 47_999, 48_000, 150_001, LENGTH - 1, LENGTH])
def test_decoding_from_an_offset_gives_the_same_samples_as_decoding_up_to_it(
    rendition: Path, whole: Samples, offset: int
) -> None:
    reader = RenditionReader(rendition, offset)
    pieces = [reader.read(count) for count in (1, 959, 20_000, 10 * SAMPLE_RATE_HZ)]
    reader.close()
    heard = np.concatenate(pieces)
    assert heard.size == LENGTH - offset
    assert np.abs(heard - whole[offset:]).max(initial=0.0) < 1e-4


def test_a_sound_is_opened_once_for_its_first_decoding_and_again_for_each_further_one(
    rendition: Path, whole: Samples, tmp_path: Path
) -> None:
    moved = tmp_path / "moved.opus"
    moved.write_bytes(rendition.read_bytes())
    sound = FileSound(moved)
    moved.rename(tmp_path / "away.opus")
    assert np.abs(sound.decode(50_000).read(20_000) - whole[50_000:70_000]).max() < 1e-4
    with pytest.raises(SoundMissing):
        sound.decode(0)
    (tmp_path / "away.opus").rename(moved)
    assert np.array_equal(sound.decode(0).read(20_000), whole[:20_000])


def voice(length: int) -> Samples:
    """Three vowels that glide into each other, hisses and pauses: libopus changes between its codings as for speech."""
    times = np.arange(length) / SAMPLE_RATE_HZ
    pitch = 130 + 40 * np.sin(2 * np.pi * 0.8 * times) + 10 * np.sin(2 * np.pi * 5 * times)
    turns = np.cumsum(pitch) / SAMPLE_RATE_HZ
    sound = np.zeros(length)
    for low_hz, high_hz, when in ((700, 1200, 0.0), (300, 2300, 2.1), (400, 800, 4.2)):
        swell = np.clip(np.sin(2 * np.pi * 1.1 * times + when), 0, 1) ** 2
        for number in range(1, 25):
            low, high = (number * 130 - low_hz) / 120, (number * 130 - high_hz) / 200
            level = np.exp(-(low**2)) + 0.6 * np.exp(-(high**2)) + 0.02
            sound += swell * level * np.cos(2 * np.pi * turns * number + number**2)
    hiss = np.diff(np.random.default_rng(1).standard_normal(length + 1)) * 0.3
    hiss *= np.clip(np.sin(2 * np.pi * 1.7 * times), 0, 1) ** 6
    speaks = np.sin(2 * np.pi * 0.3 * times) > -0.6
    return (0.25 * speaks * (sound + hiss)).astype(np.float32)


def test_speech_from_an_offset_is_nearly_what_decoding_up_to_it_gives(tmp_path: Path) -> None:
    length = 10 * SAMPLE_RATE_HZ
    path = tmp_path / "speech.opus"
    path.write_bytes(ogg_file(encode([voice(length)], length, Coding(24_000, "voip", 7)), length))
    whole = RenditionReader(path, 0).read(length)
    for offset in range(60_000, length - 30_000, 6_002):
        heard = RenditionReader(path, offset).read(30_000)
        assert np.abs(heard - whole[offset : offset + 30_000]).max() < 0.01  # -40 dB; after only 80 ms it is -13


def test_beyond_the_end_there_is_nothing(rendition: Path) -> None:
    reader = RenditionReader(rendition, LENGTH + 5_000)
    assert reader.read(960).size == 0
    reader.close()


def test_an_altered_byte_is_noticed(rendition: Path, tmp_path: Path) -> None:
    content = bytearray(rendition.read_bytes())
    content[len(content) // 2] ^= 0xFF
    damaged = tmp_path / "damaged.opus"
    damaged.write_bytes(content)
    with pytest.raises(SoundDamaged):
        RenditionReader(damaged, 0).read(10 * SAMPLE_RATE_HZ)


@settings(max_examples=40, deadline=None)
@given(data=some.data())
def test_hostile_bytes_are_refused_or_read_but_nothing_else(
    data: some.DataObject, rendition: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    content = bytearray(rendition.read_bytes())
    for _ in range(data.draw(some.integers(1, 6))):
        content[data.draw(some.integers(0, len(content) - 1))] = data.draw(some.integers(0, 255))
    path = tmp_path_factory.mktemp("hostile") / "x.opus"
    path.write_bytes(content[: data.draw(some.integers(0, len(content)))])
    try:
        reader = FileSound(path).decode(data.draw(some.integers(0, LENGTH)))
        assert reader.read(10 * SAMPLE_RATE_HZ).dtype == np.float32
        reader.close()
    except SoundMissing:
        pass


def test_what_is_no_rendition_is_missing_or_damaged(tmp_path: Path) -> None:
    with pytest.raises(SoundMissing, match="Không tìm thấy"):
        FileSound(tmp_path / "nothing.opus")
    text = tmp_path / "text.opus"
    text.write_text("Thông báo của ủy ban nhân dân phường. " * 100)
    with pytest.raises(SoundDamaged):
        FileSound(text)
    with pytest.raises(SoundMissing):
        FileSound(tmp_path)


def test_the_shelf_finds_renditions_and_tones_by_name(rendition: Path, tmp_path: Path) -> None:
    key = "ab" + "0" * 62
    place = rendition_path(tmp_path, key)
    assert place == tmp_path / "ab" / f"{key}.opus"
    place.parent.mkdir()
    place.write_bytes(rendition.read_bytes())
    assert Shelf(tmp_path).open(f"rendition:{key}").length == LENGTH
    assert Shelf(tmp_path).open("tone:chime").length > SAMPLE_RATE_HZ


@pytest.mark.parametrize(
    "name", ["rendition:../../etc/passwd", "rendition:" + "A" * 64, "rendition:", "tone:0", "tone:१२३", "live:x", ""]
)
def test_other_names_are_missing(name: str, tmp_path: Path) -> None:
    with pytest.raises(SoundMissing):
        Shelf(tmp_path).open(name)


def test_a_tone_is_the_same_from_any_offset() -> None:
    for name in ("1000", "chime"):
        tone = open_tone(name)
        start = tone.decode(0).read(20_000)
        assert np.array_equal(tone.decode(7_001).read(5_000), start[7_001:12_001])
    assert open_tone("chime").decode(10**9).read(960).size == 0
    assert np.abs(open_tone("chime").decode(0).read(10**6)).max() < 0.84


class Slow:
    """A sound whose reader waits to be allowed to read."""

    length = 10 * CHUNK_SAMPLES

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.allowed = threading.Event()
        self.read_samples = 0
        self.closed = False

    def decode(self, offset: int) -> Reader:
        sound = self

        class SlowReader:
            def read(self, count: int) -> Samples:
                sound.entered.set()
                sound.allowed.wait(10)
                sound.read_samples += count
                return np.ones(count, dtype=np.float32)

            def close(self) -> None:
                sound.closed = True

        return SlowReader()


def test_no_more_than_two_seconds_and_a_chunk_are_decoded_ahead() -> None:
    sound = Slow()
    sound.allowed.set()
    ahead = ReadAhead(sound, 0)
    ahead.fill()
    assert sound.read_samples == AHEAD_SAMPLES
    assert ahead.take(0, FRAME_SAMPLES).size == FRAME_SAMPLES
    ahead.take(CHUNK_SAMPLES, FRAME_SAMPLES)
    ahead.fill()
    assert sound.read_samples <= AHEAD_SAMPLES + 2 * CHUNK_SAMPLES


def test_the_beat_does_not_wait_for_a_slow_disk() -> None:
    sound = Slow()
    ahead = ReadAhead(sound, 0)
    filling = threading.Thread(target=ahead.fill)
    filling.start()
    sound.entered.wait(10)
    with pytest.raises(Late):
        ahead.take(0, FRAME_SAMPLES)
    ahead.close()
    sound.allowed.set()
    filling.join(10)
    assert sound.closed


def test_packets_of_the_encoder_decode_to_what_was_put_in(ears: Any) -> None:
    encoder = OpusEncoder(32_000, application="audio")
    assert encoder.pre_skip == 312
    assert encoder.head.startswith(b"OpusHead")
    tone = ears.tone(1000, 1.0)
    packets = encoder.encode(tone) + encoder.flush()
    assert len(packets) == 51
    assert all(0 < len(packet) < 400 for packet in packets)


def test_the_encoder_takes_whole_frames_only() -> None:
    with pytest.raises(ValueError, match="whole frames"):
        OpusEncoder().encode(np.zeros(961, dtype=np.float32))
