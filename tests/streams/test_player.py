"""The player: to the sample, without a click, and never without a frame."""

import threading
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from streams.cue import JOIN_SAMPLES, Cue, Duck
from streams.errors import SoundDamaged, SoundMissing
from streams.frame import FRAME_SAMPLES, SAMPLE_RATE_HZ, Samples
from streams.player import Play, Player
from streams.source import SILENT_FRAME, Sound
from streams.sources.tone import open_tone

START = 48_000 * 1_000_000


class Counting:
    """A sound whose sample n says n, so that what is heard tells where it came from: n / 2^21."""

    SCALE = 1 / (1 << 21)

    def __init__(self, length: int = 600_000, damaged_at: int | None = None) -> None:
        self.length = length
        self.damaged_at = damaged_at

    def decode(self, offset: int) -> "CountingReader":
        return CountingReader(self, offset)


class CountingReader:
    def __init__(self, sound: Counting, offset: int) -> None:
        self._sound = sound
        self._offset = offset

    def read(self, count: int) -> Samples:
        end = min(self._offset + count, self._sound.length)
        if self._sound.damaged_at is not None and end > self._sound.damaged_at:
            raise SoundDamaged
        samples = (np.arange(self._offset, max(end, self._offset)) * Counting.SCALE).astype(np.float32)
        self._offset += samples.size
        return samples

    def close(self) -> None:
        pass


class Sounds:
    """Finds sounds by name; `late` arrives when it is put there."""

    def __init__(self, **sounds: Sound) -> None:
        self.sounds = {"count": Counting(), "short": Counting(5_000), "broken": Counting(damaged_at=48_000)} | sounds
        self.opened: list[str] = []

    def open(self, name: str) -> Sound:
        self.opened.append(name)
        if name.startswith("tone:"):
            return open_tone(name[5:])
        if name == "bug":
            raise RuntimeError("a fault of ours")
        if name not in self.sounds:
            raise SoundMissing
        return self.sounds[name]


def cue(sound: str = "count", **more: object) -> Cue:
    return replace(Cue("a", sound, START, 0, 96_000, fade_in=0, fade_out=0), **more)  # type: ignore[arg-type]


def player_of(*cues: Cue, sounds: Sounds | None = None) -> Player:
    player = Player((sounds or Sounds()).open, START)
    player.give(cues)
    return player


