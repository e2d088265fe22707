"""Text to speech with the real engines: audible, timed to the sample, the same each time, different for each voice."""

import hashlib
import wave
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from broadcast.speech.errors import TextEmpty, TextTooLong, VoiceError, VoiceNotInstalled
from broadcast.speech.estimate import estimate_ms
from broadcast.speech.synthesis import Speech, synthesise
from broadcast.speech.voice import Voice, catalogue, voice_named

NOTICE = """Ủy ban nhân dân phường Hải Châu thông báo. Để sửa chữa đường ống, Công ty cấp nước tạm ngừng cấp nước \
từ 17h30 ngày 24/11/2026 đến 5h00 ngày 25/11/2026.

Đề nghị bà con chủ động dự trữ nước. Xin trân trọng cảm ơn bà con đã lắng nghe!"""
ESPEAK_VOICES = ["vi", "vi-vn-x-central", "vi-vn-x-south"]


def speak(text: str, voice: Voice, folder: Path, voices_folder: Path | None = None, rate: float = 1.0) -> Speech:
    return synthesise(
        text, voice, voices_folder=voices_folder or folder, out_path=folder / f"{voice.id}.wav", rate=rate
    )


def hear(speech: Speech) -> np.ndarray:
    with wave.open(str(speech.path), "rb") as sound:
        assert (sound.getnchannels(), sound.getsampwidth(), sound.getframerate()) == (1, 2, speech.sample_rate_hz)
        return np.frombuffer(sound.readframes(sound.getnframes()), dtype="<i2").astype(np.float64) / 32768


def level_db(samples: np.ndarray) -> float:
    return float(10 * np.log10(np.mean(samples**2) + 1e-12))


def expect_speech_where_the_sentences_are(speech: Speech) -> None:
    samples, per_ms = hear(speech), speech.sample_rate_hz / 1000
    for sentence in speech.sentences:
        assert level_db(samples[round(sentence.start_ms * per_ms) : round(sentence.end_ms * per_ms)]) > -32
    for before, after in pairwise(speech.sentences):
        # Times are whole milliseconds, so a sample of speech may stand at either edge.
        pause = samples[round(before.end_ms * per_ms) + 30 : round(after.start_ms * per_ms) - 30]
        assert np.all(pause == 0)


@pytest.mark.parametrize("name", ESPEAK_VOICES)
def test_each_sentence_is_audible_in_its_own_time(name, tmp_path):
    speech = speak(NOTICE, voice_named(name), tmp_path)
    expect_speech_where_the_sentences_are(speech)
    assert speech.sentences[0].text == "Ủy ban nhân dân phường Hải Châu thông báo."
    assert "17h30 ngày 24/11/2026" in speech.sentences[1].text
    assert 20_000 < speech.duration_ms < 40_000
    assert abs(len(hear(speech)) * 1000 / speech.sample_rate_hz - speech.duration_ms) <= 1


def test_sentences_are_parted_by_350_ms_and_paragraphs_by_700_ms(tmp_path):
    times = [(sentence.start_ms, sentence.end_ms) for sentence in speak(NOTICE, voice_named("vi"), tmp_path).sentences]
    assert times[0][0] == 0
    gaps = [after[0] - before[1] for before, after in pairwise(times)]
    assert [round(gap / 10) * 10 for gap in gaps] == [350, 700, 350]


def test_the_three_vietnamese_voices_are_three_different_renderings(tmp_path):
    heard = [hear(speak(NOTICE, voice_named(name), tmp_path)) for name in ESPEAK_VOICES]
    for first, second in ((0, 1), (0, 2), (1, 2)):
        shortest = min(len(heard[first]), len(heard[second]))
        correlation = np.corrcoef(heard[first][:shortest], heard[second][:shortest])[0, 1]
        assert abs(correlation) < 0.9


def test_the_same_text_gives_the_same_bytes(tmp_path):
    (tmp_path / "again").mkdir()
    first, second = (speak(NOTICE, voice_named("vi"), folder) for folder in (tmp_path, tmp_path / "again"))
    assert hashlib.sha256(first.path.read_bytes()).digest() == hashlib.sha256(second.path.read_bytes()).digest()
    assert first.sentences == second.sentences


