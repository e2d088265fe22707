"""What is made ready for the beat: mixes that are shared, fail or overtake each other, files that are bad."""

from dataclasses import replace
from typing import Any

import pytest

from streams.cue import Cue, Duck
from streams.encoder import OpusEncoder
from streams.frame import Samples

NOON = 1_764_000_000 * 48_000
SECOND = 48_000


async def test_who_joins_later_but_earlier_than_those_who_change_silences_none_of_them(station: Any, ears) -> None:
    music = Cue("m", "tone:300", NOON, 0, 30 * SECOND, gain_db=-3.0)
    word = Cue("w", "tone:2000", NOON + 6 * SECOND, 0, SECOND)
    ducked = replace(music, ducks=(Duck(NOON + 6 * SECOND, NOON + 7 * SECOND, -20.0),))
    station.engine.give("48/1", [music])
    station.listen("48/1")
    await station.run(2)
    for channel in ("48/1", "48/2"):
        station.engine.give(channel, [ducked, word])
    station.engine.prepare()  # the running channel is to change two blocks from now
    station.listen("48/2")  # the new one begins with the next

    await station.run(8)

    assert station.engine.state().packets_not_ready == 0
    for heard in station.heard:
        samples = ears.decode(bytes(heard))
        assert ears.pitch_hz(samples[-SECOND:]) == pytest.approx(300, abs=5)
        assert not ears.quiet_stretches_ms(samples[SECOND // 2 :], 0.004)


async def test_a_mix_that_fails_is_dropped_and_made_again_while_the_others_sound(
    station: Any, ears, monkeypatch: pytest.MonkeyPatch
) -> None:
    station.engine.give("48/1", [Cue("a", "tone:300", NOON, 0, 30 * SECOND, gain_db=-3.0)])
    station.engine.give("48/2", [Cue("b", "tone:2000", NOON, 0, 30 * SECOND, gain_db=-3.0)])
    station.listen("48/1")
    station.listen("48/2")
    await station.run(1)
    encode, failed = OpusEncoder.encode, []

    def encode_but_once(encoder: OpusEncoder, samples: Samples) -> list[bytes]:
        if not failed:
            failed.append(encoder)
            raise ValueError("one bad frame")
        return encode(encoder, samples)

    monkeypatch.setattr(OpusEncoder, "encode", encode_but_once)

    await station.run(8)

    state = station.engine.state()
    assert (state.prepare_faults, state.beat_faults) == (1, 0)
    assert state.packets_not_ready > 0
    for heard, frequency_hz in zip(station.heard, (300, 2000), strict=True):
        assert ears.pitch_hz(ears.decode(bytes(heard))[-SECOND:]) == pytest.approx(frequency_hz, abs=5)
    quiet = [bool(ears.quiet_stretches_ms(ears.decode(bytes(heard))[SECOND // 2 :])) for heard in station.heard]
    assert sorted(quiet) == [False, True]


async def test_one_bad_file_is_counted_once_however_often_and_for_however_many_it_is_tried(station: Any, ears) -> None:
    (station.folder / "two.opus").write_bytes(b"OggS" * 100)
    for channel in ("48/1", "48/2"):
        station.engine.give(
            channel,
            [
                Cue("a", "rendition:one", NOON, 0, 20 * SECOND),
                Cue("b", "rendition:two", NOON, 0, 20 * SECOND),
            ],
        )
        station.listen(channel)

    await station.run(9)

    assert (station.engine.state().sounds_missing, station.engine.state().sounds_damaged) == (1, 1)
    path = ears.write_rendition(station.folder / "one.opus", ears.tone(500, 1))
    await station.run(3)
    path.unlink()
    station.packets._runs.clear()
    await station.run(3)
    assert (station.engine.state().sounds_missing, station.engine.state().sounds_damaged) == (2, 1)
