"""The real parts that tests stand on: a PostgreSQL server and a Mosquitto broker, started once a session.

Both are Debian's own programs, run in a folder that is thrown away, on free ports of the loopback address. Where
the program is missing the test is skipped and says so; in CI (CI=true) it fails, so that nothing goes unseen.
"""

import os
import pwd
import re
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import psycopg
import pytest
from psycopg import sql

REPOSITORY = Path(__file__).parents[1]
STARTS_WITHIN_S = 30


@dataclass(frozen=True, slots=True)
class Broker:
    """A running Mosquitto: `username` administers its dynamic security plugin and may use every topic below `loa/`."""

    host: str
    port: int
    username: str
    password: str
    tls_port: int = 0

    @property
    def url(self) -> str:
        """The broker as `mqtt://username:password@host:port`."""
        return f"mqtt://{self.username}:{self.password}@{self.host}:{self.port}"


def lacking(reason: str, remedy: str = "Run scripts/install --dev to have it.") -> NoReturn:
    """Skip the test, or fail it in CI, where every part must be there."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{reason} {remedy} In CI it must be there.", pytrace=False)
    pytest.skip(f"{reason} {remedy}")


def program(name: str) -> str:
    """The path of a program of the system; Debian keeps servers outside the PATH of ordinary users."""
    places = [os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"]
    places += sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin")), reverse=True)
    found = shutil.which(name, path=os.pathsep.join(places))
    if found is None:
        lacking(f"The program «{name}» is not installed.")
    return found


@pytest.fixture(scope="session")
def program_of() -> Callable[[str], str]:
    """A function from the name of a program to its path; it skips the test, or fails it in CI, when there is none."""
    return program


@pytest.fixture(scope="session")
def part_lacks() -> Callable[[str], NoReturn]:
    """A function that says what is not there, of parts that are no programs: skips the test, or fails it in CI."""
    return lacking


@pytest.fixture
def small_disk_on() -> Iterator[Callable[[Path, int], None]]:
    """A function that mounts an empty disk of so many KiB on a folder; it goes when the test is over."""
    mounted: list[Path] = []

    def mount(place: Path, size_kib: int) -> None:
        command = ["mount", "-t", "tmpfs", "-o", f"size={size_kib}k", "loa-test", str(place)]
        if subprocess.run(command, check=False, capture_output=True).returncode:
            lacking("This user may not mount a small disk.", "Run the tests as one who may.")
        mounted.append(place)

    yield mount
    for place in mounted:
        subprocess.run(["umount", str(place)], check=True)


def unused_port() -> int:
    """A TCP port of the loopback address that was free a moment ago."""
    with closing(socket.socket()) as door:
        door.bind(("127.0.0.1", 0))
        return int(door.getsockname()[1])


def wait_for_port(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    """Return when somebody answers on the port; raise RuntimeError with the log when nobody does."""
    deadline = time.monotonic() + STARTS_WITHIN_S
    while time.monotonic() < deadline and process.poll() is None:
        with closing(socket.socket()) as knock:
            if knock.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError(f"{process.args!r} did not answer on port {port}:\n{log.read_text(errors='replace')}")


@contextmanager
def running(
    arguments: list[str],
    port: int,
    log: Path,
    stop: signal.Signals = signal.SIGTERM,
    environment: Mapping[str, str] | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """A server process from the moment it answers on `port`; it is told to end, and waited for, on leaving."""
    with log.open("wb") as lines:
        process = subprocess.Popen(arguments, stdout=lines, stderr=lines, env={**os.environ, **(environment or {})})
    try:
        wait_for_port(port, process, log)
        yield process
    finally:
        process.send_signal(stop)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@pytest.fixture
def free_port() -> Callable[[], int]:
    """A function that gives a free port of the loopback address at each call."""
    return unused_port


def dynamic_security_plugin() -> Path:
    """Where Debian keeps the plugin, on any machine."""
    found = sorted(Path("/usr/lib").glob("*/mosquitto_dynamic_security.so"))
    if not found:
        lacking("Mosquitto's dynamic security plugin is not installed.")
    return found[0]


@contextmanager
def mosquitto_in(
    folder: Path, port: int, tls: Path | None = None, stop: signal.Signals = signal.SIGTERM
) -> Iterator[Broker]:
    """The broker of `deploy/mosquitto` on `port`, its state in `folder`; with its TLS door if `tls` is given.

    A test that wants a broker to fall and come back enters this twice with the same folder and port.
    """
    program("mosquitto_ctrl")
    tls_port = unused_port() if tls else 0
    config = folder / "mosquitto.conf"
    config.write_text(deployed_configuration(folder, port, tls, tls_port))
    secret = folder / "password"
    if not secret.exists():
        secret.write_text(secrets.token_urlsafe(16))
    environment = {
        "LOA_MQTT_PASSWORD": secret.read_text(),
        "PATH": os.pathsep.join([str(Path(program("mosquitto")).parent), os.environ["PATH"]]),
    }
    start = ["sh", str(REPOSITORY / "deploy/mosquitto/start.sh"), str(config)]
    with running(start, port, folder / "mosquitto.log", stop, environment):
        yield Broker("127.0.0.1", port, "station", environment["LOA_MQTT_PASSWORD"], tls_port)


def deployed_configuration(folder: Path, port: int, tls: Path | None, tls_port: int) -> str:
    """What is deployed, with other places and ports; the last door is dropped where there is no `tls`."""
    text = (REPOSITORY / "deploy/mosquitto/mosquitto.conf").read_text()
    if tls is None:
        text = re.sub(r"(?ms)^listener 8883\n.*?\n\n", "\n", text)
    for deployed, ours in {
        "listener 1883": f"listener {port} 127.0.0.1",
        "listener 8883": f"listener {tls_port} 127.0.0.1",
        "/usr/lib/mosquitto_dynamic_security.so": str(dynamic_security_plugin()),
        "/mosquitto/data": str(folder),
        "/mosquitto/tls": str(tls),
    }.items():
        text = text.replace(deployed, ours)
    return f"{text}\nuser {pwd.getpwuid(os.getuid()).pw_name}\n"


@pytest.fixture(scope="session")
def mosquitto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A real Mosquitto, shared by the session: tests keep apart by using their own units, devices and topics."""
    with mosquitto_in(tmp_path_factory.mktemp("mosquitto"), unused_port()) as broker:
        yield broker


