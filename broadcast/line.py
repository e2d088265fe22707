"""One line of text as people give it for names and reasons: composed, printable, with single spaces."""

import unicodedata


def one_line(text: str) -> str:
    """The text on one line; lone surrogates and control characters, NUL among them, become spaces or vanish."""
    composed = unicodedata.normalize("NFC", text.encode("utf-8", "ignore").decode())
    return " ".join("".join(sign if sign.isprintable() else " " for sign in composed).split())
