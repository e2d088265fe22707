"""The wire: what is built is what is parsed; hostile bytes raise WireMalformed and nothing else."""

import json
import random
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import cbor2
import pytest

from speakers.errors import WireMalformed
from speakers.topic import TOPICS, parse_topic, topic
from speakers.wire import (
    MAX_ENTRIES,
    Alive,
    Command,
    Entry,
    Heartbeat,
    JournalBatch,
    Wanted,
    acknowledged_body,
    alive_payload,
    command_body,
    heartbeat_payload,
    journal_payload,
    parse_acknowledged,
    parse_alive,
    parse_command,
    parse_report,
    parse_wanted,
    wanted_body,
)

NOW = datetime(2026, 3, 1, 10, 0, 0, 123_000, tzinfo=UTC)
ENTRY = Entry(
    sequence=7,
    unit="48/20197",
    item="a1b2",
    cue="a1b2#0",
    sound="rendition:" + "0" * 64,
    planned=NOW,
    planned_ms=2000,
    item_ms=2000,
    started=NOW,
    ended=NOW + timedelta(seconds=2),
    heard_ms=2000,
    state="played",
    error_ms=0.4,
)
MISSED = replace(
    ENTRY, sequence=9, started=None, ended=None, heard_ms=0, state="missed", reason="offline", error_ms=None
)
BEAT = Heartbeat(
    at=NOW,
    version="0.1.0",
    uptime_s=12,
    playing=("a1b2#0",),
    volume_db=-3.0,
    revisions={"48": 3, "48/20197": 8},
    wanted_revision=2,
    cache_bytes=100,
    cache_files=1,
    cache_missing=4,
    synchronised=True,
    clock_error_ms=0.2,
    counters={"refused_forged": 2},
)
WANTED = Wanted(4, "48/20197", ("48", "48/20197"), ("c1",), -6.0, 30)
COMMAND = Command(5, "test_tone", NOW)


@pytest.mark.parametrize(
    ("kind", "name", "text"),
    [
        ("rundown", "48", "loa/1/unit/48/rundown"),
        ("rundown", "48/20197/thon-1", "loa/1/unit/48/20197/thon-1/rundown"),
        ("wanted", "d1", "loa/1/device/d1/wanted"),
        ("acknowledged", "d1", "loa/1/device/d1/acknowledged"),
        ("command", "d1", "loa/1/device/d1/command"),
        ("report", "d1", "loa/1/device/d1/report"),
        ("alive", "d1", "loa/1/device/d1/alive"),
        ("live", "s1", "loa/1/live/s1"),
    ],
)
def test_a_topic_says_its_kind_and_its_name(kind: str, name: str, text: str) -> None:
    assert topic(kind, name) == text
    assert parse_topic(text) == (kind, name)


@pytest.mark.parametrize("name", ["", "/", "48/", "/48", "48//1", "+", "48/#", "a\0b"])
def test_what_mqtt_would_read_otherwise_never_stands_in_a_topic(name: str) -> None:
    with pytest.raises(WireMalformed):
        topic("rundown", name)


@pytest.mark.parametrize(
    "text",
    ["", "loa", "loa/1/unit/rundown", "loa/1/unit//rundown", "loa/2/unit/48/rundown", "loa/1/device/a/b/report",
     "loa/1/device/report", "loa/1/device//report", "loa/1/live/", "loa/1/live/a/b", "x/loa/1/live/a"],
)  # fmt: skip
def test_other_topics_are_not_of_this_wire(text: str) -> None:
    assert parse_topic(text) is None


def test_a_pattern_subscribes_to_every_topic_of_its_kind() -> None:
    assert TOPICS["report"].pattern == "loa/1/device/+/report"
    assert TOPICS["rundown"].pattern == "loa/1/unit/#"


def test_messages_come_back_as_they_were_built() -> None:
    assert parse_wanted(wanted_body(WANTED)) == WANTED
    assert parse_command(command_body(COMMAND)) == COMMAND
    assert parse_acknowledged(acknowledged_body(123)) == 123
    assert parse_report(heartbeat_payload(BEAT)) == BEAT
    assert parse_report(journal_payload([ENTRY, MISSED])) == JournalBatch((ENTRY, MISSED))
    assert parse_alive(alive_payload(Alive(online=True, at=NOW))) == Alive(online=True, at=NOW)


def test_reports_are_json_that_people_can_read() -> None:
    report = json.loads(journal_payload([ENTRY]))
    assert report["kind"] == "journal"
    assert report["entries"][0]["seq"] == 7
    assert report["entries"][0]["planned"] == "2026-03-01T10:00:00.123Z"


