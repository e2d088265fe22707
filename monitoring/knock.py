"""Knocking at a port: who answers there, our station, an MQTT broker, somebody else, or nobody."""

import socket
import ssl
import struct
from contextlib import suppress
from http.client import HTTPConnection, HTTPException

PATIENCE_S = 5.0
ACCEPTED, NOT_MQTT = 0, -1
"""What `mqtt_answer` gives beside the broker's own codes: 4 and 5 mean that name or password are wrong."""


def is_station(host: str, port: int) -> bool:
    """Whether a station answers here by HTTP."""
    connection = HTTPConnection(host, port, timeout=PATIENCE_S)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().read(16) == b"ok\n"
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def is_free(host: str, port: int) -> bool:
    """Whether a program may listen here. Raises OSError when the reason is not that another one does."""
    with socket.socket() as knock:
        knock.settimeout(PATIENCE_S)
        if knock.connect_ex((_near(host), port)) == 0:
            return False
    with socket.socket() as door:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        door.bind((host, port))
    return True


def _near(host: str) -> str:
    return "127.0.0.1" if host in {"", "0.0.0.0"} else host  # noqa: S104


def mqtt_answer(host: str, port: int, username: str | None, password: str | None, *, tls: bool) -> int:
    """The code with which an MQTT 3.1.1 broker answers to a name and password. Raises OSError when nobody answers."""
    with socket.create_connection((_near(host), port), timeout=PATIENCE_S) as plain:
        door = ssl.create_default_context().wrap_socket(plain, server_hostname=host) if tls else plain
        door.sendall(_connect(username, password))
        told = b""
        with suppress(TimeoutError, ConnectionResetError):
            while len(told) < 4 and (more := door.recv(4 - len(told))):
                told += more
    return told[3] if len(told) == 4 and told[:2] == b"\x20\x02" else NOT_MQTT


def _connect(username: str | None, password: str | None) -> bytes:
    """The CONNECT packet of MQTT 3.1.1 (section 3.1), for a clean session of a minute."""
    words = [b"loa-doctor", *(word.encode() for word in (username, password) if word is not None)]
    flags = 0x02 | (0x80 if username is not None else 0) | (0x40 if password is not None else 0)
    body = b"\x00\x04MQTT\x04" + bytes([flags]) + struct.pack(">H", 60)
    body += b"".join(struct.pack(">H", len(word)) + word for word in words)
    length = bytes([len(body)]) if len(body) < 128 else bytes([len(body) % 128 | 128, len(body) // 128])
    return b"\x10" + length + body
