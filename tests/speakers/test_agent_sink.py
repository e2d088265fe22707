"""Which sink a word opens, and a pole that is heard over HTTP."""

import io
from collections.abc import Callable

import av
import httpx
import numpy as np
import pytest

from speakers.agent.__main__ import http_port, opener_of, sink_opener
from speakers.agent.output import PlayingOutput
from speakers.errors import FleetError
from streams import ogg
from streams.clock import Clock
from streams.cue import Cue
from streams.frame import SAMPLE_RATE_HZ
from streams.sinks.null import NullSink
from streams.sources.tone import open_tone


@pytest.mark.parametrize("word", ["", "gramophone", "file:", "http:", "http:65536", "http:-1", "http:a"])
def test_a_word_that_names_no_sink_is_said_with_those_that_do(word: str) -> None:
    assert http_port(word) is None
    with pytest.raises(FleetError, match=r"http:PORT"):
        sink_opener(word)


async def test_a_word_that_needs_no_listeners_opens_its_sink() -> None:
    async with opener_of("null") as open_sink:
        assert isinstance(open_sink(), NullSink)


async def test_a_pole_is_heard_over_http(free_port: Callable[[], int]) -> None:
    port = free_port()
    clock = Clock()
    heard = b""
    async with opener_of(f"http:{port}") as open_sink:
        with PlayingOutput(clock, lambda name: open_tone(name.partition(":")[2]), open_sink) as output:
            output.give([Cue("a#0", "tone:700", clock.position(), 0, 60 * SAMPLE_RATE_HZ)])
            async with (
                httpx.AsyncClient(timeout=20) as client,
                client.stream("GET", f"http://127.0.0.1:{port}/listen/pole.ogg") as answer,
            ):
                async for piece in answer.aiter_bytes():
                    heard += piece
                    if heard.count(b"OggS") > 10:
                        break
    whole = heard[: heard.rfind(b"OggS")]
    assert [page.sequence for page in ogg.pages(whole)][:2] == [0, 1]
    with av.open(io.BytesIO(whole)) as container:
        samples = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])[-SAMPLE_RATE_HZ // 2 :]
    spectrum = np.abs(np.fft.rfft(samples))
    assert int(np.argmax(spectrum)) * SAMPLE_RATE_HZ / samples.size == pytest.approx(700, abs=5)
