"""PROCESS espeak: speaks sentences with the espeak-ng library of the wheel `espeakng-loader`; no system package.

Run as `python -m broadcast.speech.espeak_process`; `pipe` says what goes in and out. It is a process of its own
because the library is under the GPL, keeps global state, and may crash; the station only sees the pipe break.
"""

import ctypes
import os
import sys
from pathlib import Path
from typing import Any, BinaryIO

try:
    import espeakng_loader
except ImportError:
    espeakng_loader = None

from broadcast.speech import pipe

_SYNCHRONOUS = 2
_DO_NOT_EXIT = 0x8000
_UTF8 = 1
_CHARACTERS = 1
_RATE_WORDS_PER_MINUTE, _VOLUME = 1, 2
NORMAL_WORDS_PER_MINUTE = 150
"""An announcer's pace: about four syllables a second, easy to follow across a street."""
_VOLUME_WITHOUT_CLIPPING = 70

_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)


class _Engine:
    """The library with its collected samples; one sentence at a time."""

    def __init__(self) -> None:
        # The library keeps its data path in 160 bytes, so it is given the short one.
        os.chdir(Path(espeakng_loader.get_data_path()).parent)
        self._library: Any = ctypes.CDLL(espeakng_loader.get_library_path())
        self._samples = bytearray()
        self.sample_rate_hz = int(self._library.espeak_Initialize(_SYNCHRONOUS, 0, b".", _DO_NOT_EXIT))
        if self.sample_rate_hz <= 0:
            raise RuntimeError("espeak-ng found no data files. Install espeakng-loader again.")
        self._callback = _Callback(self._collect)  # kept: the library only has its address
        self._library.espeak_SetSynthCallback(self._callback)

    def choose(self, voice: str, rate: float) -> bool:
        """Set voice and pace; False when there is no such voice."""
        if self._library.espeak_SetVoiceByName(voice.encode()) != 0:
            return False
        self._library.espeak_SetParameter(_RATE_WORDS_PER_MINUTE, round(NORMAL_WORDS_PER_MINUTE * rate), 0)
        self._library.espeak_SetParameter(_VOLUME, _VOLUME_WITHOUT_CLIPPING, 0)
        return True

    def speak(self, text: str) -> bytes:
        """One sentence as mono 16-bit PCM."""
        self._samples.clear()
        raw = text.encode() + b"\0"
        if self._library.espeak_Synth(raw, len(raw), 0, _CHARACTERS, 0, _UTF8, None, None) != 0:
            raise RuntimeError(f"espeak-ng refused the sentence {text!r}.")
        return bytes(self._samples)

    def _collect(self, samples: int | None, count: int, _events: object) -> int:
        if samples and count > 0:
            self._samples += ctypes.string_at(samples, 2 * count)
        return 0


def main(asked: BinaryIO, sound: BinaryIO) -> int:
    """Answer one request; returns the exit status."""
    request = pipe.parse_request(asked.read())
    if espeakng_loader is None:
        sound.write(pipe.pack_frame(pipe.ERROR, pipe.MISSING_ENGINE.encode()))
        return 1
    engine = _Engine()
    if not engine.choose(request.voice, request.rate):
        sound.write(pipe.pack_frame(pipe.ERROR, pipe.UNKNOWN_VOICE.encode()))
        return 1
    sound.write(pipe.pack_frame(pipe.RATE, str(engine.sample_rate_hz).encode()))
    for sentence in request.sentences:
        sound.write(pipe.pack_frame(pipe.SENTENCE, engine.speak(sentence)))
        sound.flush()
    sound.write(pipe.pack_frame(pipe.END))
    return 0


if __name__ == "__main__":
    pipe.end_with_parent()
    os.nice(5)  # sound on air comes first
    with pipe.take_standard_output() as output:
        status = main(sys.stdin.buffer, output)
    sys.exit(status)
