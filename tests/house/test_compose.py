"""docker-compose.yml and the Dockerfile, without a container engine: their form, and every file that they name."""

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import fields
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from broadcast.settings import Settings

Page = Callable[[str], str]
VARIABLE = re.compile(r"\$\{(\w+)([^}]*)\}")
CITY = {"station", "database", "broker", "prometheus", "grafana"}


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    """docker-compose.yml as data."""
    loaded: dict[str, Any] = yaml.safe_load((Path(__file__).parents[2] / "docker-compose.yml").read_text())
    return loaded


def mounts(compose: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Source and target of every mount; a source may be a variable."""
    for service in compose["services"].values():
        for volume in service.get("volumes", []):
            match = re.match(r"(\$\{.+\}|[^:]+):(/[^:]+)", volume)
            assert match, volume
            yield match[1], match[2]


def test_it_fits_the_part_of_the_compose_specification_that_we_copied_by_hand(
    compose: dict[str, Any], page: Page
) -> None:
    jsonschema.Draft202012Validator(json.loads(page("tests/house/compose.schema.json"))).validate(compose)


@pytest.mark.parametrize(
    "slip",
    [
        {"image": "loa", "profiles": ["one"], "restart": "sometimes"},
        {"image": "loa", "profiles": ["one"], "restart": "always", "port": ["8080:8080"]},
        {"image": "loa", "profiles": ["one"], "restart": "always", "ports": [8080]},
        {"image": "loa", "profiles": ["one"], "restart": "always", "environment": {"LOA_WORKERS": 2}},
        {"image": "loa", "profiles": "one", "restart": "always"},
    ],
)
def test_the_schema_notices_a_slip(slip: dict[str, Any], page: Page) -> None:
    written = {"name": "loa", "services": {"one": slip}, "volumes": {}}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(json.loads(page("tests/house/compose.schema.json"))).validate(written)


def test_one_is_the_station_alone_and_city_is_five(compose: dict[str, Any]) -> None:
    services = compose["services"].items()
    assert {name for name, service in services if service["profiles"] == ["one"]} == {"one"}
    assert {name for name, service in services if service["profiles"] == ["city"]} == CITY


def test_each_mounted_file_exists(compose: dict[str, Any], repository: Path) -> None:
    files = [source for source, _ in mounts(compose) if source.startswith("./")]
    assert files
    assert [source for source in files if not (repository / source).exists()] == []


def test_each_named_volume_is_declared_and_used(compose: dict[str, Any]) -> None:
    named = {source for source, _ in mounts(compose) if not source.startswith(("./", "${"))}
    assert named == compose["volumes"].keys()


def test_whom_a_service_waits_for_is_there_and_can_be_asked(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        for name, wait in service.get("depends_on", {}).items():
            awaited = compose["services"][name]
            assert set(service["profiles"]) <= set(awaited["profiles"])
            assert wait["condition"] != "service_healthy" or "healthcheck" in awaited


def test_no_secret_has_a_default_and_each_lack_is_a_sentence(page: Page) -> None:
    for name, rest in VARIABLE.findall(page("docker-compose.yml")):
        assert rest.startswith(":?"), f"{name} has no sentence for when it is missing"
        assert rest.endswith(".")
        assert len(rest.split()) > 4


def test_new_env_makes_every_variable_and_fresh_passwords(page: Page, repository: Path) -> None:
    made = [
        subprocess.run(
            [str(repository / "deploy/new-env"), "loa.example.vn"], check=True, capture_output=True, text=True
        ).stdout
        for _ in range(2)
    ]
    first, second = (dict(re.findall(r"^(\w+)=(.+)$", text, re.MULTILINE)) for text in made)
    assert first.keys() == {name for name, _ in VARIABLE.findall(page("docker-compose.yml"))}
    secret = {name for name in first if name.endswith("_PASSWORD")}
    assert secret
    assert all(len(first[name]) >= 32 and first[name] != second[name] for name in secret)
    assert len({first[name] for name in secret}) == len(secret)


def test_new_env_asks_for_the_name_of_the_machine(repository: Path) -> None:
    asked = subprocess.run([str(repository / "deploy/new-env")], check=False, capture_output=True, text=True)
    assert asked.returncode != 0
    assert "Say under which name" in asked.stderr


def test_what_the_station_is_told_are_settings(compose: dict[str, Any], page: Page) -> None:
    known = {f"LOA_{field.name.upper()}" for field in fields(Settings)}
    for name in ("one", "station"):
        assert compose["services"][name]["environment"].keys() <= known
    assert set(re.findall(r"\bLOA_\w+", page("Dockerfile"))) <= known


def test_the_station_of_a_city_believes_the_gateway_of_its_network_and_nobody_else(compose: dict[str, Any]) -> None:
    network = compose["networks"]["default"]["ipam"]["config"][0]
    assert compose["services"]["station"]["environment"]["LOA_TRUSTED_PROXIES"] == network["gateway"]
    assert ip_address(network["gateway"]) in ip_network(network["subnet"])
    assert compose["services"]["station"]["ports"] == ["127.0.0.1:8080:8080"], "only this machine's proxy comes in"


def test_images_of_others_are_pinned(compose: dict[str, Any], page: Page) -> None:
    images = [service["image"] for service in compose["services"].values() if "build" not in service]
    images += re.findall(r"^FROM (\S+)", page("Dockerfile"), re.MULTILINE)
    assert [image for image in images if not re.search(r":v?\d+\.\d+", image)] == []


def test_the_image_is_built_from_the_lock_and_runs_as_nobody_in_particular(page: Page) -> None:
    dockerfile = page("Dockerfile")
    assert "--require-hashes --requirement requirements.lock" in dockerfile
    assert re.findall(r"^USER (\w+)", dockerfile, re.MULTILINE)[-1] != "root"


def test_what_the_image_copies_exists_and_is_let_through(page: Page, repository: Path) -> None:
    let_through = {line[1:] for line in page(".dockerignore").splitlines() if line.startswith("!")}
    copied = [
        source
        for words in re.findall(r"^COPY (?!--from)(.+)$", page("Dockerfile"), re.MULTILINE)
        for source in words.split()[:-1]
    ]
    assert copied
    assert [source for source in copied if not (repository / source).exists() or source not in let_through] == []


def test_grafana_finds_prometheus_and_its_dashboards(compose: dict[str, Any], page: Page) -> None:
    folder = "deploy/grafana/provisioning"
    source = yaml.safe_load(page(f"{folder}/datasources/prometheus.yml"))["datasources"][0]
    assert re.fullmatch(r"http://(\w+):9090", source["url"])[1] in compose["services"]  # type: ignore[index]
    provider = yaml.safe_load(page(f"{folder}/dashboards/loa.yml"))["providers"][0]
    assert provider["options"]["path"] in {target for _, target in mounts(compose)}


def test_prometheus_asks_the_station(compose: dict[str, Any], page: Page) -> None:
    scrapes = yaml.safe_load(page("deploy/prometheus/prometheus.yml"))["scrape_configs"]
    hosts = {
        target.partition(":")[0]
        for scrape in scrapes
        for part in scrape["static_configs"]
        for target in part["targets"]
    }
    assert hosts <= compose["services"].keys()