@pytest.fixture
def mosquitto_that_falls(tmp_path: Path) -> Callable[[], AbstractContextManager[Broker]]:
    """A function that starts this test's own Mosquitto, always the same one: port and what it wrote outlive each start.

    It ends as by `kill -9`, with nothing saved on the way out.
    """
    port = unused_port()
    return lambda: mosquitto_in(tmp_path, port, stop=signal.SIGKILL)


@pytest.fixture
def mosquitto_that_rests(tmp_path: Path) -> Callable[[], AbstractContextManager[Broker]]:
    """The same, but told to end, so that it saves what it holds."""
    port = unused_port()
    return lambda: mosquitto_in(tmp_path, port)


@pytest.fixture
def mosquitto_with_tls(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], AbstractContextManager[Broker]]:
    """A function from a folder with fullchain.pem and privkey.pem to a broker that also has its door to the outside."""
    return lambda tls: mosquitto_in(tmp_path_factory.mktemp("mosquitto"), unused_port(), tls)


def without_rights() -> list[str]:
    """The words that go before a PostgreSQL program: it refuses to run as root."""
    as_postgres = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
    return as_postgres if os.getuid() == 0 else []


@contextmanager
def folder_for_postgresql() -> Iterator[Path]:
    """A folder that the user of the server may use: pytest's own folders are closed to everybody but pytest."""
    folder = Path(tempfile.mkdtemp(prefix="loa-postgresql-"))
    try:
        if os.getuid() == 0:
            shutil.chown(folder, "postgres", "postgres")
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgresql_url() -> Iterator[str]:
    """A real PostgreSQL with an empty cluster, as `postgresql+psycopg://name:password@host:port/postgres`."""
    initdb, postgres = program("initdb"), program("postgres")
    password, port = secrets.token_urlsafe(16), unused_port()
    with folder_for_postgresql() as folder:
        secret = folder / "password"
        secret.write_text(password)
        secret.chmod(0o644)
        cluster = folder / "cluster"
        make = [initdb, "-D", str(cluster), "-U", "loa", "--auth=scram-sha-256", f"--pwfile={secret}"]
        make += ["--encoding=UTF8", "--locale=C", "--no-sync"]
        subprocess.run([*without_rights(), *make], check=True, stdout=subprocess.DEVNULL, cwd=folder)
        serve = [postgres, "-D", str(cluster), "-p", str(port), "-h", "127.0.0.1", "-k", str(folder)]
        serve += ["-c", "fsync=off", "-c", "full_page_writes=off"]
        with running([*without_rights(), *serve], port, folder / "postgresql.log", signal.SIGINT):
            url = f"loa:{password}@127.0.0.1:{port}/postgres"
            wait_for_postgresql(f"postgresql://{url}")
            yield f"postgresql+psycopg://{url}"


def wait_for_postgresql(conninfo: str) -> None:
    """Return when the server takes connections: its port answers a little before it is ready."""
    deadline = time.monotonic() + STARTS_WITHIN_S
    while True:
        try:
            psycopg.connect(conninfo).close()
        except psycopg.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return


@contextmanager
def fresh_database(server_url: str) -> Iterator[str]:
    """An empty database on the server, dropped afterwards whoever is still connected to it."""
    server = server_url.replace("postgresql+psycopg://", "postgresql://")
    name = f"test_{secrets.token_hex(6)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            yield f"{server_url.rpartition('/')[0]}/{name}"
        finally:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def postgresql_database(postgresql_url: str) -> Iterator[str]:
    """An empty database on a real PostgreSQL, for this test alone."""
    with fresh_database(postgresql_url) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database for one test, as SQLAlchemy writes it: the test runs once on SQLite and once on PostgreSQL."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'loa.sqlite'}"
        return
    with fresh_database(request.getfixturevalue("postgresql_url")) as url:
        yield url
