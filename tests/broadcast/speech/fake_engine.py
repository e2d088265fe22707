"""A speech engine that misbehaves in the way its first argument names; it speaks the wire, not our code."""

import ctypes
import json
import os
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path


def send(kind: bytes, payload: bytes = b"") -> None:
    sys.stdout.buffer.write(kind + struct.pack("<I", len(payload)) + payload)
    sys.stdout.buffer.flush()


def tone(milliseconds: int = 500, level: int = 8000) -> bytes:
    return b"".join(struct.pack("<h", level if (i // 20) % 2 else -level) for i in range(16 * milliseconds))


def main(way: str, pid_file: str) -> int:
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # ends with its parent, as an engine has to
    Path(pid_file).write_text(str(os.getpid()))
    sentences = json.load(sys.stdin)["sentences"]
    return speak(way, len(sentences)) if way not in BEFORE_ANY_SOUND else BEFORE_ANY_SOUND[way]()


def hang() -> int:
    time.sleep(600)
    return 0


def leave_a_child() -> int:
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    return 0


def talk_garbage() -> int:
    print("Loading model...\nReady.\n" * 1000)
    return 0


def name_an_impossible_length() -> int:
    sys.stdout.buffer.write(b"S\xff\xff\xff\xff")
    sys.stdout.buffer.flush()
    return hang()


def not_know_the_voice() -> int:
    send(b"E", b"unknown-voice")
    return 1


def die() -> int:
    print("Traceback\nMemoryError: no room", file=sys.stderr)
    return 3


def crash() -> int:
    send(b"H", b"16000")
    os.kill(os.getpid(), signal.SIGSEGV)
    return hang()


BEFORE_ANY_SOUND = {
    "hangs": hang,
    "leaves a child that holds the pipe": leave_a_child,
    "talks garbage": talk_garbage,
    "names an impossible length": name_an_impossible_length,
    "does not know the voice": not_know_the_voice,
    "dies at once": die,
    "crashes": crash,
}


def speak(way: str, count: int) -> int:
    send(b"H", b"999999999" if way == "names an impossible rate" else b"16000")
    sound = {"is silent": tone(level=0), "sends nothing": b"", "sends half a sample": tone()[:-1]}.get(way, tone())
    for number in range(count):
        if way == "hangs in the second sentence" and number == 1:
            return hang()
        if way == "dies in the second sentence" and number == 1:
            return 4
        if way == "forgets the last sentence" and number == count - 1:
            break
        if way == "trickles":
            time.sleep(0.4)
        send(b"S", sound)
    send(b"Z")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
