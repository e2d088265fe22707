"""MQTT passwords of devices: derived from the station's secret, so none is stored and a broker can be told anew."""

import base64
import hashlib
import hmac


def password_of(secret: bytes, speaker_id: str, generation: int) -> str:
    """The MQTT password of a device: 43 characters. A new generation makes the old one worthless."""
    digest = hmac.digest(secret, f"mqtt:{speaker_id}:{generation}".encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def fits(secret: bytes, speaker_id: str, generation: int, password: str) -> bool:
    """Whether a password is the device's; takes the same time whatever the answer."""
    return hmac.compare_digest(password_of(secret, speaker_id, generation).encode(), password.encode())
