"""Signatures: an independent COSE library agrees in both directions; whatever else comes is refused as not signed."""

import random

import cbor2
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st
from pycose.algorithms import EdDSA
from pycose.headers import KID, Algorithm
from pycose.keys import OKPKey
from pycose.keys.curves import Ed25519
from pycose.messages import Sign1Message

from broadcast.errors import ForgedSignature, NotSigned, UnknownKey
from broadcast.signing import (
    MAX_MESSAGE_BYTES,
    generate_key,
    key_id,
    private_bytes,
    public_bytes,
    sign,
    trusted_key,
    verify,
)

KEY = generate_key()
TRUSTED = trusted_key(public_bytes(KEY))
TOPIC = "loa/1/unit/48/20197/rundown"
BODY = cbor2.dumps({"v": 1, "unit": "48/20197", "items": list(range(20))}, canonical=True)
MESSAGE = sign(BODY, TOPIC, KEY)


def pycose_key(key: Ed25519PrivateKey) -> OKPKey:
    """The same key as the other library keeps it."""
    seed = key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
    return OKPKey(crv=Ed25519, x=public_bytes(key), d=seed, optional_params={"ALG": EdDSA})


@given(body=st.binary(max_size=300), topic=st.text(st.characters(codec="utf-8"), max_size=60))
def test_what_we_sign_the_other_library_verifies(body: bytes, topic: str) -> None:
    # pycose 1.1 expects the lists and dicts that older cbor2 made inside a tag; cbor2 6 makes frozen ones.
    protected, unprotected, signed, signature = cbor2.loads(sign(body, topic, KEY)).value
    theirs = Sign1Message.from_cose_obj(
        [protected, dict(unprotected), signed, signature], allow_unknown_attributes=True
    )
    theirs.key = pycose_key(KEY)
    theirs.external_aad = topic.encode()
    assert theirs.verify_signature()
    assert theirs.payload == body
    theirs.external_aad = topic.encode() + b"/"
    assert not theirs.verify_signature()


@given(body=st.binary(max_size=300), topic=st.text(st.characters(codec="utf-8"), max_size=60))
def test_what_the_other_library_signs_we_verify(body: bytes, topic: str) -> None:
    theirs = Sign1Message(phdr={Algorithm: EdDSA}, uhdr={KID: key_id(KEY)}, payload=body, external_aad=topic.encode())
    theirs.key = pycose_key(KEY)
    message = theirs.encode()
    assert verify(message, topic, TRUSTED) == body
    with pytest.raises(ForgedSignature):
        verify(message, topic + "/", TRUSTED)


def test_a_message_is_valid_on_its_own_topic_only() -> None:
    assert verify(MESSAGE, TOPIC, TRUSTED) == BODY
    chance = random.Random(1)
    for _ in range(3_000):
        at = chance.randrange(len(TOPIC))
        other = TOPIC[:at] + chance.choice(["", "/", "4", "x", "É"]) + TOPIC[at + chance.randint(0, 2) :]
        if other != TOPIC:
            with pytest.raises(ForgedSignature):
                verify(MESSAGE, other, TRUSTED)


def test_a_stranger_s_signature_is_refused_whatever_name_it_uses() -> None:
    stranger = generate_key()
    with pytest.raises(UnknownKey):
        verify(sign(BODY, TOPIC, stranger), TOPIC, TRUSTED)
    protected, _, body, signature = cbor2.loads(sign(BODY, TOPIC, stranger)).value
    renamed = cbor2.dumps(cbor2.CBORTag(18, [protected, {4: key_id(KEY)}, body, signature]))
    with pytest.raises(ForgedSignature):
        verify(renamed, TOPIC, TRUSTED)


@pytest.mark.parametrize("algorithm", [-7, -35, 5, 0, None, "EdDSA"])
def test_another_algorithm_is_refused(algorithm: object) -> None:
    _, unprotected, body, signature = cbor2.loads(MESSAGE).value
    header = cbor2.dumps({} if algorithm is None else {1: algorithm})
    with pytest.raises(NotSigned):
        verify(cbor2.dumps(cbor2.CBORTag(18, [header, dict(unprotected), body, signature])), TOPIC, TRUSTED)


def test_the_algorithm_may_not_stand_outside_what_is_signed() -> None:
    _, _, body, signature = cbor2.loads(MESSAGE).value
    moved = cbor2.dumps(cbor2.CBORTag(18, [b"", {1: -8, 4: key_id(KEY)}, body, signature]))
    with pytest.raises(NotSigned):
        verify(moved, TOPIC, TRUSTED)


def test_a_message_that_is_too_long_is_not_even_read() -> None:
    with pytest.raises(NotSigned, match="too long"):
        verify(b"\0" * (MAX_MESSAGE_BYTES + 1), TOPIC, TRUSTED)


def altered(message: bytes, chance: random.Random) -> bytes:
    """One hostile copy: bytes changed, cut out, doubled, put in, or the end lost."""
    copy = bytearray(message)
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(max(1, len(copy)))
        kind = chance.randrange(5)
        if kind == 0 and copy:
            copy[at] ^= 1 << chance.randrange(8)
        elif kind == 1:
            del copy[at : at + chance.randint(1, 9)]
        elif kind == 2:
            copy[at:at] = copy[at : at + chance.randint(1, 9)]
        elif kind == 3:
            copy[at:at] = chance.randbytes(chance.randint(1, 3))
        else:
            del copy[at:]
    return bytes(copy)


@pytest.mark.parametrize("seed", range(4))
def test_forty_thousand_altered_messages_are_refused_and_nothing_else_happens(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(10_000):
        hostile = altered(MESSAGE, chance)
        try:
            body = verify(hostile, TOPIC, TRUSTED)
        except NotSigned:
            continue
        assert body == BODY  # only what means the same: a longer way to write a length, bytes after the end


def test_ten_thousand_random_messages_are_refused() -> None:
    chance = random.Random(9)
    for _ in range(10_000):
        with pytest.raises(NotSigned):
            verify(chance.randbytes(chance.randint(0, 80)), TOPIC, TRUSTED)


@given(st.recursive(st.none() | st.integers() | st.binary(max_size=20) | st.text(max_size=5), st.lists, max_leaves=8))
def test_any_other_cbor_is_refused(value: object) -> None:
    for content in (value, cbor2.CBORTag(18, value), cbor2.CBORTag(18, [b"", {}, value, b""])):
        with pytest.raises(NotSigned):
            verify(cbor2.dumps(content), TOPIC, TRUSTED)


def test_a_key_survives_its_file() -> None:
    assert private_bytes(KEY).startswith(b"-----BEGIN PRIVATE KEY-----")
    assert len(public_bytes(KEY)) == 32
    assert len(key_id(KEY)) == 8
    assert TRUSTED.keys() == {key_id(KEY)}
