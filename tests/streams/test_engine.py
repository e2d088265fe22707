"""The engine heard through a listener: decoded streams, shared encoders, lost pages, damaged files, late beats."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from streams import ogg
from streams.clock import Clock
from streams.cue import Cue, Duck
from streams.engine import Engine
from streams.mount import MOST_UNDELIVERED

NOON = 1_764_000_000 * 48_000
SECOND = 48_000


def one_logical_stream(content: bytes) -> list[ogg.Page]:
    """The pages, after checking that nothing is chained, missing or out of order."""
    pages = list(ogg.pages(content))
    assert [page.flags & ogg.FIRST_PAGE for page in pages] == [ogg.FIRST_PAGE] + [0] * (len(pages) - 1)
    assert len({page.serial for page in pages}) == 1
    assert [page.sequence for page in pages] == list(range(len(pages)))
    return pages


async def test_a_channel_without_cues_is_silence_that_no_encoder_makes(station: Any, ears) -> None:
    station.listen("48")

    await station.run(3)

    samples = ears.decode(bytes(station.heard[0]))
    assert samples.size == pytest.approx(3 * SECOND, abs=960)
    assert not samples.any()
    assert station.engine.state().encoders == 0


async def test_two_programmes_are_passed_through_one_after_the_other_in_one_stream(station: Any, ears) -> None:
    ears.write_rendition(station.folder / "one.opus", ears.tone(500, 2))
    ears.write_rendition(station.folder / "two.opus", ears.tone(1500, 2))
    start = NOON + SECOND
    station.engine.give(
        "48",
        [
            Cue("a", "rendition:one", start, 0, 2 * SECOND),
            Cue("b", "rendition:two", start + 2 * SECOND, 0, 2 * SECOND),
        ],
    )
    station.listen("48")

    await station.run(6)

    content = bytes(station.heard[0])
    one_logical_stream(content)
    samples = ears.decode(content)
    by_ffmpeg, complaints = ears.decode_with_ffmpeg(content)
    assert complaints == ""
    assert by_ffmpeg.size == samples.size == 6 * SECOND - ogg.PRE_SKIP_SAMPLES
    assert ears.pitch_hz(samples[SECOND + 4800 : 3 * SECOND - 4800]) == pytest.approx(500, abs=5)
    assert ears.pitch_hz(samples[3 * SECOND + 4800 : 5 * SECOND - 4800]) == pytest.approx(1500, abs=5)
    assert max(ears.quiet_stretches_ms(samples[SECOND + 480 : 5 * SECOND - 480]), default=0) < 12
    assert not samples[: SECOND - 960].any()
    state = station.engine.state()
    assert (state.packets_passed_through, state.packets_encoded, state.encoders) == (201, 0, 0)


async def test_a_passed_programme_begins_and_lies_where_it_is_planned(station: Any, ears) -> None:
    ears.write_rendition(station.folder / "one.opus", ears.tone(440, 2))
    station.engine.give("48", [Cue("a", "rendition:one", NOON + SECOND, 0, 2 * SECOND)])
    station.listen("48")

    await station.run(4)

    samples = ears.decode(bytes(station.heard[0]))
    planned = np.concatenate([np.zeros(SECOND), ears.tone(440, 2), np.zeros(SECOND)])[: samples.size]
    lags = np.correlate(samples, planned[960:-960], mode="valid")
    assert abs(int(np.argmax(lags)) - 960) <= 5
    error = samples - planned
    assert ears.loudness(error) < 0.05 * ears.loudness(planned)


async def test_a_quieter_cue_is_mixed_at_the_same_place(station: Any, ears) -> None:
    ears.write_rendition(station.folder / "one.opus", ears.tone(440, 2))
    station.engine.give("48", [Cue("a", "rendition:one", NOON + SECOND, 0, 2 * SECOND, gain_db=-6.0206)])
    station.listen("48")

    await station.run(4)

    samples = ears.decode(bytes(station.heard[0]))
    planned = 0.5 * np.concatenate([np.zeros(SECOND), ears.tone(440, 2), np.zeros(SECOND)])[: samples.size]
    middle = slice(SECOND + 4800, 3 * SECOND - 4800)
    lags = np.correlate(samples, planned[960:-960], mode="valid")
    assert abs(int(np.argmax(lags)) - 960) <= 5
    assert ears.loudness(samples[middle]) == pytest.approx(ears.loudness(planned[middle]), rel=0.1)
    state = station.engine.state()
    assert state.packets_passed_through == 0
    assert state.packets_encoded == 100
    assert state.packets_not_ready == 0


async def test_what_takes_over_ducks_and_the_rest_still_passes_through(station: Any, ears) -> None:
    ears.write_rendition(station.folder / "music.opus", ears.tone(300, 8))
    ears.write_rendition(station.folder / "word.opus", ears.tone(2000, 1, 0.2))
    duck = Duck(NOON + 3 * SECOND, NOON + 4 * SECOND, -20.0)
    station.engine.give(
        "48",
        [
            Cue("m", "rendition:music", NOON, 0, 8 * SECOND, ducks=(duck,)),
            Cue("w", "rendition:word", NOON + 3 * SECOND, 0, SECOND),
        ],
    )
    station.listen("48")

    await station.run(8)

    samples = ears.decode(bytes(station.heard[0]))
    assert ears.pitch_hz(samples[3 * SECOND + 9600 : 4 * SECOND - 4800]) == pytest.approx(2000, abs=5)
    assert ears.pitch_hz(samples[5 * SECOND : 7 * SECOND]) == pytest.approx(300, abs=5)
    assert max(ears.quiet_stretches_ms(samples[4800 : 8 * SECOND - 4800]), default=0) < 2
    state = station.engine.state()
    assert state.packets_encoded == 75
    assert state.packets_passed_through == 325


async def test_new_cues_cut_with_a_fade_and_join_in_the_middle(station: Any, ears) -> None:
    ears.write_rendition(station.folder / "one.opus", ears.tone(500, 8))
    ears.write_rendition(station.folder / "two.opus", ears.tone(1500, 8))
    station.engine.give("48", [Cue("a", "rendition:one", NOON, 0, 8 * SECOND)])
    station.listen("48")
    await station.run(2)
    station.engine.give("48", [Cue("b", "rendition:two", NOON, 0, 8 * SECOND)])

    await station.run(3)

    samples = ears.decode(bytes(station.heard[0]))
    assert ears.pitch_hz(samples[SECOND : 2 * SECOND]) == pytest.approx(500, abs=5)
    assert ears.pitch_hz(samples[3 * SECOND : 5 * SECOND - 960]) == pytest.approx(1500, abs=5)
    assert max(ears.quiet_stretches_ms(samples[4800:]), default=0) < 8
    state = station.engine.state()
    assert 0 < state.packets_encoded <= 3
    assert state.packets_not_ready == 0


async def test_two_hundred_listeners_and_ninety_communes_share_one_encoder(station: Any, ears) -> None:
    ears.write_rendition(station.folder / "one.opus", ears.tone(500, 4))
    for number in range(90):
        name = f"48/{number}"
        station.engine.give(name, [Cue(f"{name}-a", "rendition:one", NOON, 0, 4 * SECOND, gain_db=-3.0)])
        station.listen(name)
    for _ in range(110):
        station.listen("48/0")

    await station.run(2)

    state = station.engine.state()
    assert (state.channels, state.listeners, state.encoders) == (90, 200, 1)
    heard = {bytes(heard) for heard in station.heard[90:]}
    assert len(heard) == 1
    assert ears.loudness(ears.decode(heard.pop())[SECOND:]) > 0.1


async def test_mp3_is_one_stream_through_silence_and_two_programmes(station: Any, ears) -> None:
    ears.write_rendition(station.folder / "one.opus", ears.tone(500, 2))
    ears.write_rendition(station.folder / "two.opus", ears.tone(1500, 2))
    start = NOON + SECOND
    cues = [
        Cue("a", "rendition:one", start, 0, 2 * SECOND),
        Cue("b", "rendition:two", start + 2 * SECOND, 0, 2 * SECOND),
    ]
    station.engine.give("48", cues)
    station.engine.give("49", cues)
    station.listen("48", "mp3")
    station.listen("49", "mp3")

    await station.run(6)

    content = bytes(station.heard[0])
    assert content == bytes(station.heard[1])
    assert len(content) % 192 == 0
    assert {content[at : at + 4] for at in range(0, len(content), 192)} == {b"\xff\xfb\x54\xc4"}
    samples = ears.decode(content, "mp3")
    _, complaints = ears.decode_with_ffmpeg(content)
    assert complaints == ""
    assert samples.size == pytest.approx(6 * SECOND, abs=2 * 1152)
    delay = 1105
    assert ears.pitch_hz(samples[delay + SECOND + 4800 : delay + 3 * SECOND - 4800]) == pytest.approx(500, abs=5)
    assert ears.pitch_hz(samples[delay + 3 * SECOND + 4800 : delay + 5 * SECOND - 4800]) == pytest.approx(1500, abs=5)
    assert max(ears.quiet_stretches_ms(samples[delay + SECOND + 960 : delay + 5 * SECOND - 960]), default=0) < 15
    assert not samples[: SECOND - 2304].any()
    assert station.engine.state().packets_not_ready == 0


async def test_a_damaged_rendition_is_silence_and_counted(station: Any, ears) -> None:
    path = ears.write_rendition(station.folder / "one.opus", ears.tone(500, 2))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x10
    path.write_bytes(content)
    station.engine.give("48", [Cue("a", "rendition:one", NOON, 0, 2 * SECOND)])
    station.listen("48")

    await station.run(2)

    assert not ears.decode(bytes(station.heard[0])).any()
    assert station.engine.state().sounds_damaged == 1
    assert station.engine.state().beat_faults == 0


async def test_a_missing_sound_gives_way_to_its_fallback_until_it_arrives(station: Any, ears) -> None:
    station.engine.give("48", [Cue("a", "rendition:one", NOON, 0, 20 * SECOND, fallback="tone:1000")])
    station.listen("48")
    await station.run(3)
    ears.write_rendition(station.folder / "one.opus", ears.tone(500, 20))

    await station.run(6)

    samples = ears.decode(bytes(station.heard[0]))
    assert ears.pitch_hz(samples[SECOND : 2 * SECOND]) == pytest.approx(1000, abs=5)
    assert ears.pitch_hz(samples[7 * SECOND : 8 * SECOND]) == pytest.approx(500, abs=5)
    assert station.engine.state().sounds_missing == 1


async def test_a_slow_listener_loses_only_its_own_pages_and_they_are_counted(station: Any, ears) -> None:
    ears.write_rendition(station.folder / "one.opus", ears.tone(500, 20))
    station.engine.give("48", [Cue("a", "rendition:one", NOON, 0, 20 * SECOND)])
    station.listen("48")
    slow = station.engine.listen("48", "ogg")

    await station.run(12)

    late = await slow.read() or b""
    assert slow.dropped == 60 - 25
    assert slow.dropped - 5 <= station.engine.state().drops["48"] <= slow.dropped
    one_logical_stream(bytes(station.heard[0]))
    sequences = [page.sequence for page in ogg.pages(late)]
    assert sequences == [0, 1, *range(2 + slow.dropped, 62)]
    assert ears.decode(late).size >= 4 * SECOND


async def test_a_new_listener_starts_with_headers_and_at_most_one_second(station: Any) -> None:
    station.listen("48")
    await station.run(5)

    first = await station.engine.listen("48", "ogg").read() or b""

    pages = list(ogg.pages(first))
    assert [page.body[:8] for page in pages[:2]] == [b"OpusHead", b"OpusTags"]
    assert [page.sequence for page in pages[2:]] == [22, 23, 24, 25, 26]


async def test_a_channel_runs_only_while_somebody_listens_and_a_little_longer(station: Any) -> None:
    opened: list[str] = []
    station.engine.on_open(opened.append)
    assert station.engine.listened() == []
    station.listen("48")
    await station.run(1)
    station.listeners[0].close()
    await station.run(1)
    assert station.engine.listened() == ["48"]

    await station.run(4)

    assert station.engine.listened() == []
    assert station.engine.beat() == []
    station.listen("48")
    assert opened == ["48", "48"]


async def test_a_late_beat_skips_and_never_bursts(station: Any, ears) -> None:
    ears.write_rendition(station.folder / "one.opus", ears.tone(500, 20))
    station.engine.give("48", [Cue("a", "rendition:one", NOON, 0, 20 * SECOND)])
    station.listen("48")
    await station.run(2)
    station.clock.wind(SECOND)

    await station.run(2)

    pages = one_logical_stream(bytes(station.heard[0]))
    assert len(pages) == 2 + 20
    state = station.engine.state()
    assert 4 <= state.beats_skipped <= 5
    assert state.beat_latest_ms == pytest.approx(1000, abs=1)


@pytest.mark.parametrize("hours", [-1, 1])
async def test_a_jump_of_the_wall_clock_is_followed(station: Any, ears, hours: int) -> None:
    ears.write_rendition(station.folder / "one.opus", ears.tone(500, 4))
    ears.write_rendition(station.folder / "two.opus", ears.tone(1500, 4))
    there = NOON + hours * 3600 * SECOND
    station.engine.give(
        "48",
        [Cue("a", "rendition:one", NOON, 0, 4 * SECOND), Cue("b", "rendition:two", there, 0, 4 * SECOND, gain_db=-1.0)],
    )
    station.listen("48")
    await station.run(1)
    station.clock.wind(hours * 3600 * SECOND)

    await station.run(2)

    samples = ears.decode(bytes(station.heard[0]))
    assert ears.pitch_hz(samples[SECOND // 4 : 3 * SECOND // 4]) == pytest.approx(500, abs=8)
    assert ears.pitch_hz(samples[2 * SECOND : 3 * SECOND - 960]) == pytest.approx(1500, abs=5)


async def test_an_mp3_listener_joins_a_programme_that_ogg_listeners_already_hear(station: Any, ears) -> None:
    ears.write_rendition(station.folder / "one.opus", ears.tone(500, 8))
    station.engine.on_open(
        lambda channel: station.engine.give(channel, [Cue("a", "rendition:one", NOON, 0, 8 * SECOND)])
    )
    station.listen("48", "ogg")
    await station.run(2)
    station.listen("48", "mp3")

    await station.run(4)

    assert ears.pitch_hz(ears.decode(bytes(station.heard[0]))[SECOND : 5 * SECOND]) == pytest.approx(500, abs=5)
    assert ears.pitch_hz(ears.decode(bytes(station.heard[1]), "mp3")[SECOND:]) == pytest.approx(500, abs=5)
    assert station.engine.state().packets_not_ready == 0


async def test_everything_that_ends_lets_go_of_its_encoder(station: Any, ears) -> None:
    ears.write_rendition(station.folder / "one.opus", ears.tone(500, 2))
    station.engine.give("48", [Cue("a", "rendition:one", NOON, 0, 2 * SECOND, gain_db=-3.0)])
    station.listen("48")
    await station.run(1)
    assert station.engine.state().encoders == 1

    await station.run(3)

    assert station.engine.state().encoders == 0


async def test_who_comes_after_the_end_is_told_at_once(station: Any) -> None:
    station.engine.start(asyncio.get_running_loop())()

    listener = station.engine.listen("48", "mp3")

    assert await asyncio.wait_for(listener.read(), 5) is None


@contextlib.contextmanager
def started(engine: Engine) -> Iterator[None]:
    stop: Callable[[], None] = engine.start(asyncio.get_running_loop())
    try:
        yield
    finally:
        stop()


async def test_the_real_beat_brings_sound_and_its_end_ends_the_stream(station: Any, ears) -> None:
    ears.write_rendition(station.folder / "one.opus", ears.tone(500, 5))
    clock = Clock()
    engine = Engine(station.open_sound, station.packets.load, clock)
    engine.give("48", [Cue("a", "rendition:one", clock.position(), 0, 5 * SECOND)])
    heard = b""
    with started(engine):
        listener = engine.listen("48", "ogg")
        while len(list(ogg.pages(heard))) < 8:
            heard += await asyncio.wait_for(listener.read(), 5) or b""
    while (more := await listener.read()) is not None:
        heard += more

    one_logical_stream(heard)
    assert ears.pitch_hz(ears.decode(heard)[-SECOND:]) == pytest.approx(500, abs=8)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - the threads of the engine tell no loop what they did
            await asyncio.sleep(0.01)


def block_until(condition: Callable[[], object]) -> None:
    """Holds up the loop, as something slow on it would."""
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "It did not happen in time."
        time.sleep(0.02)


async def test_faults_in_the_preparing_thread_are_counted_and_do_not_end_it(
    station: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Engine(station.open_sound, station.packets.load, Clock())
    monkeypatch.setattr("streams.engine._PREPARE_AGAIN_S", 0.01)

    def broken(*_: object) -> None:
        raise RuntimeError("a fault of ours")

    with started(engine):
        engine.listen("48", "ogg")
        await until(lambda: engine.state().prepared)
        with monkeypatch.context() as patch:
            patch.setattr(engine._planner, "render", broken)
            await until(lambda: engine.state().prepare_faults > 1)
            prepared = engine.state().prepared
        await until(lambda: engine.state().prepared > prepared)


async def test_a_loop_that_stands_still_is_not_buried_under_pages(station: Any) -> None:
    engine = Engine(station.open_sound, station.packets.load, Clock())
    with started(engine):
        listener = engine.listen("48", "ogg")
        await listener.read()
        block_until(lambda: engine.state().beats_undelivered)
        waiting = await listener.read() or b""
        assert len(list(ogg.pages(waiting))) <= MOST_UNDELIVERED
        dropped = engine.state().beats_undelivered
        assert await listener.read()
        assert engine.state().beats_undelivered == dropped
