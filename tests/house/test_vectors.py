"""The vectors of docs/wire.md are what the station signs, and an independent COSE library agrees."""

import re
from collections.abc import Callable

import cbor2
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pycose.algorithms import EdDSA
from pycose.headers import Algorithm
from pycose.keys import OKPKey
from pycose.keys.curves import Ed25519
from pycose.messages import Sign1Message

from broadcast import rundown_body, signing
from speakers import wire

Page = Callable[[str], str]
PARSERS = {
    "rundown": rundown_body.from_body,
    "wanted": wire.parse_wanted,
    "acknowledged": wire.parse_acknowledged,
    "command": wire.parse_command,
}


def hexadecimal(text: str) -> list[bytes]:
    return [bytes.fromhex("".join(block.split())) for block in re.findall(r"```hex\n(.*?)```", text, re.DOTALL)]


@pytest.fixture
def vectors(page: Page) -> dict[str, tuple[str, bytes, bytes]]:
    """Kind to topic, body and message."""
    parts = re.split(r"^### ", page("docs/wire.md").partition("## 8. Vectors")[2], flags=re.MULTILINE)[1:]
    found = {}
    for part in parts:
        kind, topic = re.match(r"(\w+), on `([^`]+)`", part).groups()  # type: ignore[union-attr]
        body, message = hexadecimal(part)
        found[kind] = (topic, body, message)
    return found


@pytest.fixture
def keys(page: Page) -> tuple[bytes, bytes, bytes]:
    """Seed, public key and key id."""
    seed, public, name = hexadecimal(page("docs/wire.md"))[:3]
    return seed, public, name


def test_the_keys_belong_together(keys: tuple[bytes, bytes, bytes]) -> None:
    seed, public, name = keys
    key = Ed25519PrivateKey.from_private_bytes(seed)
    assert (signing.public_bytes(key), signing.key_id(key)) == (public, name)


@pytest.mark.parametrize("kind", PARSERS)
def test_each_vector_is_what_the_station_signs(
    kind: str, vectors: dict[str, tuple[str, bytes, bytes]], keys: tuple[bytes, bytes, bytes]
) -> None:
    topic, body, message = vectors[kind]
    assert signing.sign(body, topic, Ed25519PrivateKey.from_private_bytes(keys[0])) == message
    assert signing.verify(message, topic, signing.trusted_key(keys[1])) == body
    PARSERS[kind](body)


@pytest.mark.parametrize("kind", PARSERS)
def test_an_independent_library_agrees(
    kind: str, vectors: dict[str, tuple[str, bytes, bytes]], keys: tuple[bytes, bytes, bytes]
) -> None:
    topic, body, message = vectors[kind]
    # pycose 1.1 expects the lists and dicts that older cbor2 made inside a tag; cbor2 6 makes frozen ones.
    protected, unprotected, signed_body, signature = cbor2.loads(message).value
    parts = [protected, dict(unprotected), signed_body, signature]
    theirs = Sign1Message.from_cose_obj(parts, allow_unknown_attributes=True)
    theirs.key = OKPKey(crv=Ed25519, x=keys[1], optional_params={"ALG": EdDSA})
    theirs.external_aad = topic.encode()
    assert theirs.get_attr(Algorithm) is EdDSA
    assert theirs.verify_signature()
    assert theirs.payload == body


def test_the_rundown_of_the_vectors_is_written_as_it_was_read(vectors: dict[str, tuple[str, bytes, bytes]]) -> None:
    body = vectors["rundown"][1]
    assert rundown_body.to_body(rundown_body.from_body(body)) == body


def test_each_key_of_an_item_is_in_the_specification(page: Page) -> None:
    told = set(re.findall(r"`(\w+)`", page("docs/wire.md").partition("## 5. Rundown")[2].partition("## 6.")[0]))
    assert {*rundown_body._WHEN_KEYS.values(), *rundown_body._WHAT_KEYS.values()} <= told