def test_an_instant_of_another_zone_is_the_same_instant() -> None:
    hanoi = timezone(timedelta(hours=7))
    payload = alive_payload(Alive(online=True, at=NOW.astimezone(hanoi)))
    assert parse_alive(payload).at == NOW
    assert parse_alive(payload.replace(b"10:00:00.123Z", b"17:00:00.123+07:00")).at == NOW


def test_unknown_keys_are_passed_over() -> None:
    body = cbor2.loads(wanted_body(WANTED)) | {"colour": "red"}
    assert parse_wanted(cbor2.dumps(body)) == WANTED
    report = json.loads(heartbeat_payload(BEAT)) | {"colour": "red"}
    assert parse_report(json.dumps(report).encode()) == BEAT


BAD_FIELDS: list[tuple[str, object]] = [
    ("v", 2), ("v", True), ("seq", -1), ("seq", 1.5), ("seq", True), ("seq", 2**53), ("unit", 4), ("unit", "x" * 401),
    ("unit", "a\0"), ("unit", "đ"), ("planned", "2026-03-01T10:00:00"), ("planned", "yesterday"), ("planned", 5),
    ("heard_ms", None), ("state", "heard"), ("state", ["played"]), ("error_ms", "1"), ("error_ms", 1e300),
    ("planned", "0001-01-01T00:00:00+14:00"),
]  # fmt: skip


@pytest.mark.parametrize(("key", "value"), BAD_FIELDS)
def test_a_wrong_field_makes_a_batch_malformed(key: str, value: object) -> None:
    report = json.loads(journal_payload([ENTRY]))
    (report if key == "v" else report["entries"][0])[key] = value
    with pytest.raises(WireMalformed):
        parse_report(json.dumps(report).encode())


def test_a_batch_is_in_order_and_not_too_long() -> None:
    with pytest.raises(WireMalformed):
        parse_report(journal_payload([MISSED, ENTRY]))
    with pytest.raises(WireMalformed):
        parse_report(journal_payload([replace(ENTRY, sequence=n) for n in range(MAX_ENTRIES + 1)]))
    full = journal_payload([replace(ENTRY, sequence=n) for n in range(MAX_ENTRIES)])
    assert isinstance(parse_report(full), JournalBatch)


@pytest.mark.parametrize("payload", [b"", b"{", b"[1]", b"null", b"\xff", b"[" * 100_000, b'{"v":1}', b"9" * 5000])
def test_what_is_no_report_is_refused(payload: bytes) -> None:
    with pytest.raises(WireMalformed):
        parse_report(payload)


def mutations(seed: int, message: bytes, count: int) -> list[bytes]:
    """Altered copies: bytes changed, cut out, doubled or put in."""
    chance = random.Random(seed)
    altered = []
    for _ in range(count):
        copy = bytearray(message)
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(len(copy)) if copy else 0
            match chance.randrange(4):
                case 0:
                    copy[at : at + 1] = chance.randbytes(1)
                case 1:
                    del copy[at : at + chance.randint(1, 8)]
                case 2:
                    copy[at:at] = copy[at : at + chance.randint(1, 16)]
                case _:
                    copy[at:at] = chance.randbytes(chance.randint(1, 4))
        altered.append(bytes(copy))
    return altered


@pytest.mark.parametrize(
    ("message", "parse"),
    [
        (wanted_body(WANTED), parse_wanted),
        (command_body(COMMAND), parse_command),
        (acknowledged_body(9), parse_acknowledged),
        (heartbeat_payload(BEAT), parse_report),
        (journal_payload([ENTRY, MISSED]), parse_report),
        (alive_payload(Alive(online=False, at=NOW)), parse_alive),
    ],
    ids=["wanted", "command", "acknowledged", "heartbeat", "journal", "alive"],
)
def test_hostile_bytes_raise_wire_malformed_and_nothing_else(message: bytes, parse: Callable[[bytes], Any]) -> None:
    for altered in mutations(1, message, 3_000):
        try:
            parse(altered)
        except WireMalformed:
            continue


def test_the_specification_names_every_field() -> None:
    page = (Path(__file__).parents[2] / "docs" / "wire.md").read_text()
    fields: set[str] = set(cbor2.loads(wanted_body(WANTED))) | set(cbor2.loads(command_body(COMMAND)))
    fields |= set(json.loads(heartbeat_payload(BEAT))) | set(json.loads(journal_payload([ENTRY]))["entries"][0])
    assert fields <= set(re.findall(r"`([a-z_]+)`", page))
