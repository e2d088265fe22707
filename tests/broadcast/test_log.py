"""What every process writes on standard error: one line an event, with its ids, for people or for collectors."""

import json
import subprocess
import sys

PROGRAM = """
import logging
import structlog
from broadcast.log import configure
configure({form!r})
log = structlog.get_logger("broadcast.playout")
log.info("item not ready for air", unit="48/20242", item="m1", device="d1", title="Lịch cắt điện")
logging.getLogger("uvicorn.error").warning("somebody else's words: %s", 5)
logging.getLogger("amqtt").info("chatter")
try:
    raise OSError("no space left")
except OSError:
    log.exception("the playout could not look")
"""


def lines(form: str) -> list[str]:
    words = [sys.executable, "-c", PROGRAM.format(form=form)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == ""
    return done.stderr.splitlines()


def test_collectors_get_one_object_a_line_with_the_ids_as_fields() -> None:
    first, second, third = [json.loads(line) for line in lines("json")]
    assert first["event"] == "item not ready for air"
    assert (first["unit"], first["item"], first["device"]) == ("48/20242", "m1", "d1")
    assert (first["level"], first["logger"], first["timestamp"][-1]) == ("info", "broadcast.playout", "Z")
    assert (second["event"], second["level"]) == ("somebody else's words: 5", "warning")
    assert "OSError: no space left" in third["exception"]


def test_people_get_lines_they_can_read() -> None:
    first, second, third, *trace = lines("text")
    assert "item not ready for air" in first
    assert "unit=48/20242" in first
    assert "title='Lịch cắt điện'" in first
    assert "somebody else's words: 5" in second
    assert "the playout could not look" in third
    assert "OSError: no space left" in trace
