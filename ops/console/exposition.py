"""What the programs count, joined, and what is looked up when somebody asks, in the words of Prometheus."""

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric as Family

from core import count_files
from core import metrics as told
from core.counts import Metric
from core.settings import Settings
from ops.console.gauges import Sample, gauges
from ops.console.look import Late, Look

#: Several who scrape cost one look.
YOUNG_SECONDS, OLD_SECONDS = 2.0, 4.0
#: Above what the judgement of health waits for, below the `scrape_timeout` of ops/prometheus/prometheus.yml.
PATIENCE_SECONDS = 11.0


def look(knobs: Settings, judge: Callable[[], Mapping[str, Any]]) -> Look[bytes]:
    """`judge`: how the farm is (ops.report.health), may raise Late."""

    def make() -> bytes:
        try:
            return exposition(knobs, judge())
        except Late:
            return exposition(knobs, None)

    return Look(make, young_seconds=YOUNG_SECONDS, old_seconds=OLD_SECONDS, patience_seconds=PATIENCE_SECONDS)


def exposition(knobs: Settings, judged: Mapping[str, Any] | None) -> bytes:
    registry = CollectorRegistry()
    registry.register(_Told([*counted(knobs.metrics), *looked_up(gauges(knobs, judged))]))
    return generate_latest(registry)


class _Told:
    """A collector, as the library calls who has metrics."""

    def __init__(self, families: list[Family]) -> None:
        self._families = families

    def collect(self) -> Iterable[Family]:
        return self._families


def counted(folder: Path) -> list[Family]:
    """Of all programs together. What was counted under another name or other labels before an update is not told."""
    found = {metric.name: (metric, _family(metric)) for metric in told.COUNTED}
    for key, values in count_files.joined(folder).items():
        name, labels, bounds = json.loads(key)
        metric, family = found.get(name, (None, None))
        if metric is None or family is None or len(labels) != len(metric.labels) or tuple(bounds) != metric.bounds:
            continue
        named = dict(zip(metric.labels, labels, strict=True))
        if metric.bounds:
            _add_histogram(family, metric, named, values)
        else:
            family.add_sample(name, named, float(values[0]))
    return [family for _, family in found.values()]


def looked_up(samples: Iterable[Sample]) -> list[Family]:
    found = {metric.name: _family(metric) for metric in told.LOOKED_UP}
    for metric, labels, value in samples:
        found[metric.name].add_sample(metric.name, dict(zip(metric.labels, labels, strict=True)), float(value))
    return list(found.values())


def _family(metric: Metric) -> Family:
    return Family(metric.name.removesuffix("_total") if metric.kind == "counter" else metric.name, metric.help, metric.kind)


def _add_histogram(family: Family, metric: Metric, labels: Mapping[str, str], values: Any) -> None:
    up_to = np.cumsum(values[:-1])
    for bound, count in zip((*map(str, metric.bounds), "+Inf"), up_to, strict=True):
        family.add_sample(f"{metric.name}_bucket", {**labels, "le": bound}, float(count))
    family.add_sample(f"{metric.name}_count", dict(labels), float(up_to[-1]))
    family.add_sample(f"{metric.name}_sum", dict(labels), float(values[-1]))
