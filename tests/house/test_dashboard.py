"""The dashboard in the repository is the one that the code makes, and a real Prometheus understands its questions."""

import json
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from monitoring.dashboard import PANELS, dashboard
from monitoring.metrics import METRICS

Page = Callable[[str], str]


def test_the_kept_dashboard_is_the_made_one(page: Page) -> None:
    assert json.loads(page("monitoring/dashboards/loa.json")) == dashboard(), "Run scripts/dashboards."


def test_it_asks_only_for_metrics_that_exist() -> None:
    named = {f"{name}_total" if metric.kind == "counter" else name for name, metric in METRICS.items()}
    asked = {name for panel in PANELS for name in re.findall(r"\bloa_\w+", panel.query)}
    assert asked <= named


@pytest.fixture
def prometheus(
    program_of: Callable[[str], str], free_port: Callable[[], int], tmp_path: Path
) -> Iterator[httpx.Client]:
    """A real Prometheus that watches nothing."""
    config = tmp_path / "prometheus.yml"
    config.write_text("scrape_configs: []\n")
    address = f"127.0.0.1:{free_port()}"
    words = [f"--config.file={config}", f"--storage.tsdb.path={tmp_path / 'tsdb'}", f"--web.listen-address={address}"]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen([program_of("prometheus"), *words], stdout=log, stderr=log)
    try:
        with httpx.Client(base_url=f"http://{address}", transport=httpx.HTTPTransport(retries=8)) as client:
            deadline = time.monotonic() + 30
            while client.get("/-/ready").status_code != 200 and time.monotonic() < deadline:
                time.sleep(0.05)
            yield client
    finally:
        process.terminate()
        process.wait(20)


def test_prometheus_understands_each_question(prometheus: httpx.Client) -> None:
    answers = {panel.title: prometheus.get("/api/v1/query", params={"query": panel.query}) for panel in PANELS}
    assert {title: answer.text for title, answer in answers.items() if answer.status_code != 200} == {}