def test_a_quicker_pace_is_shorter_and_an_absurd_one_is_held_to_what_can_be_understood(tmp_path):
    normal, quick = (speak(NOTICE, voice_named("vi"), tmp_path, rate=rate).duration_ms for rate in (1.0, 1.5))
    assert quick < 0.8 * normal
    twice, absurd = (speak(NOTICE, voice_named("vi"), tmp_path, rate=rate).duration_ms for rate in (2.0, 50.0))
    assert twice == absurd


@pytest.mark.parametrize("rate", [0.8, 1.0, 1.3])
@pytest.mark.parametrize("name", ESPEAK_VOICES)
def test_the_estimated_length_is_within_a_tenth(name, rate, tmp_path):
    spoken_ms = speak(NOTICE, voice_named(name), tmp_path, rate=rate).duration_ms
    assert estimate_ms(NOTICE, rate) == pytest.approx(spoken_ms, rel=0.1)


def test_the_estimate_of_nothing_is_nothing():
    assert estimate_ms("") == estimate_ms("***\n\n🙂") == 0


def test_decomposed_letters_html_and_control_characters_are_spoken_as_what_they_mean(tmp_path):
    plain = speak("Thông báo họp tổ dân phố.", voice_named("vi"), tmp_path)
    (tmp_path / "odd").mkdir()
    odd = speak(
        "<p>Tho\u0302ng ba\u0301o\u200b ho\u0323p <b>tô\u0309</b> dân\x00 phố.</p>", voice_named("vi"), tmp_path / "odd"
    )
    assert odd.path.read_bytes() == plain.path.read_bytes()
    assert odd.sentences == plain.sentences


@pytest.mark.parametrize(
    ("text", "error"), [("", TextEmpty), (" \n ", TextEmpty), ("🙂 ***", TextEmpty), ("a " * 25_000, TextTooLong)]
)
def test_a_text_that_cannot_be_spoken_is_refused_before_any_engine_starts(text, error, tmp_path):
    with pytest.raises(error):
        synthesise(
            text, voice_named("vi"), voices_folder=tmp_path, out_path=tmp_path / "x.wav", engines={"espeak": ("/none",)}
        )
    assert list(tmp_path.iterdir()) == []


def test_a_voice_that_is_not_installed_or_has_no_engine_is_an_error(tmp_path):
    with pytest.raises(VoiceNotInstalled, match="loa voice add vi_VN-vais1000-medium"):
        speak(NOTICE, voice_named("vi_VN-vais1000-medium"), tmp_path)
    with pytest.raises(VoiceError, match="espeak"):
        synthesise(NOTICE, voice_named("vi"), voices_folder=tmp_path, out_path=tmp_path / "x.wav", engines={})


def test_a_neural_voice_speaks_through_the_same_verb(piper_voice, piper_folder, tmp_path):
    text = "The water supply will be cut tomorrow evening. Please keep some water at home.\n\nThank you for listening."
    speech = speak(text, piper_voice, tmp_path, piper_folder)
    assert speech.sample_rate_hz == 22_050
    assert speech.sentences[2].text == "Thank you for listening."
    assert 4_000 < speech.duration_ms < 12_000
    expect_speech_where_the_sentences_are(speech)
    # The model draws its own rhythm anew each time, so the paces are told apart with room to spare.
    assert speak(text, piper_voice, tmp_path, piper_folder, rate=2.0).duration_ms < 0.75 * speech.duration_ms


def test_twenty_thousand_characters_are_spoken(tmp_path):
    text = ("Thông báo của phường lúc 7 giờ. " * 625).strip()
    speech = speak(text, voice_named("vi"), tmp_path, rate=2.0)
    assert len(speech.sentences) == 625


def test_the_first_voice_of_the_catalogue_needs_no_installation(tmp_path):
    assert speak("Xin chào.", catalogue()[0], tmp_path).duration_ms > 300
