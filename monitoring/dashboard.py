"""The dashboard of a city, made from the list of metrics, so that it can ask for nothing that does not exist.

`scripts/dashboards` writes it to `monitoring/dashboards/`, where Grafana reads it. Pure: no clock, no disk.
"""

from dataclasses import dataclass
from typing import Any

_WIDTH, _HEIGHT = 12, 8


@dataclass(frozen=True, slots=True)
class Panel:
    """One picture: a question to Prometheus, and how a line of the answer is called."""

    title: str
    query: str
    legend: str = ""
    unit: str = "short"
    kind: str = "timeseries"


PANELS = (
    Panel("Station answers", 'up{job="loa"}', kind="stat"),
    Panel("Broker connected", "loa_broker_connected", kind="stat"),
    Panel("Programmes without sound, soon on air", "loa_alarms", kind="stat"),
    Panel("Loudspeakers by state", "sum by (state) (loa_speakers)", "{{state}}"),
    Panel("Journal entries on their way", "loa_speakers_journal_waiting"),
    Panel("Played, partial, missed: the last 24 hours", "sum by (state) (loa_as_run)", "{{state}}"),
    Panel("Rundowns waiting: to be built, to be published", "loa_rundowns_stale or loa_rundowns_unpublished"),
    Panel("Since the playout last looked", "loa_playout_look_age_seconds", unit="s"),
    Panel("What the playout did", "sum by (kind) (rate(loa_playout_events_total[5m]))", "{{kind}}", "ops"),
    Panel("What the gateway did", "sum by (kind) (rate(loa_gateway_events_total[5m]))", "{{kind}}", "ops"),
    Panel("Web listeners", "loa_listeners"),
    Panel("Web channels", "loa_channels"),
    Panel("Lateness of the beat", "loa_beat_lateness_seconds", "{{statistic}}", "s"),
    Panel("What the engine did", "sum by (kind) (rate(loa_engine_events_total[5m]))", "{{kind}}", "ops"),
    Panel("Renditions and speech in the queue", "sum by (state) (loa_work)", "{{state}}"),
    Panel("Oldest work that waits", "loa_work_oldest_waiting_seconds", unit="s"),
    Panel("Room on the disk", "loa_disk_free_bytes", unit="bytes"),
    Panel("Metrics that could not be read", "increase(loa_collect_errors_total[1h])"),
)


def dashboard() -> dict[str, Any]:
    """The dashboard as Grafana reads it."""
    return {
        "uid": "loa",
        "title": "Loa",
        "schemaVersion": 39,
        "refresh": "15s",
        "time": {"from": "now-6h", "to": "now"},
        "panels": [_panel(number, panel) for number, panel in enumerate(PANELS)],
    }


def _panel(number: int, panel: Panel) -> dict[str, Any]:
    return {
        "id": number + 1,
        "title": panel.title,
        "type": panel.kind,
        "datasource": {"type": "prometheus", "uid": "prometheus"},
        "gridPos": {"x": number % 2 * _WIDTH, "y": number // 2 * _HEIGHT, "w": _WIDTH, "h": _HEIGHT},
        "fieldConfig": {"defaults": {"unit": panel.unit}, "overrides": []},
        "targets": [{"refId": "A", "expr": panel.query, "legendFormat": panel.legend or "__auto"}],
    }
