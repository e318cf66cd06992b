"""Alerts and runbooks belong together, and a runbook names nothing that does not exist. What is typed in them: tests/test_documents.py."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from core.settings import ROOT, documented
from ops.alerting import rules
from tests.documents import blocks

PAGES = sorted((ROOT / "ops" / "runbooks").glob("*.md"))
HEADINGS = ["What it means", "How to look", "What to do", "How to know it is over"]
PROMETHEUS = (ROOT / "ops/prometheus/rules.yml").read_text(encoding="utf-8")


def test_each_rule_has_its_runbook_and_each_runbook_a_rule() -> None:
    """One of alerts.toml or of Prometheus."""
    asked = set(re.findall(r"runbook: ops/runbooks/(\S+)", PROMETHEUS))
    assert {rule.page for rule in rules.read(ROOT / "alerts.toml").rules.values()} | asked == {page.name for page in PAGES}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_runbook_answers_four_questions(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert text.startswith(f"# {page.stem}\n")
    assert re.findall(r"^## (.*)", text, re.MULTILINE) == HEADINGS


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_it_refers_to_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert [name for name in re.findall(r"`([a-z-]+\.md)`", text) if not (page.parent / name).is_file()] == []
    known = {name for name, _, _ in documented()} | {"NAME", "VENUE", "CHANNEL"}
    named = set(re.findall(r"\b[A-Z]{2,}(?:_[A-Z]+)+\b", text))
    assert named <= known


# --- the list of them -----------------------------------------------------------------------------------------------------
HEAD = """\
# Runbook

Generated from [alerts.toml](alerts.toml), [ops/prometheus/rules.yml](ops/prometheus/rules.yml) and the pages of [ops/runbooks](ops/runbooks); a
test holds it to them. An alert names its page; the console serves the same at `/runbooks/RULE.md`. Begin with the first look, the page says how to
go on and how to know that it is over. Who sees something and has no alert: [TROUBLESHOOTING.md](TROUBLESHOOTING.md).

What fires now: `./farm alert list`. How the farm is: `./farm status`. What is critical rings in quiet hours too.

| alert | of Prometheus | | what it means | first look |
| --- | --- | --- | --- | --- |
"""


def rendered() -> str:
    ours = rules.read(ROOT / "alerts.toml").rules.values()
    theirs = [one for group in yaml.safe_load(PROMETHEUS)["groups"] for one in group["rules"]]
    lines = []
    for page in PAGES:
        alerts = [rule for rule in ours if rule.page == page.name]
        asked = [one for one in theirs if one["annotations"]["runbook"].endswith(f"/{page.name}")]
        severities = {*(rule.severity for rule in alerts), *(one["labels"]["severity"] for one in asked)}
        text = page.read_text(encoding="utf-8")
        cells = [
            f"[{page.stem}](ops/runbooks/{page.name})" + "".join(f", `{rule.name}`" for rule in alerts if rule.name != page.stem),
            ", ".join(f"`{one['alert']}`" for one in asked),
            "critical" if "critical" in severities else "",
            _first_sentence(text),
            f"`{_first_look(text)}`".replace("|", "\\|"),
        ]
        lines.append(f"| {' | '.join(cells)} |\n")
    return HEAD + "".join(lines)


def _first_sentence(text: str) -> str:
    meant = text.partition(f"## {HEADINGS[0]}\n")[2].partition("\n## ")[0].strip().replace("\n", " ")
    return re.split(r"(?<=\.) (?=[A-Z`])", meant)[0].rstrip(".")


def _first_look(text: str) -> str:
    return re.split(r"\s+# ", blocks(text.partition(f"## {HEADINGS[1]}\n")[2], "sh")[0].splitlines()[0])[0]


def test_the_list_has_every_alert_and_its_page(kept: Callable[[str, str], None]) -> None:
    kept("RUNBOOK.md", rendered())
