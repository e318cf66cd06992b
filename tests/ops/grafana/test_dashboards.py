"""Dashboards as they are written: the files are what the code says, and every name in them exists. What panels show on a running farm,
tests/end_to_end/test_dashboards.py looks at."""

import json
import re
from collections.abc import Callable, Iterator
from itertools import combinations
from typing import Any

import pytest
import yaml

from core import metrics
from core.records import KINDS
from core.settings import ROOT
from db.tables import metadata
from ops.grafana import DASHBOARDS, rendered
from ops.grafana.model import POSTGRES, PROMETHEUS, Dashboard, Panel, Prom, Sql

FOLDER = ROOT / "ops" / "grafana"
#: Tables that hold what is, not what was: a statement about them needs no bound of time.
STANDING = {
    *("alembic_version", "archived_streams", "contract_matches", "instruments", "markets", "open_positions", "paper_asks", "risk_states"),
    *("rolled_bars", "storage", "storage_guards", "stream_offsets", "subscriptions", "system_metadata"),
}
GROWING = ({*metadata.tables, *KINDS, "bars_1s", "bars_1m", "bars_1h", "gaps"}) - STANDING
UNITS = {"", "none", "short", "s", "bytes", "Bps", "cps", "reqps", "percent", "percentunit", "currencyUSD", "dateTimeFromNow"}
EACH = pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda dashboard: dashboard.name)
KNOWN = {metric.name: metric for metric in (*metrics.COUNTED, *metrics.LOOKED_UP)}


def panels(dashboard: Dashboard) -> Iterator[Panel]:
    for row in dashboard.rows:
        yield from row.panels


def documents(dashboard: Dashboard) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(rendered(dashboard))["panels"]
    return found


def statements(dashboard: Dashboard) -> list[str]:
    asked = [target.statement for panel in panels(dashboard) for target in panel.targets if isinstance(target, Sql)]
    return asked + [variable.choices.statement for variable in dashboard.variables]


@EACH
def test_the_file_is_what_the_code_says(dashboard: Dashboard, kept: Callable[[str, str], None]) -> None:
    kept(f"ops/grafana/dashboards/{dashboard.name}.json", rendered(dashboard))


def test_there_is_no_other_file() -> None:
    assert {path.stem for path in (FOLDER / "dashboards").iterdir()} == {dashboard.name for dashboard in DASHBOARDS}


@EACH
def test_no_panel_lies_upon_another(dashboard: Dashboard) -> None:
    places = [panel["gridPos"] for panel in documents(dashboard)]
    assert all(place["x"] + place["w"] <= 24 for place in places)
    for a, b in combinations(places, 2):
        apart = a["x"] + a["w"] <= b["x"] or b["x"] + b["w"] <= a["x"] or a["y"] + a["h"] <= b["y"] or b["y"] + b["h"] <= a["y"]
        assert apart, (a, b)


@EACH
def test_numbers_and_letters_are_each_used_once(dashboard: Dashboard) -> None:
    made = documents(dashboard)
    assert len({panel["id"] for panel in made}) == len(made)
    assert all(len({target["refId"] for target in panel.get("targets", [])}) == len(panel.get("targets", [])) for panel in made)


@EACH
def test_a_panel_asks_a_question_and_says_what_the_answer_means(dashboard: Dashboard) -> None:
    for panel in panels(dashboard):
        assert panel.title.endswith("?") and len(panel.title) <= 60, panel.title
        assert panel.says.endswith("."), panel.title
        looks = [panel.look, *panel.columns.values()]
        assert {look.unit for look in looks} <= UNITS, panel.title
        for look in looks:
            bounds = [value for _, value in look.steps]
            assert not bounds or (bounds[0] is None and bounds[1:] == sorted(bounds[1:])), panel.title


@EACH
def test_runbooks_exist(dashboard: Dashboard) -> None:
    named = {page for panel in panels(dashboard) for page in panel.runbooks}
    assert named <= {path.stem for path in (ROOT / "ops" / "runbooks").glob("*.md")}


@EACH
def test_a_statement_is_bounded_by_rows_and_where_tables_grow_by_time(dashboard: Dashboard) -> None:
    for statement in statements(dashboard):
        last = re.search(r"LIMIT (\d+)$", statement)
        assert last and int(last[1]) <= 20_000, statement
        read = set(re.findall(r"(?:FROM|JOIN) (?:marketdata\.)?([a-z_0-9]+)", statement))
        bounded = re.search(r"\$__time(Filter|From|To)|> now\(\) - INTERVAL", statement)
        assert bounded or not read & GROWING, statement


@EACH
def test_a_series_is_ordered_by_time(dashboard: Dashboard) -> None:
    asked = [
        target for panel in panels(dashboard) for target in panel.targets if isinstance(target, Sql) and target.format == "time_series"
    ]
    assert [target.statement for target in asked if not re.search(r"ORDER BY (1|time)\b[^()]*LIMIT \d+$", target.statement)] == []


@EACH
def test_every_metric_and_its_labels_exist(dashboard: Dashboard) -> None:
    for panel in panels(dashboard):
        for target in panel.targets:
            if not isinstance(target, Prom):
                continue
            names = {re.sub("_bucket$", "", name): name for name in re.findall(r"\btapefarm_\w+", target.expr)}
            assert names and set(names) <= set(KNOWN), target.expr
            labels = set(re.findall(r"(\w+)=~?\"", target.expr)) | set(re.findall(r"\{\{(\w+)\}\}", target.legend))
            labels |= {word.strip() for group in re.findall(r"by \(([^)]*)\)", target.expr) for word in group.split(",")}
            assert labels - {"le"} <= {label for name in names for label in KNOWN[name].labels}, target.expr


def test_panels_ask_what_is_provisioned() -> None:
    made = yaml.safe_load((FOLDER / "provisioning" / "datasources" / "tapefarm.yml").read_text(encoding="utf-8"))["datasources"]
    assert [{"type": source["type"], "uid": source["uid"]} for source in made] == [PROMETHEUS, POSTGRES]
    assert made[1]["secureJsonData"] == {"password": "$POSTGRES_CONSOLE_PASSWORD"}, "a secret comes from the environment"
