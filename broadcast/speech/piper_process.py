"""PROCESS piper: speaks sentences with a neural Piper voice, an `.onnx` file and its `.onnx.json`.

Run as `python -m broadcast.speech.piper_process`; `pipe` says what goes in and out. The voice of the request is the
path of the file. It is a process of its own because Piper is under the GPL and a model holds much memory.
"""

import os
import sys
from typing import BinaryIO

try:
    import piper
except ImportError:
    piper = None

from broadcast.speech import pipe


def main(asked: BinaryIO, sound: BinaryIO) -> int:
    """Answer one request; returns the exit status."""
    request = pipe.parse_request(asked.read())
    if piper is None:
        sound.write(pipe.pack_frame(pipe.ERROR, pipe.MISSING_ENGINE.encode()))
        return 1
    voice = piper.PiperVoice.load(request.voice)
    pace = piper.SynthesisConfig(length_scale=voice.config.length_scale / request.rate)
    sound.write(pipe.pack_frame(pipe.RATE, str(voice.config.sample_rate).encode()))
    for sentence in request.sentences:
        pieces = [piece.audio_int16_bytes for piece in voice.synthesize(sentence, syn_config=pace)]
        sound.write(pipe.pack_frame(pipe.SENTENCE, b"".join(pieces)))
        sound.flush()
    sound.write(pipe.pack_frame(pipe.END))
    return 0


if __name__ == "__main__":
    pipe.end_with_parent()
    os.nice(5)  # sound on air comes first
    with pipe.take_standard_output() as output:
        status = main(sys.stdin.buffer, output)
    sys.exit(status)
