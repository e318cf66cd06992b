"""Alerts and runbooks belong together, and a runbook names nothing that does not exist."""

import re
import shlex
from pathlib import Path

import pytest
import typer

from core.settings import ROOT, documented
from ops.__main__ import app
from ops.alerting import rules

PAGES = sorted((ROOT / "ops" / "runbooks").glob("*.md"))
HEADINGS = ["What it means", "How to look", "What to do", "How to know it is over"]


def commands(page: Path) -> list[str]:
    text = page.read_text(encoding="utf-8")
    return re.findall(r"^(\./farm .*)$", text, re.MULTILINE) + re.findall(r"`(\./farm [^`]+)`", text)


def test_each_rule_has_its_runbook_and_each_runbook_a_rule() -> None:
    """One of alerts.toml or of Prometheus."""
    asked = set(re.findall(r"runbook: ops/runbooks/(\S+)", (ROOT / "ops/prometheus/rules.yml").read_text(encoding="utf-8")))
    assert {rule.page for rule in rules.read(ROOT / "alerts.toml").rules.values()} | asked == {page.name for page in PAGES}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_runbook_answers_four_questions(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert text.startswith(f"# {page.stem}\n")
    assert re.findall(r"^## (.*)", text, re.MULTILINE) == HEADINGS


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_command_in_it_is_one_that_the_command_line_takes(page: Path) -> None:
    group = typer.main.get_command(app)
    assert isinstance(group, typer.core.TyperGroup)
    for line in commands(page):
        _, name, *words = shlex.split(line, comments=True)
        group.commands[name].make_context(name, words)  # raises what the command line would say


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_it_refers_to_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert [name for name in re.findall(r"`([a-z-]+\.md)`", text) if not (page.parent / name).is_file()] == []
    known = {name for name, _, _ in documented()} | {"NAME", "VENUE", "CHANNEL"}
    named = set(re.findall(r"\b[A-Z]{2,}(?:_[A-Z]+)+\b", text))
    assert named <= known


def test_the_check_catches_an_option_that_is_none() -> None:
    group = typer.main.get_command(app)
    assert isinstance(group, typer.core.TyperGroup)
    with pytest.raises(Exception, match="No such option"):
        group.commands["status"].make_context("status", ["--loud"])
