"""Which rundowns a pole obeys: tens of thousands that it must not, each refused by its reason and by nothing else."""

import random
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import cbor2
import pytest

from broadcast.priority import Rank
from broadcast.rundown import Item, Rundown
from broadcast.rundown_body import to_body
from broadcast.signing import generate_key, public_bytes, sign, trusted_key
from speakers.agent.acceptance import FUTURE_LIMIT, Expected, accept, untimely
from speakers.errors import RundownRefused
from speakers.topic import topic

NOW = datetime(2026, 3, 1, 10, tzinfo=UTC)
KEY = generate_key()
UNITS = frozenset({"48", "48/20197"})
EXPECTED = Expected(trusted_key(public_bytes(KEY)), UNITS, {"48/20197": 10})
TOPIC = topic("rundown", "48/20197")
ITEM = Item("a", NOW, NOW + timedelta(hours=1), "tone:chime", 60_000, Rank.NORMAL, ("unit:48",))
GOOD = Rundown("48/20197", 11, NOW, NOW, NOW + timedelta(days=7), (ITEM,))


def signed(rundown: Rundown, name: str = TOPIC) -> bytes:
    return sign(to_body(rundown), name, KEY)


def reason_of(message: bytes, name: str = TOPIC, expected: Expected = EXPECTED, now: datetime = NOW) -> str:
    """Why it was refused; empty when it was accepted."""
    try:
        late = untimely(accept(message, name, expected), now)
    except RundownRefused as refused:
        return refused.reason
    return late.reason if late else ""


def test_the_next_revision_of_an_own_unit_is_obeyed() -> None:
    assert accept(signed(GOOD), TOPIC, EXPECTED) == GOOD


def test_the_city_s_rundown_is_obeyed_too() -> None:
    city = replace(GOOD, unit="48", revision=1)
    assert accept(signed(city, topic("rundown", "48")), topic("rundown", "48"), EXPECTED) == city


@pytest.mark.parametrize("revision", [0, 1, 9, 10])
def test_what_is_replayed_or_older_is_refused(revision: int) -> None:
    assert reason_of(signed(replace(GOOD, revision=revision))) == "older"


def test_what_has_expired_is_refused_to_the_millisecond() -> None:
    assert reason_of(signed(replace(GOOD, covers_to=NOW))) == "expired"
    assert reason_of(signed(replace(GOOD, covers_to=NOW + timedelta(milliseconds=1)))) == ""


def test_what_comes_from_the_future_is_refused() -> None:
    assert reason_of(signed(replace(GOOD, issued_at=NOW + FUTURE_LIMIT + timedelta(seconds=1)))) == "from_future"
    assert reason_of(signed(replace(GOOD, issued_at=NOW + FUTURE_LIMIT))) == ""


def test_another_unit_s_rundown_is_refused_on_every_way_in() -> None:
    other = replace(GOOD, unit="48/20198")
    elsewhere = topic("rundown", "48/20198")
    assert reason_of(signed(other, elsewhere), elsewhere) == "wrong_unit"
    assert reason_of(signed(other, elsewhere), TOPIC) == "forged"
    assert reason_of(signed(other, TOPIC), TOPIC) == "wrong_unit"
    assert reason_of(signed(GOOD, topic("rundown", "48")), topic("rundown", "48")) == "wrong_unit"


@pytest.mark.parametrize("name", ["", "x", "loa/1/device/d1/wanted", "loa/1/unit/rundown", "loa/2/unit/48/rundown"])
def test_no_other_topic_carries_a_rundown(name: str) -> None:
    assert reason_of(signed(GOOD, name), name) == "wrong_topic"


def test_a_stranger_s_rundown_is_refused() -> None:
    assert reason_of(sign(to_body(GOOD), TOPIC, generate_key())) == "unknown_key"


def test_a_signed_body_that_is_no_rundown_is_malformed() -> None:
    for body in (b"", b"\xff", cbor2.dumps({"v": 1}), cbor2.dumps([]), to_body(GOOD)[:-1]):
        assert reason_of(sign(body, TOPIC, KEY)) == "malformed"


def test_thirty_thousand_altered_messages_are_refused() -> None:
    chance = random.Random(3)
    message = signed(GOOD)
    reasons: Counter[str] = Counter()
    for _ in range(30_000):
        hostile = bytearray(message)
        at = chance.randrange(len(hostile))
        match chance.randrange(3):
            case 0:
                hostile[at] ^= 1 << chance.randrange(8)
            case 1:
                del hostile[at : at + chance.randint(1, 5)]
            case _:
                hostile[at:at] = chance.randbytes(chance.randint(1, 3))
        try:
            assert accept(bytes(hostile), TOPIC, EXPECTED) == GOOD  # bytes after the end change nothing
        except RundownRefused as refused:
            reasons[refused.reason] += 1
    assert set(reasons) <= {"not_signed", "unknown_key", "forged"}
    assert reasons["forged"] > 1_000


def test_ten_thousand_signed_lies_are_refused_unless_they_are_true() -> None:
    chance = random.Random(4)
    for _ in range(10_000):
        revision = chance.randint(0, 20)
        issued = NOW + timedelta(hours=chance.randint(-100, 100))
        covers_to = NOW + timedelta(hours=chance.randint(-200, 200))
        unit = chance.choice(["48", "48/20197", "48/20198", "49", "48/2"])
        name = topic("rundown", chance.choice([unit, "48/20197"]))
        lie = replace(GOOD, unit=unit, revision=revision, issued_at=issued, covers_to=covers_to)
        true = (
            (name, unit) in {(topic("rundown", own), own) for own in UNITS}
            and revision > EXPECTED.revisions.get(unit, 0)
            and covers_to > NOW
            and issued <= NOW + FUTURE_LIMIT
        )
        assert (reason_of(signed(lie, name), name) == "") is true
