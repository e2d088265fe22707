"""The transcript of a spoken programme: each written sentence with the time at which it is heard. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sentence:
    """`text` as written; heard from `start_ms` to `end_ms` after the beginning of the speech."""

    text: str
    start_ms: int
    end_ms: int
