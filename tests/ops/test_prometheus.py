"""ops/prometheus: promtool takes it, its rules name metrics and runbooks that exist, and each is tested both ways."""

import re
import subprocess
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from core import metrics
from core.settings import ROOT
from ops.docker import secrets
from ops.local.prometheus import Programs
from tests.debian_programs import debian_program

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


# --- the stack of docker-compose.yml --------------------------------------------------------------------------------------
def test_the_stacks_prometheus_asks_the_console_as_it_is_asked_elsewhere() -> None:
    inside, outside = (yaml.safe_load((FOLDER / name).read_text(encoding="utf-8")) for name in ("stack.yml", "prometheus.yml"))
    assert inside.pop("alerting") == {"alertmanagers": [{"static_configs": [{"targets": ["alertmanager:9093"]}]}]}
    (job,) = inside["scrape_configs"]
    login = job.pop("basic_auth")
    assert login == {"username_file": "/run/tapefarm/console_user", "password_file": "/run/tapefarm/console_password"}
    assert {secrets.FILES[file.rpartition("/")[2]] for file in login.values()} == {"console"}
    assert job["static_configs"] == [{"targets": ["console:8000"]}]
    job["static_configs"] = outside["scrape_configs"][0]["static_configs"]
    assert inside == outside


def test_prometheus_takes_what_the_stack_gives_it() -> None:
    """By a newer promtool than the other files need: it knows a user's name by a file."""
    done = subprocess.run(
        [debian_program("promtool"), "check", "config", "--syntax-only", "stack.yml"],
        cwd=FOLDER,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", ["alertmanager.yml", "alertmanager-webhook.yml"])
def test_alertmanager_takes_its_configuration(name: str) -> None:
    done = subprocess.run([debian_program("amtool"), "check-config", name], cwd=FOLDER, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(("name", "receiver"), [("alertmanager.yml", "page"), ("alertmanager-webhook.yml", "webhook")])
def test_every_alert_of_the_rules_has_a_receiver(name: str, receiver: str) -> None:
    for severity in {rule["labels"]["severity"] for rule in RULES}:
        argv = [debian_program("amtool"), "config", "routes", "test", f"--config.file={name}", f"severity={severity}"]
        done = subprocess.run(argv, cwd=FOLDER, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout.strip()) == (0, receiver)
