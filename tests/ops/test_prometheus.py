"""ops/prometheus: promtool takes it, its rules name metrics and runbooks that exist, and each is tested both ways."""

import re
import subprocess
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from core import metrics
from core.settings import ROOT
from ops.local.prometheus import Programs

FOLDER = ROOT / "ops" / "prometheus"
RULES: list[dict[str, Any]] = [
    rule for group in yaml.safe_load((FOLDER / "rules.yml").read_text(encoding="utf-8"))["groups"] for rule in group["rules"]
]
TESTS: list[dict[str, Any]] = yaml.safe_load((FOLDER / "rules_test.yml").read_text(encoding="utf-8"))["tests"]


@pytest.mark.parametrize(
    "words", [("check", "config", "prometheus.yml"), ("check", "rules", "rules.yml"), ("test", "rules", "rules_test.yml")], ids=" ".join
)
def test_promtool_takes_it(words: tuple[str, ...], prometheus: Callable[[], Programs]) -> None:
    done = subprocess.run([prometheus().promtool, *words], cwd=FOLDER, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_promtool_catches_a_rule_that_does_not_fire(prometheus: Callable[[], Programs], tmp_path: Any) -> None:
    (tmp_path / "rules.yml").write_text((FOLDER / "rules.yml").read_text().replace("tapefarm_disk_used_ratio > 0.9", "vector(0) > 1"))
    (tmp_path / "rules_test.yml").write_text((FOLDER / "rules_test.yml").read_text())
    done = subprocess.run(
        [prometheus().promtool, "test", "rules", "rules_test.yml"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "DiskFull" in done.stdout + done.stderr


def test_rules_ask_for_metrics_and_labels_that_exist() -> None:
    there = {metric.name: metric for metric in (*metrics.COUNTED, *metrics.LOOKED_UP)}
    for rule in RULES:
        for name, labels in re.findall(r"(tapefarm_\w+)(?:\{([^}]*)\})?", rule["expr"]):
            known = there.get(name) or there[re.sub(r"_(bucket|sum|count)$", "", name)]
            assert set(re.findall(r"(\w+)=", labels)) <= {*known.labels, "le"}, rule["alert"]


def test_each_rule_has_a_severity_and_a_runbook_that_exists() -> None:
    for rule in RULES:
        assert rule["labels"]["severity"] in ("warning", "critical"), rule["alert"]
        assert (ROOT / rule["annotations"]["runbook"]).is_file(), rule["alert"]
        assert rule["annotations"]["summary"], rule["alert"]


def test_each_rule_is_tested_when_it_fires() -> None:
    fires = {one["alertname"] for test in TESTS for one in test.get("alert_rule_test", ()) if one.get("exp_alerts")}
    assert fires == {rule["alert"] for rule in RULES}


def test_a_farm_that_is_well_has_all_that_rules_ask_for() -> None:
    """Else the first test would be one of nothing."""
    well = " ".join(series["series"] for series in TESTS[0]["input_series"])
    asked = {name for rule in RULES for name in re.findall(r"tapefarm_\w+", rule["expr"])}
    assert {name for name in asked if name not in well} == set()
