"""What is deployed is accepted by the real programs: Mosquitto with its TLS door, Prometheus and its rules."""

import asyncio
import os
import shutil
import ssl
import subprocess
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import Protocol

import aiomqtt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from broadcast.signing import MAX_MESSAGE_BYTES


class Broker(Protocol):
    """What the fixtures of `tests/conftest.py` say of a broker."""

    host: str
    port: int
    tls_port: int
    username: str
    password: str


def make_certificate(folder: Path) -> Path:
    """A certificate for 127.0.0.1 in `folder`, as a city would put it there; returns what a client trusts."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    trusted = folder / "fullchain.pem"
    trusted.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "privkey.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return trusted


async def test_loudspeakers_come_in_by_tls_only_with_a_password(
    mosquitto_with_tls: Callable[[Path], AbstractContextManager[Broker]], tmp_path: Path
) -> None:
    trust = ssl.create_default_context(cafile=str(make_certificate(tmp_path)))
    with mosquitto_with_tls(tmp_path) as broker:
        async with aiomqtt.Client(
            broker.host, broker.tls_port, username=broker.username, password=broker.password, tls_context=trust
        ) as station:
            await station.subscribe("loa/1/device/tls-1/report")
            await station.publish("loa/1/device/tls-1/report", b"by tls", qos=1)
            message = await anext(aiter(station.messages))
        with pytest.raises(aiomqtt.MqttError):
            async with aiomqtt.Client(broker.host, broker.tls_port, tls_context=trust):
                pytest.fail("the broker let in somebody without a password")
    assert message.payload == b"by tls"


async def test_the_longest_message_that_a_device_accepts_gets_through_the_broker(mosquitto: Broker) -> None:
    longest, name = b"\0" * MAX_MESSAGE_BYTES, "loa/1/unit/longest/rundown"
    async with aiomqtt.Client(
        mosquitto.host, mosquitto.port, username=mosquitto.username, password=mosquitto.password
    ) as station:
        await station.subscribe(name, qos=1)
        await station.publish(name, longest, qos=1)
        await station.publish(name, b"end", qos=1)
        async with asyncio.timeout(30):
            assert (await anext(aiter(station.messages))).payload == longest


def test_the_broker_does_not_start_without_a_password(repository: Path) -> None:
    environment = {"PATH": os.environ["PATH"]}
    script = repository / "deploy/mosquitto/start.sh"
    config = repository / "deploy/mosquitto/mosquitto.conf"
    start = subprocess.run(
        ["sh", str(script), str(config)], check=False, capture_output=True, text=True, env=environment
    )
    assert start.returncode != 0
    assert "Set LOA_MQTT_PASSWORD" in start.stderr


def test_prometheus_accepts_its_configuration_and_rules(
    program_of: Callable[[str], str], repository: Path, tmp_path: Path
) -> None:
    promtool = program_of("promtool")
    for part in ("prometheus.yml", "rules.yml"):
        shutil.copy(repository / "deploy/prometheus" / part, tmp_path)
    shutil.copy(repository / "tests/house/rules_test.yml", tmp_path)
    for words in (["check", "config", "prometheus.yml"], ["test", "rules", "rules_test.yml"]):
        said = subprocess.run([promtool, *words], cwd=tmp_path, check=False, capture_output=True, text=True)
        assert said.returncode == 0, said.stdout + said.stderr