def hear(player: Player, samples: int) -> Samples:
    frames = [player.read() for _ in range(-(-samples // FRAME_SAMPLES))]
    return np.concatenate([frame.samples for frame in frames])


def numbers(samples: Samples) -> Samples:
    return samples / np.float32(Counting.SCALE)


@pytest.mark.parametrize("late", [0, 1, 479, 959, 960, 1234])
def test_the_first_sample_is_heard_at_its_position_and_the_last_before_the_end(late: int) -> None:
    player = player_of(cue(start=START + late, length=5_000, sound="tone:chime", gain_db=0.0))
    expected = open_tone("chime").decode(0).read(5_000)
    heard = hear(player, 8_000)
    assert np.array_equal(heard[late + 1 : late + 5_000 - JOIN_SAMPLES], expected[1 : 5_000 - JOIN_SAMPLES])
    assert not heard[:late].any()
    assert not heard[late + 5_000 :].any()
    kinds = [(play.kind, play.position, play.heard_samples) for play in player.take_plays()]
    assert kinds == [("started", START + late, 0), ("ended", START + late + 5_000, 5_000)]


def test_a_cue_that_began_in_the_past_is_joined_at_the_right_offset() -> None:
    player = player_of(cue(start=START - 30_000, offset=1_000))
    heard = numbers(hear(player, 2_000))
    assert heard[JOIN_SAMPLES:1_900] == pytest.approx(np.arange(31_000 + JOIN_SAMPLES, 32_900), abs=0.1)
    assert 0 < heard[0] < 0.01 * 31_000
    assert player.take_plays() == [Play("a", "count", "started", START, 0)]


def test_entering_and_leaving_inside_a_sound_is_faded_even_if_the_cue_asks_for_none() -> None:
    heard = numbers(hear(player_of(cue(offset=100_000, length=9_600)), 10_000))
    rising, falling = heard[:JOIN_SAMPLES] / 100_000, heard[9_600 - JOIN_SAMPLES : 9_600] / 109_600
    assert np.all(np.diff(rising) > 0)
    assert np.all(np.diff(falling) < 0)
    assert rising[0] < 0.01
    assert falling[-1] < 0.01
    assert heard[JOIN_SAMPLES : 9_600 - JOIN_SAMPLES] == pytest.approx(
        np.arange(100_000 + JOIN_SAMPLES, 109_600 - JOIN_SAMPLES), rel=1e-6
    )


def test_a_cut_fades_out_from_the_next_frame_and_a_resume_goes_on_at_the_right_sample() -> None:
    player = player_of(cue(offset=10_000))
    uncut = numbers(hear(player_of(cue(offset=10_000)), 24_000))
    before = numbers(hear(player, 4_800))
    player.give([])
    gone = numbers(hear(player, 4_800))
    player.give([cue(id="b", start=START + 9_600, offset=19_600, length=86_400)])
    after = numbers(hear(player, 14_400))
    assert np.array_equal(before, uncut[:4_800])
    assert np.all(np.diff(gone[: JOIN_SAMPLES + 1]) < 0)
    assert not gone[JOIN_SAMPLES:].any()
    assert after[JOIN_SAMPLES:14_400] == pytest.approx(uncut[9_600 + JOIN_SAMPLES : 24_000], rel=1e-6)
    assert [(play.cue_id, play.kind, play.position, play.heard_samples) for play in player.take_plays()] == [
        ("a", "started", START, 0),
        ("a", "cut", START + 4_800 + JOIN_SAMPLES, 4_800 + JOIN_SAMPLES),
        ("b", "started", START + 9_600, 0),
    ]


def test_a_cue_that_is_given_again_goes_on_as_if_nothing_had_happened() -> None:
    player, other = player_of(cue()), player_of(cue())
    heard = []
    for _ in range(20):
        player.give([cue(), cue(id="later", start=START + 480_000)])
        heard.append(hear(player, FRAME_SAMPLES))
    assert np.array_equal(np.concatenate(heard), hear(other, 20 * FRAME_SAMPLES))
    assert [play.kind for play in player.take_plays()] == ["started"]


def test_a_new_level_is_reached_without_a_jump() -> None:
    player = player_of(cue("tone:1000", length=480_000))
    hear(player, 4_800)
    player.give([cue("tone:1000", length=480_000, gain_db=-20.0)])
    heard = hear(player, 9_600)
    assert np.abs(np.diff(heard)).max() < 1.05 * 0.125 * 2 * np.pi * 1000 / SAMPLE_RATE_HZ
    assert np.abs(heard[4_800:]).max() == pytest.approx(0.0125, rel=0.01)
    assert [play.kind for play in player.take_plays()] == ["started"]


def test_a_duck_that_is_told_too_late_still_comes_without_a_jump() -> None:
    player = player_of(cue("tone:1000", length=480_000))
    hear(player, 48_000)
    player.give([cue("tone:1000", length=480_000, ducks=(Duck(START + 10_000, START + 300_000, -18.0),))])
    heard = hear(player, 9_600)
    assert np.abs(np.diff(heard)).max() < 1.05 * 0.125 * 2 * np.pi * 1000 / SAMPLE_RATE_HZ
    assert np.abs(heard[4_800:]).max() == pytest.approx(0.125 * 10 ** (-18 / 20), rel=0.01)


def test_the_same_id_with_another_offset_is_cut_and_begun_anew() -> None:
    player = player_of(cue())
    hear(player, 4_800)
    player.give([cue(offset=200_000)])
    heard = numbers(hear(player, 2_000))
    assert heard[JOIN_SAMPLES:1_900] == pytest.approx(np.arange(204_800 + JOIN_SAMPLES, 206_700), rel=1e-6)
    assert [play.kind for play in player.take_plays()] == ["started", "cut", "started"]


def test_a_sound_shorter_than_its_cue_ends_once_and_is_not_begun_again() -> None:
    player = player_of(cue("short"))
    hear(player, 9_600)
    for _ in range(5):
        player.give([cue("short")])
        assert hear(player, FRAME_SAMPLES) is not None
    assert [(play.kind, play.position, play.heard_samples) for play in player.take_plays()] == [
        ("started", START, 0),
        ("ended", START + 5_000, 5_000),
    ]


def test_a_missing_sound_is_silence_said_once_and_joined_when_it_arrives() -> None:
    sounds = Sounds()
    player = player_of(cue("late", length=480_000), sounds=sounds)
    assert not hear(player, 24_000).any()
    sounds.sounds["late"] = Counting()
    heard = numbers(hear(player, 96_000))
    begin = int(np.flatnonzero(heard)[0])
    assert begin <= SAMPLE_RATE_HZ
    assert heard[95_000] == pytest.approx(24_000 + 95_000)
    assert [play.kind for play in player.take_plays()] == ["missing", "started"]
    assert len(sounds.opened) < 5


def test_a_sound_that_arrives_late_is_heard_although_it_is_told_anew_with_a_fallback() -> None:
    sounds = Sounds()
    player = player_of(cue("late", length=480_000), sounds=sounds)
    assert not hear(player, 4_800).any()
    sounds.sounds["late"] = Counting()
    player.give([cue("late", length=480_000, fallback="count")])
    heard = numbers(hear(player, 9_600))
    assert heard[9_000] == pytest.approx(4_800 + 9_000)
    assert [play.kind for play in player.take_plays()] == ["missing", "started"]


def test_a_fallback_is_played_from_its_own_beginning() -> None:
    player = player_of(cue("gone", offset=7_000, fallback="count", fade_in=0))
    heard = numbers(hear(player, 4_800))
    assert heard == pytest.approx(np.arange(4_800), abs=0.1)
    assert [(play.sound, play.kind) for play in player.take_plays()] == [("count", "fallback")]


def test_a_missing_fallback_is_silence_and_said() -> None:
    player = player_of(cue("gone", fallback="gone too"))
    assert not hear(player, 4_800).any()
    assert [(play.sound, play.kind) for play in player.take_plays()] == [("gone too", "missing")]


def test_a_sound_that_is_damaged_in_the_middle_is_heard_up_to_there() -> None:
    player = player_of(cue("broken"))
    heard = hear(player, 96_000)
    assert 20_000 < np.flatnonzero(heard)[-1] < 48_000
    plays = player.take_plays()
    assert [play.kind for play in plays[:2]] == ["started", "missing"]
    assert plays[1].heard_samples > 20_000


def test_damage_further_on_is_named_before_it_is_reached_and_what_is_good_is_still_heard() -> None:
    player = player_of(cue("broken"))
    hear(player, 4_800)
    assert player.prepare() == ("a",)
    heard = numbers(hear(player, 19_200))
    assert heard == pytest.approx(np.arange(4_800, 24_000), abs=0.1)
    assert [play.kind for play in player.take_plays()] == ["started"]


def test_a_file_that_is_made_whole_before_its_damage_is_reached_is_heard_without_a_hole() -> None:
    sounds = Sounds()
    player = player_of(cue("broken", length=480_000), sounds=sounds)
    hear(player, 4_800)
    assert player.prepare() == ("a",)
    sounds.sounds["broken"].damaged_at = None  # type: ignore[attr-defined]
    hear(player, 4_800)
    player.prepare()
    hear(player, 38_400 - 9_600)
    player.prepare()
    heard = numbers(hear(player, 96_000))
    assert heard == pytest.approx(np.arange(38_400, 134_400), abs=0.1)
    assert player.prepare() == ()


def test_a_sound_that_is_shorter_than_its_cue_is_named_and_heard() -> None:
    player = player_of(cue("short"), cue("count", id="b", length=600_000), cue("gone", id="c", fallback="short"))
    heard = hear(player, 4_800)
    assert heard[1:].all()
    assert player.prepare() == ("a",)


class Slow(Counting):
    """A sound that is opened and decoded only when it is allowed to."""

    def __init__(self) -> None:
        super().__init__()
        self.entered, self.allowed = threading.Event(), threading.Event()
        self.closed = 0

    def decode(self, offset: int) -> "SlowReader":
        self.entered.set()
        self.allowed.wait(10)
        return SlowReader(self, offset)


class SlowReader(CountingReader):
    _sound: Slow

    def close(self) -> None:
        self._sound.closed += 1


def test_silence_because_a_sound_is_not_decoded_in_time_is_counted() -> None:
    slow = Slow()
    player = player_of(cue("slow", start=START + 960), sounds=Sounds(slow=slow))
    player.read()
    preparing = threading.Thread(target=player.prepare)
    preparing.start()
    slow.entered.wait(10)
    assert not hear(player, 2 * FRAME_SAMPLES).any()
    slow.allowed.set()
    preparing.join(10)
    assert hear(player, FRAME_SAMPLES).any()
    assert player.take_late() == 2
    assert player.take_late() == 0


def test_what_is_closed_while_it_is_being_opened_lets_go_of_its_file() -> None:
    slow = Slow()
    player = player_of(cue("slow", start=START + 96_000), sounds=Sounds(slow=slow))
    player.read()
    preparing = threading.Thread(target=player.prepare)
    preparing.start()
    slow.entered.wait(10)
    player.close()
    slow.allowed.set()
    preparing.join(10)
    assert slow.closed


def test_a_fault_of_ours_is_silence_too() -> None:
    player = player_of(cue("bug"), cue("count", id="b"))
    assert numbers(hear(player, 960))[900] == pytest.approx(900)
    assert player.prepare() == ("a",)


def test_what_begins_soon_is_opened_ahead_and_what_is_missing_is_named() -> None:
    sounds = Sounds()
    cues = [
        cue(id="soon", start=START + 384_000),
        cue("gone", id="lost", start=START + 384_000),
        cue("tone:500", id="far", start=START + 4_800_000),
    ]
    player = player_of(*cues, sounds=sounds)
    player.read()
    assert player.prepare() == ("lost",)
    assert sorted(sounds.opened) == ["count", "gone"]
    opened = len(sounds.opened)
    player.skip_to(START + 384_000)
    assert numbers(hear(player, 960))[900] == pytest.approx(900)
    assert sounds.opened.count("count") == 1
    assert len(sounds.opened) <= opened + 1


def test_skipping_leaves_out_and_never_bursts() -> None:
    player = player_of(cue(length=480_000))
    hear(player, 960)
    player.skip_to(START + 200_001)
    frame = player.read()
    assert frame.position == START + 199_680
    heard = numbers(frame.samples)
    assert heard[JOIN_SAMPLES:] == pytest.approx(np.arange(199_680 + JOIN_SAMPLES, 200_640), rel=1e-6)
    assert heard[0] < 2_000
    player.skip_to(START)
    assert player.read().position == START + 200_640


def test_a_cue_that_was_skipped_altogether_is_missing() -> None:
    player = player_of(cue(start=START + 9_600, length=2_000))
    player.read()
    player.skip_to(START + 96_000)
    player.read()
    assert [(play.kind, play.position) for play in player.take_plays()] == [("missing", START + 96_000)]


def test_silence_costs_nothing_and_is_recognised() -> None:
    player = player_of()
    assert player.read().samples is SILENT_FRAME
    assert player.position == START + FRAME_SAMPLES


def test_preparing_giving_and_reading_may_happen_at_once() -> None:
    player = player_of(cue(length=480_000))
    stop = threading.Event()

    def prepare() -> None:
        while not stop.is_set():
            player.prepare()

    def give() -> None:
        while not stop.is_set():
            player.give([cue(length=480_000), cue(id="b", start=START + 24_000, offset=5, length=1_000)])

    threads = [threading.Thread(target=prepare), threading.Thread(target=give)]
    for thread in threads:
        thread.start()
    heard = numbers(hear(player, 96_000))
    stop.set()
    for thread in threads:
        thread.join()
    player.close()
    whole = [begin for begin in range(0, 96_000, 960) if heard[begin : begin + 960].any()]
    assert all(heard[begin + 900] in {0, begin + 900} for begin in whole if begin != 24_000)


moments = some.integers(-200_000, 300_000)
some_cues = some.builds(
    Cue,
    id=some.sampled_from("abcdef"),
    sound=some.sampled_from(["count", "short", "broken", "gone", "bug", "tone:440", "tone:chime"]),
    start=moments.map(lambda moment: START + moment),
    offset=some.integers(0, 700_000),
    length=some.integers(-10, 300_000),
    gain_db=some.floats(-60, 20),
    fade_in=some.integers(0, 100_000),
    fade_out=some.integers(0, 100_000),
    ducks=some.lists(
        some.builds(
            lambda start, length, gain_db: Duck(START + start, START + start + length, gain_db),
            moments,
            some.integers(0, 100_000),
            some.floats(-40, 0),
        ),
        max_size=2,
    ).map(tuple),
    fallback=some.sampled_from([None, "count", "gone"]),
)


@settings(max_examples=60, deadline=None)
@given(some.lists(some.tuples(some.lists(some_cues, max_size=4), some.integers(0, 30), some.booleans()), max_size=6))
def test_whatever_it_is_given_frames_are_whole_contiguous_finite_and_not_too_loud(
    notes: list[tuple[list[Cue], int, bool]],
) -> None:
    player = Player(Sounds().open, START)
    position = START
    for cues, frames, prepared in notes:
        player.give(cues)
        for _ in range(frames):
            frame = player.read()
            assert frame.position == position
            assert frame.samples.shape == (FRAME_SAMPLES,)
            assert frame.samples.dtype == np.float32
            assert np.all(np.isfinite(frame.samples))
            assert np.abs(frame.samples).max() <= 0.981
            position += FRAME_SAMPLES
        if prepared:
            player.prepare()
    begun: set[tuple[str, str]] = set()
    for play in player.take_plays():
        assert START <= play.position <= position + 300_000
        assert play.heard_samples >= 0
        if play.kind in {"started", "fallback"}:
            begun.add((play.cue_id, play.sound))
        elif play.kind in {"ended", "cut"}:
            assert (play.cue_id, play.sound) in begun


@settings(max_examples=25, deadline=None)
@given(some.integers(0, 100_000), some.integers(1, 40), some.integers(0, 20), some.integers(-959, 0))
def test_cut_and_resumed_is_the_same_as_uncut_apart_from_the_joins(
    offset: int, frames_before: int, frames_away: int, early: int
) -> None:
    whole = cue(start=START + early, offset=offset, length=200_000)
    uncut = hear(player_of(whole), 90 * FRAME_SAMPLES)
    player = player_of(whole)
    first = hear(player, frames_before * FRAME_SAMPLES)
    player.give([])
    away = hear(player, frames_away * FRAME_SAMPLES) if frames_away else np.zeros(0, dtype=np.float32)
    resumed_at = (frames_before + frames_away) * FRAME_SAMPLES
    moved = resumed_at - early
    player.give([replace(whole, id="b", start=START + resumed_at, offset=offset + moved, length=200_000 - moved)])
    rest = hear(player, 20 * FRAME_SAMPLES)
    assert np.array_equal(first, uncut[: first.size])
    assert not away[JOIN_SAMPLES:].any()
    expected = uncut[resumed_at : resumed_at + rest.size]
    assert np.array_equal(rest[JOIN_SAMPLES:], expected[JOIN_SAMPLES:])
