"""A line a log event: for collectors as JSON with the ids as fields, for people as text, also what libraries say."""

import json
import subprocess
import sys

SPEAK = """
import logging, structlog
from monitoring.log import configure
configure({form!r})
structlog.get_logger("speakers.gateway").info("heard", unit="48/20242", item="3f2a", device="d1", title="Bản tin")
logging.getLogger("sqlalchemy").warning("from a library")
logging.getLogger("amqtt").info("chatter")
try:
    raise ValueError("broken")
except ValueError:
    structlog.get_logger("web").exception("page failed")
"""


def lines(form: str) -> list[str]:
    """What a program that logs writes on standard error, in a process of its own: the log is the process's."""
    script = SPEAK.format(form=form)
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert done.stdout == ""
    return done.stderr.splitlines()


def test_json_lines_carry_the_ids_of_unit_item_and_device() -> None:
    heard, library, failed = (json.loads(line) for line in lines("json"))
    assert {name: heard[name] for name in ("event", "unit", "item", "device", "level", "logger")} == {
        "event": "heard", "unit": "48/20242", "item": "3f2a", "device": "d1", "level": "info",
        "logger": "speakers.gateway",
    }  # fmt: skip
    assert heard["timestamp"].endswith("Z")
    assert (library["event"], library["logger"]) == ("from a library", "sqlalchemy")
    assert "ValueError: broken" in failed["exception"]


def test_text_lines_say_the_same_to_people_in_their_own_letters() -> None:
    said = "\n".join(lines("text"))
    assert "unit=48/20242" in said
    assert "device=d1" in said
    assert "Bản tin" in said
    assert "chatter" not in said
