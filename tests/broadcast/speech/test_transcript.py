"""The transcript as WebVTT."""

from broadcast.speech.transcript import Sentence, transcript_vtt


def test_each_sentence_is_a_cue_with_its_time():
    vtt = transcript_vtt([Sentence("Một.", 0, 1500), Sentence("Hai.", 1850, 3_725_004)])
    assert vtt == ("WEBVTT\n\n1\n00:00:00.000 --> 00:00:01.500\nMột.\n\n2\n00:00:01.850 --> 01:02:05.004\nHai.\n")


def test_markup_in_the_text_is_shown_and_cannot_begin_a_cue():
    vtt = transcript_vtt([Sentence("a <b> & c\n\n00:01 --> 00:02", 0, 10)])
    assert "a &lt;b&gt; &amp; c 00:01 --&gt; 00:02" in vtt
    assert vtt.count("-->") == 1


def test_a_transcript_without_sentences_is_still_a_file():
    assert transcript_vtt([]) == "WEBVTT\n"


def test_a_cue_never_ends_before_it_begins():
    assert "00:00:01.000 --> 00:00:01.001" in transcript_vtt([Sentence("a", 1000, 1000)])
