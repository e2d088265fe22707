"""Any media file becomes a levelled rendition, or a sentence in Vietnamese and no trace."""

import os
import subprocess
import sys
import wave
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as some

from streams.analysis import Analyser, Analysis
from streams.errors import (
    DiskFull,
    EmptyFile,
    MediaRefused,
    NoAudioTrack,
    NotSound,
    TooLarge,
    TooLong,
    TooQuiet,
    Truncated,
)
from streams.frame import SAMPLE_RATE_HZ, Samples
from streams.media import Limits, decode_media
from streams.rendition import PEAK_LIMIT_DBTP, render
from streams.sources.file import RenditionReader

Make = Callable[..., Path]

NO_LIMITS = Limits()

FORMATS = {
    "mp3": ("libmp3lame", "mp3", 44_100),
    "m4a": ("aac", "ipod", 44_100),
    "mp4": ("aac", "mp4", 48_000),
    "3gp": ("libopencore_amrnb", "3gp", 8_000),
    "amr": ("libopencore_amrnb", "amr", 8_000),
    "wav": ("pcm_s16le", "wav", 22_050),
    "flac": ("flac", "flac", 48_000),
    "ogg": ("libopus", "ogg", 48_000),
    "aiff": ("pcm_s16be", "aiff", 44_100),
    "aac": ("aac", "adts", 44_100),
}


