"""What Prometheus sees: one collector that pulls when it is asked; nothing in the other rooms knows of it.

Readers are plain functions that look and return readings. `METRICS` is the whole list, and `docs/metrics.md`
explains each of them.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import structlog
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Declared:
    """One metric: what it is, in which unit (part of the name), and its labels."""

    kind: Literal["gauge", "counter"]
    help: str
    labels: tuple[str, ...] = ()


METRICS: dict[str, Declared] = {
    "loa_info": Declared("gauge", "Always 1; the label tells the version.", ("version",)),
    "loa_collect_errors": Declared("counter", "Readers that failed while metrics were collected."),
    "loa_rundowns": Declared("gauge", "Units that have a rundown."),
    "loa_rundowns_stale": Declared("gauge", "Rundowns that wait to be built anew."),
    "loa_rundowns_unpublished": Declared("gauge", "Rundowns that are built and not yet with the broker."),
    "loa_speakers": Declared("gauge", "Loudspeakers in use, by state.", ("state",)),
    "loa_speakers_journal_waiting": Declared("gauge", "Journal entries that devices still keep, by their own count."),
    "loa_work": Declared("gauge", "Renditions and speech in the queue, by state.", ("state",)),
    "loa_work_oldest_waiting_seconds": Declared("gauge", "Age of the oldest piece of work that waits."),
    "loa_as_run": Declared("gauge", "As-run rows of the last 24 hours, by state; device rows only.", ("state",)),
    "loa_episodes": Declared("gauge", "Episodes in the archive."),
    "loa_alarms": Declared("gauge", "Alarms that last, such as a programme without sound minutes before air."),
    "loa_disk_free_bytes": Declared("gauge", "Room left on the disk of the data folder."),
    "loa_broker_connected": Declared("gauge", "1 while the gateway is connected to the broker."),
    "loa_gateway_events": Declared("counter", "What the gateway did, by kind.", ("kind",)),
    "loa_playout_events": Declared("counter", "What the playout did, by kind.", ("kind",)),
    "loa_playout_look_age_seconds": Declared("gauge", "Time since the playout last looked."),
    "loa_channels": Declared("gauge", "Web channels that somebody listens to."),
    "loa_listeners": Declared("gauge", "Web listeners."),
    "loa_encoders": Declared("gauge", "Distinct mixes that are encoded; what passes through needs none."),
    "loa_engine_events": Declared("counter", "What the engine of the web channels did, by kind.", ("kind",)),
    "loa_beat_lateness_seconds": Declared("gauge", "Lateness of the beat, by statistic.", ("statistic",)),
}


@dataclass(frozen=True, slots=True)
class Reading:
    """One value of a declared metric."""

    name: str
    value: float
    labels: Mapping[str, str] = field(default_factory=dict)


Reader = Callable[[], Iterable[Reading]]


def counted(name: str, counts: Mapping[str, int]) -> list[Reading]:
    """Readings of a metric with the one label `kind` from plain counts."""
    return [Reading(name, value, {"kind": kind}) for kind, value in sorted(counts.items())]


class StationCollector(Collector):
    """Asks every reader when Prometheus asks. A reader that fails costs its own metrics only, and is counted."""

    def __init__(self, readers: Sequence[Reader]) -> None:
        self._readers = readers
        self._errors = 0

    def describe(self) -> Iterable[Metric]:
        """Nothing in advance: reading at registration would touch the database before it is there."""
        return []

    def collect(self) -> Iterable[Metric]:
        """One family for each metric that has a reading."""
        found: dict[str, list[Reading]] = {}
        for reader in self._readers:
            try:
                for reading in reader():
                    found.setdefault(reading.name, []).append(reading)
            except Exception:
                self._errors += 1
                log.exception("metrics reader failed", reader=getattr(reader, "__name__", repr(reader)))
        found["loa_collect_errors"] = [Reading("loa_collect_errors", self._errors)]
        for name, readings in sorted(found.items()):
            declared = METRICS[name]
            family = CounterMetricFamily if declared.kind == "counter" else GaugeMetricFamily
            metric = family(name, declared.help, labels=declared.labels)
            for reading in readings:
                metric.add_metric([reading.labels.get(label, "") for label in declared.labels], reading.value)
            yield metric


def exposition(readers: Sequence[Reader]) -> Callable[[], bytes]:
    """A function that gives the page of metrics in Prometheus' text format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(StationCollector(readers))
    return lambda: generate_latest(registry)
