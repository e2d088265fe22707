"""The words of pages in another language. Vietnamese stands in the templates and is the key of the catalogue."""

import csv
from pathlib import Path

LANGUAGES = {"vi": "Tiếng Việt", "en": "English"}


def _catalogue(path: Path) -> dict[str, tuple[str, ...]]:
    """Tab-separated: the Vietnamese text, the English one, and how that reads for a `count` of one if it differs."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        return {row[0]: tuple(row[1:]) for row in rows if len(row) > 1}


ENGLISH = _catalogue(Path(__file__).with_name("templates") / "english.tsv")


def translate(language: str, text: str, **values: object) -> str:
    """The text in a language, with `{name}` places filled. What the catalogue lacks stays Vietnamese."""
    forms = ENGLISH.get(text, (text,)) if language == "en" else (text,)
    chosen = forms[-1] if values.get("count") == 1 else forms[0]
    return chosen.format(**values) if values else chosen
