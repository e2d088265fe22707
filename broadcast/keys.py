"""The station's own keys, in a folder that only the station may read: one to sign with, one to derive secrets from."""

import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from broadcast.errors import LoaError
from broadcast.signing import generate_key, private_bytes

SECRET_BYTES = 32


class KeyDamaged(LoaError):
    """A key file cannot be read. Put it back from the backup: devices trust no other key."""


@dataclass(frozen=True, slots=True)
class Keys:
    """`signing` signs all that goes to devices; `secret` derives device credentials."""

    signing: Ed25519PrivateKey
    secret: bytes


def load_or_make(folder: Path) -> Keys:
    """The keys in `folder`, made on the first call. Raises KeyDamaged rather than making others in their place."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    pem = _read_or_write(folder / "signing.pem", lambda: private_bytes(generate_key()))
    secret = _read_or_write(folder / "secret", lambda: secrets.token_bytes(SECRET_BYTES))
    try:
        key = load_pem_private_key(pem, password=None)
    except ValueError as error:
        raise KeyDamaged(f"The key file {folder / 'signing.pem'} is damaged. Put it back from the backup.") from error
    if not isinstance(key, Ed25519PrivateKey) or len(secret) != SECRET_BYTES:
        raise KeyDamaged(f"A key file in {folder} is damaged. Put it back from the backup.")
    return Keys(key, secret)


def _read_or_write(path: Path, make: Callable[[], bytes]) -> bytes:
    if path.exists():
        return path.read_bytes()
    content = make()
    waiting = path.with_suffix(".new")
    descriptor = os.open(waiting, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    waiting.rename(path)
    return content
