"""The words of pages in another language. Vietnamese stands in the templates and is the key of the catalogue."""

import csv
from pathlib import Path

LANGUAGES = {"vi": "Tiếng Việt", "en": "English"}


def _catalogue(path: Path) -> dict[str, str]:
    """Two columns, tab-separated: the Vietnamese text and the English one."""
    with path.open(encoding="utf-8", newline="") as file:
        return {row[0]: row[1] for row in csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE) if len(row) == 2}


ENGLISH = _catalogue(Path(__file__).with_name("templates") / "english.tsv")


def translate(language: str, text: str, **values: object) -> str:
    """The text in a language, with `{name}` places filled. What the catalogue lacks stays Vietnamese."""
    chosen = ENGLISH.get(text, text) if language == "en" else text
    return chosen.format(**values) if values else chosen
