"""Signatures on everything that is sent towards a device: COSE_Sign1 (RFC 9052) with EdDSA (RFC 9053, Ed25519).

The MQTT topic is the external additional data, so a message cannot be moved to another topic. Checked against an
independent COSE library in the tests. What the signed body means is decided elsewhere.
"""

import hashlib
from collections.abc import Mapping

import cbor2
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from broadcast.errors import ForgedSignature, NotSigned, UnknownKey

_COSE_SIGN1_TAG = 18
_ALGORITHM, _KEY_ID, _EDDSA = 1, 4, -8
_PROTECTED = cbor2.dumps({_ALGORITHM: _EDDSA}, canonical=True)
MAX_MESSAGE_BYTES = 4_100_000


def generate_key() -> Ed25519PrivateKey:
    """A new signing key."""
    return Ed25519PrivateKey.generate()


def private_bytes(key: Ed25519PrivateKey) -> bytes:
    """PKCS#8 PEM, for a file that only the station may read."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def public_bytes(key: Ed25519PrivateKey | Ed25519PublicKey) -> bytes:
    """The 32 raw bytes of the public key."""
    public = key.public_key() if isinstance(key, Ed25519PrivateKey) else key
    return public.public_bytes(Encoding.Raw, PublicFormat.Raw)


def key_id(key: Ed25519PrivateKey | Ed25519PublicKey) -> bytes:
    """The name of a key on the wire: the first eight bytes of the SHA-256 of the public key."""
    return hashlib.sha256(public_bytes(key)).digest()[:8]


def trusted_key(public: bytes) -> dict[bytes, Ed25519PublicKey]:
    """A trust list of one key, from its 32 raw bytes."""
    key = Ed25519PublicKey.from_public_bytes(public)
    return {key_id(key): key}


def _signed_structure(protected: bytes, topic: str, body: bytes) -> bytes:
    return cbor2.dumps(["Signature1", protected, topic.encode(), body])


def sign(body: bytes, topic: str, key: Ed25519PrivateKey) -> bytes:
    """The COSE_Sign1 message of `body`, valid on `topic` only. Costs about 50 µs and 86 bytes."""
    signature = key.sign(_signed_structure(_PROTECTED, topic, body))
    return cbor2.dumps(cbor2.CBORTag(_COSE_SIGN1_TAG, [_PROTECTED, {_KEY_ID: key_id(key)}, body, signature]))


def _parts(message: bytes) -> tuple[bytes, bytes, bytes, bytes]:
    """Protected header, key id, body and signature. Raises NotSigned."""
    if len(message) > MAX_MESSAGE_BYTES:
        raise NotSigned("The message is too long.")
    try:
        tagged = cbor2.loads(message)
        if not isinstance(tagged, cbor2.CBORTag) or tagged.tag != _COSE_SIGN1_TAG:
            raise NotSigned
        protected, unprotected, body, signature = tagged.value
        kid = unprotected[_KEY_ID]
        header = cbor2.loads(protected)
        if not isinstance(header, Mapping) or dict(header) != {_ALGORITHM: _EDDSA}:
            raise NotSigned("The message is signed with another algorithm than EdDSA.")
    except NotSigned:
        raise
    except Exception as error:  # hostile CBOR can raise anything: each of it means the same here
        raise NotSigned from error
    if not all(isinstance(part, bytes) for part in (protected, kid, body, signature)):
        raise NotSigned
    return protected, kid, body, signature


def body_of(message: bytes) -> bytes:
    """The body of a message that this station signed itself; nothing is checked."""
    body: bytes = cbor2.loads(message).value[2]
    return body


def verify(message: bytes, topic: str, trusted: Mapping[bytes, Ed25519PublicKey]) -> bytes:
    """The body of a message that a trusted key signed for this topic.

    Raises NotSigned, UnknownKey or ForgedSignature. `trusted` maps key ids to public keys. Costs about 140 µs.
    """
    protected, kid, body, signature = _parts(message)
    key = trusted.get(kid)
    if key is None:
        raise UnknownKey(f"The key {kid[:8].hex()} is not trusted here.")
    try:
        key.verify(signature, _signed_structure(protected, topic, body))
    except InvalidSignature:
        raise ForgedSignature(f"The signature by key {kid.hex()} does not fit the message on {topic}.") from None
    return body
