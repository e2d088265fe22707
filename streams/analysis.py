"""What a whole recording measures: length, loudness, true peak, silence at its ends. Fed in blocks of any length.

The arithmetic is in `streams.meter`; the K-weighting before it (ITU-R BS.1770, at 48 kHz) is done by FFmpeg's biquads,
three times cheaper than its `ebur128`, with which the tests compare the result.
"""

from dataclasses import dataclass

import av
import av.filter
import numpy as np

from streams.frame import SAMPLE_RATE_HZ, Samples
from streams.meter import KLoudness, PeakMeter, SilenceMeter

_SHELF = "b0=1.53512485958697:b1=-2.69169618940638:b2=1.19839281085285:a0=1:a1=-1.69065929318241:a2=0.73248077421585"
_LOW_CUT = "b0=1:b1=-2:b2=1:a0=1:a1=-1.99004745483398:a2=0.99007225036621"


@dataclass(frozen=True, slots=True)
class Analysis:
    """The measures of a recording as mono at 48 kHz. Digital silence measures -70 LUFS and -120 dBTP."""

    duration_samples: int
    integrated_lufs: float
    true_peak_dbtp: float
    leading_silence_ms: int
    trailing_silence_ms: int


class KWeighting:
    """The filter in front of a loudness meter. Gives as many samples as it takes."""

    def __init__(self) -> None:
        graph = av.filter.Graph()
        links = [
            graph.add("abuffer", f"sample_rate={SAMPLE_RATE_HZ}:sample_fmt=flt:channel_layout=mono"),
            graph.add("biquad", f"{_SHELF}:precision=f64"),
            graph.add("biquad", f"{_LOW_CUT}:precision=f64"),
            graph.add("aformat", "sample_fmts=flt"),
            graph.add("abuffersink"),
        ]
        graph.link_nodes(*links).configure()
        self._graph = graph

    def weighted(self, samples: Samples) -> Samples:
        """The next block, weighted; float32 of the same shape."""
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples.reshape(1, -1)), format="flt", layout="mono")
        frame.sample_rate = SAMPLE_RATE_HZ
        self._graph.push(frame)
        weighted: Samples = self._graph.pull().to_ndarray()[0]
        return weighted


class Analyser:
    """Add all blocks of a recording, then ask for the result."""

    def __init__(self) -> None:
        self._weighting = KWeighting()
        self._loudness = KLoudness()
        self._peak = PeakMeter()
        self._silence = SilenceMeter()
        self._samples = 0

    def add(self, samples: Samples) -> None:
        """The next block; an empty one is let pass."""
        if not samples.size:
            return
        self._loudness.add(self._weighting.weighted(samples))
        self._peak.add(samples)
        self._silence.add(samples)
        self._samples += samples.size

    def result(self) -> Analysis:
        """The measures of all that was added."""
        return Analysis(
            duration_samples=self._samples,
            integrated_lufs=self._loudness.integrated_lufs(),
            true_peak_dbtp=self._peak.dbtp,
            leading_silence_ms=self._silence.leading_ms,
            trailing_silence_ms=self._silence.trailing_ms,
        )