def speech_like(seconds: float, rate_hz: int, seed: int = 3) -> Samples:
    """Buzzing syllables with pauses between sentences: as peaky as speech."""
    times = np.arange(round(seconds * rate_hz)) / rate_hz
    pitch = 120 + 15 * np.sin(2 * np.pi * 0.7 * times)
    turns = np.cumsum(pitch) / rate_hz
    voice = sum(np.cos(2 * np.pi * turns * harmonic + harmonic**2) / harmonic**0.9 for harmonic in range(1, 20))
    syllables = np.clip(np.sin(2 * np.pi * 3.1 * times), 0, 1) * (np.sin(2 * np.pi * 0.25 * times) > -0.7)
    hiss = np.random.default_rng(seed).standard_normal(times.size) * 0.2
    return (0.1 * syllables * (voice + hiss)).astype(np.float32)


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Writes samples as a media file: `make("mp3", samples)`."""

    def make(suffix: str, samples: Samples, *, channels: int = 1, name: str = "recording") -> Path:
        codec, container_format, rate_hz = FORMATS[suffix]
        path = tmp_path / f"{name}.{suffix}"
        layout = {1: "mono", 2: "stereo"}[channels]
        with av.open(str(path), "w", format=container_format) as container:
            stream = container.add_stream(codec, rate=rate_hz, layout=layout)
            frame = av.AudioFrame.from_ndarray(np.tile(samples, (channels, 1)), format="fltp", layout=layout)
            frame.sample_rate = rate_hz
            container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        return path

    return make


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "renditions"
    folder.mkdir()
    return folder


def analyse(path: Path, limits: Limits = NO_LIMITS) -> Analysis:
    analyser = Analyser()
    for block in decode_media(path, limits):
        analyser.add(block)
    return analyser.result()


def heard(path: Path) -> Samples:
    return RenditionReader(path, 0).read(7300 * SAMPLE_RATE_HZ)


def measured(samples: Samples) -> tuple[float, float]:
    analyser = Analyser()
    analyser.add(samples)
    result = analyser.result()
    return result.integrated_lufs, result.true_peak_dbtp


def traces(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.mark.parametrize("suffix", FORMATS)
def test_every_format_becomes_a_rendition_of_its_length_and_loudness(make: Make, folder: Path, suffix: str) -> None:
    rate_hz = FORMATS[suffix][2]
    path = make(suffix, speech_like(5, rate_hz))
    made = render(path, folder, kind="speech")
    sound = heard(made.path)
    loudness, true_peak = measured(sound)
    assert made.path == folder / made.sha256[:2] / f"{made.sha256}.opus"
    assert made.size_bytes == made.path.stat().st_size
    assert sound.size == made.duration_samples == pytest.approx(5 * SAMPLE_RATE_HZ, abs=4_800)
    # The phone codec makes peaks so high that the limiter's make-up reaches its end.
    assert loudness == pytest.approx(-16, abs=2.0 if rate_hz == 8_000 else 1.0)
    assert true_peak <= PEAK_LIMIT_DBTP
    assert made.true_peak_dbtp == pytest.approx(true_peak, abs=0.3)


@pytest.mark.parametrize("kind", ["speech", "music"])
@pytest.mark.parametrize("level", [0.5, 1.0, 12.0])
def test_quiet_loud_and_overdriven_recordings_are_as_loud_and_never_over_the_peak(
    make: Make, folder: Path, kind: str, level: float
) -> None:
    path = make("flac", np.clip(level * speech_like(6, 48_000), -1, 1))
    made = render(path, folder, kind=kind)  # type: ignore[arg-type]
    loudness, _ = measured(heard(made.path))
    with av.open(str(made.path)) as container:
        by_ffmpeg = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])
    assert loudness == pytest.approx(-16, abs=1.0)
    # The other decoder, FFmpeg's own, is a little different.
    assert measured(by_ffmpeg)[1] <= PEAK_LIMIT_DBTP + 0.2
    assert made.true_peak_dbtp <= PEAK_LIMIT_DBTP


def music_like(seconds: float, rate_hz: int) -> Samples:
    """Seven voices of a chord that swell, and a drum: what takes an encoder the most bits."""
    times = np.arange(round(seconds * rate_hz)) / rate_hz
    swells = [(0.5 + 0.5 * np.sin(np.pi * times + hz), hz) for hz in (220, 277, 330, 440, 554, 660, 880)]
    chord = sum(swell * np.sin(2 * np.pi * hz * times) for swell, hz in swells)
    drum = np.random.default_rng(2).standard_normal(times.size) * np.exp(-12 * (2 * times % 1))
    return (0.05 * chord + 0.2 * drum).astype(np.float32)


@pytest.mark.parametrize("sound", [speech_like, music_like])
@pytest.mark.parametrize(("kind", "bitrate_bps"), [("speech", 24_000), ("music", 32_000)])
def test_a_rendition_costs_the_bits_it_should_and_no_more_whatever_it_holds(
    make: Make, folder: Path, kind: str, bitrate_bps: int, sound: Callable[[float, int], Samples]
) -> None:
    made = render(make("wav", sound(20, 22_050)), folder, kind=kind)  # type: ignore[arg-type]
    # Headers of pages and lengths of packets are 600 b/s; the encoder may run half a second's bits ahead of its rate.
    assert bitrate_bps / 2 < made.size_bytes * 8 / 20 < bitrate_bps * 1.025 + 600


def test_the_packets_are_mono_and_twenty_milliseconds(make: Make, folder: Path) -> None:
    made = render(make("wav", speech_like(20, 22_050)), folder, kind="speech")
    with av.open(str(made.path)) as container:
        track = container.streams.audio[0]
        assert (track.codec_context.name, track.codec_context.channels) == ("opus", 1)
        assert {packet.duration for packet in container.demux(track) if packet.size} == {960, 312}  # the last: 312


@pytest.mark.parametrize("target_lufs", [-26.0, -23.0, -18.0])
def test_another_loudness_can_be_wanted(make: Make, folder: Path, target_lufs: float) -> None:
    path = make("flac", speech_like(6, 48_000))
    made = render(path, folder, kind="speech", target_lufs=target_lufs)
    loudness, true_peak = measured(heard(made.path))
    assert loudness == pytest.approx(target_lufs, abs=0.5)
    assert true_peak <= PEAK_LIMIT_DBTP


def test_more_loudness_than_peaks_allow_is_reached_only_as_far_as_they_do(make: Make, folder: Path) -> None:
    made = render(make("flac", speech_like(6, 48_000)), folder, kind="speech", target_lufs=-10.0)
    loudness, true_peak = measured(heard(made.path))
    assert -17.0 < loudness < -10.0
    assert true_peak <= PEAK_LIMIT_DBTP


def test_the_same_bytes_give_the_same_rendition_and_it_is_stored_once(make: Make, folder: Path) -> None:
    path = make("mp3", speech_like(3, 44_100))
    first = render(path, folder, kind="speech")
    stored = first.path.stat()
    again = render(path, folder, kind="speech")
    assert again == first
    assert again.path.stat().st_mtime_ns == stored.st_mtime_ns
    assert traces(folder) == [first.sha256[:2], f"{first.sha256[:2]}/{first.sha256}.opus"]


def test_stereo_is_one_sound_as_loud_as_its_two_loudspeakers_together(make: Make) -> None:
    samples = speech_like(4, 48_000)
    mono = analyse(make("flac", samples, name="mono"))
    stereo = analyse(make("flac", samples, channels=2, name="stereo"))
    assert stereo.integrated_lufs == pytest.approx(mono.integrated_lufs + 3.01, abs=0.1)
    assert stereo.duration_samples == mono.duration_samples == 4 * SAMPLE_RATE_HZ


def test_silence_at_the_ends_is_reported(make: Make) -> None:
    samples = np.concatenate((np.zeros(48_000), speech_like(2.1, 48_000), np.zeros(24_000))).astype(np.float32)
    result = analyse(make("flac", samples))
    assert result.leading_silence_ms == pytest.approx(1000, abs=40)
    assert result.trailing_silence_ms == pytest.approx(500, abs=200)


def test_a_very_quiet_recording_is_not_raised_by_more_than_twenty_decibels(make: Make, folder: Path) -> None:
    made = render(make("flac", 0.03 * speech_like(4, 48_000)), folder, kind="speech")
    assert 20.0 <= made.gain_db < 21.5  # what the codec takes away is given back
    assert measured(heard(made.path))[0] < -25


def test_silence_is_too_quiet(make: Make, folder: Path) -> None:
    with pytest.raises(TooQuiet, match="quá nhỏ"):
        render(make("wav", np.zeros(44_100, dtype=np.float32)), folder, kind="speech")
    assert traces(folder) == []


def test_an_empty_file_and_one_that_is_too_large_are_refused_before_they_are_read(folder: Path, tmp_path: Path) -> None:
    empty, large = tmp_path / "empty.mp3", tmp_path / "large.mp3"
    empty.touch()
    large.touch()
    os.truncate(large, 500_000_001)
    with pytest.raises(EmptyFile, match="rỗng"):
        render(empty, folder, kind="speech")
    with pytest.raises(TooLarge, match="500 MB"):
        render(large, folder, kind="speech")
    assert traces(folder) == []


@pytest.mark.parametrize(
    "content",
    [
        "Kính gửi bà con. ".encode() * 500,
        b"#EXTM3U\n#EXTINF:10,\nhttp://192.0.2.1/secret.mp3\n",
        b"ffconcat version 1.0\nfile /etc/hostname\n",
        b"%PDF-1.7\n" + b"\0" * 4_000,
        b"\x89PNG\r\n\x1a\n" + b"\0" * 4_000,
        b"\0" * 100_000,
    ],
)
@pytest.mark.parametrize("suffix", ["mp3", "m3u8", "wav", "bin"])
def test_what_is_not_sound_is_said_to_be_none(folder: Path, tmp_path: Path, content: bytes, suffix: str) -> None:
    path = tmp_path / f"not-sound.{suffix}"
    path.write_bytes(content)
    with pytest.raises(MediaRefused) as refused:
        render(path, folder, kind="speech")
    assert isinstance(refused.value, NotSound | TooQuiet)
    assert traces(folder) == []


def test_a_video_without_sound_has_no_audio_track(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "silent.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        for _ in range(10):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")))
        container.mux(stream.encode(None))
    with pytest.raises(NoAudioTrack, match="chỉ có hình"):
        render(path, folder, kind="speech")
    assert traces(folder) == []


def test_a_recording_a_second_too_long_is_refused_whatever_its_header_says(make: Make, folder: Path) -> None:
    path = make("wav", speech_like(7, 22_050))
    content = bytearray(path.read_bytes())
    at = content.index(b"data") + 4
    content[at : at + 4] = (22_050 * 2).to_bytes(4, "little")
    limits = Limits(duration_s=6)
    for claimed in (None, content):
        if claimed is not None:
            path.write_bytes(claimed)
            assert analyse(path, limits).duration_samples == pytest.approx(SAMPLE_RATE_HZ, abs=100)
            continue
        with pytest.raises(TooLong, match="6 giây"):
            render(path, folder, kind="speech", limits=limits)
    assert render(make("mp3", speech_like(6, 44_100)), folder, kind="speech", limits=limits).duration_samples > 0


def test_a_recording_cut_in_the_middle_is_truncated_and_one_cut_at_the_end_is_kept(make: Make, folder: Path) -> None:
    path = make("flac", speech_like(10, 48_000))
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(Truncated, match="cắt giữa chừng"):
        render(path, folder, kind="speech")
    assert traces(folder) == []
    path.write_bytes(content[: len(content) * 97 // 100])
    assert render(path, folder, kind="speech").duration_samples > 9 * SAMPLE_RATE_HZ


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "aiff", "mp3"])
def test_half_of_a_file_whose_format_can_tell_is_truncated(make: Make, folder: Path, suffix: str) -> None:
    path = make(suffix, speech_like(10, FORMATS[suffix][2]))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(Truncated):
        render(path, folder, kind="speech")
    assert traces(folder) == []


def quiet_then_loud(rate_hz: int) -> Samples:
    """What makes FFmpeg guess a length many times too long: it goes by the bit rate of the beginning."""
    return np.concatenate((np.zeros(4 * rate_hz), speech_like(8, rate_hz))).astype(np.float32)


def test_a_whole_file_whose_format_states_no_length_is_not_taken_for_a_part(make: Make, folder: Path) -> None:
    path = make("aac", quiet_then_loud(44_100))
    with av.open(str(path)) as container:
        assert (container.duration or 0) > 20 * av.time_base
    assert render(path, folder, kind="speech").duration_samples == pytest.approx(12 * SAMPLE_RATE_HZ, abs=4_800)


def test_a_whole_mp3_of_changing_bit_rate_without_a_count_of_frames_is_kept(folder: Path, tmp_path: Path) -> None:
    frames = []
    for number, bit_rate in enumerate((32_000, 160_000)):
        part = tmp_path / f"{number}.mp3"
        options = {"write_xing": "0", "id3v2_version": "0" if number else "3"}
        with av.open(str(part), "w", format="mp3", options=options) as container:
            stream = container.add_stream("libmp3lame", rate=44_100, layout="mono")
            stream.bit_rate = bit_rate
            frame = av.AudioFrame.from_ndarray(speech_like(6, 44_100).reshape(1, -1), format="fltp", layout="mono")
            frame.sample_rate = 44_100
            container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        frames.append(part.read_bytes())
    path = tmp_path / "phone.mp3"
    path.write_bytes(b"".join(frames))
    with av.open(str(path)) as container:
        assert (container.duration or 0) > 20 * av.time_base
    assert render(path, folder, kind="speech").duration_samples == pytest.approx(12 * SAMPLE_RATE_HZ, abs=9_600)


def test_a_wav_file_of_whose_length_its_writer_knew_nothing_is_kept(make: Make, folder: Path) -> None:
    path = make("wav", speech_like(5, 22_050))
    content = bytearray(path.read_bytes())
    at = content.index(b"data") + 4
    content[at : at + 4] = b"\xff\xff\xff\xff"
    path.write_bytes(content)
    assert render(path, folder, kind="speech").duration_samples == pytest.approx(5 * SAMPLE_RATE_HZ, abs=100)


def of_channels(path: Path, channels: int) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(8_000)
        samples = np.tile(speech_like(2, 8_000).reshape(-1, 1), channels)
        file.writeframes((samples * 32_000).astype("<i2").tobytes())
    return path


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(channels=some.integers(1, 70))
@example(channels=9)
@example(channels=64)
@example(channels=65)
def test_any_number_of_channels_becomes_one_or_is_refused(channels: int, folder: Path, tmp_path: Path) -> None:
    path = of_channels(tmp_path / f"{channels}.wav", channels)
    try:
        assert render(path, folder, kind="speech").duration_samples == pytest.approx(2 * SAMPLE_RATE_HZ, abs=100)
    except NotSound:
        assert channels > 8


def test_a_phone_recording_without_its_end_is_truncated(make: Make, folder: Path) -> None:
    path = make("m4a", speech_like(5, 44_100))
    path.write_bytes(path.read_bytes()[:-3_000])
    with pytest.raises(Truncated):
        render(path, folder, kind="speech")


def test_a_fault_in_the_middle_costs_only_what_it_hit(make: Make, folder: Path) -> None:
    path = make("mp3", speech_like(10, 44_100))
    content = bytearray(path.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 200] = os.urandom(200)
    path.write_bytes(content)
    assert render(path, folder, kind="speech").duration_samples > 9 * SAMPLE_RATE_HZ


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=some.data())
def test_hostile_bytes_are_refused_or_read_but_nothing_else(data: some.DataObject, make: Make, folder: Path) -> None:
    suffix = data.draw(some.sampled_from(["mp3", "m4a", "wav", "flac", "ogg", "amr"]))
    path = make(suffix, speech_like(1, FORMATS[suffix][2]))
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(some.integers(1, 8))):
        content[data.draw(some.integers(0, min(len(content), 400) - 1))] = data.draw(some.integers(0, 255))
    path.write_bytes(content[: data.draw(some.integers(1, len(content)))])
    before = traces(folder)
    try:
        made = render(path, folder, kind="speech", limits=Limits(duration_s=30))
        assert made.path.is_file()
    except MediaRefused:
        assert traces(folder) == before


def test_a_coding_that_nobody_knows_is_refused(make: Make, folder: Path) -> None:
    path = make("wav", speech_like(1, 22_050))
    content = bytearray(path.read_bytes())
    content[20] = 0  # the format tag
    path.write_bytes(content)
    with pytest.raises(NotSound):
        render(path, folder, kind="speech")


def test_a_rate_that_no_recording_has_is_refused(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "one-hertz.wav"
    header = b"RIFF\xff\xff\xff\x7fWAVEfmt \x10\0\0\0\1\0\1\0\1\0\0\0\2\0\0\0\2\0\x10\0data\xff\xff\xff\x7f"
    path.write_bytes(header + b"\1\2" * 50_000)
    with pytest.raises(NotSound):
        render(path, folder, kind="speech")


FULL = """
import resource, signal, sys
from pathlib import Path
from streams.errors import DiskFull
from streams.rendition import render
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    render(Path(sys.argv[1]), Path(sys.argv[2]), kind="speech")
except DiskFull as error:
    print(error)
"""


def test_a_full_disk_is_said_and_leaves_no_trace(make: Make, folder: Path) -> None:
    path = make("flac", speech_like(5, 48_000))
    done = subprocess.run([sys.executable, "-c", FULL, path, folder], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == DiskFull.__doc__
    assert traces(folder) == []


@pytest.mark.parametrize("size_kib", [500, 1_020])
def test_a_small_disk_that_fills_up_is_said_and_left_clean(
    make: Make, folder: Path, small_disk_on: Callable[[Path, int], None], size_kib: int
) -> None:
    path = make("flac", speech_like(5, 48_000))
    small_disk_on(folder, size_kib)
    if size_kib > 1_000:
        (folder / "other").write_bytes(b"\0" * 100_000)
    with pytest.raises(DiskFull, match="hết chỗ"):
        render(path, folder, kind="speech")
    assert traces(folder) in ([], ["other"])
