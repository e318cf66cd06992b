"""`./farm alert`: do messages arrive, what calls for help now, and by which rules."""

import json
import socket
import time
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from core import settings
from core.settings import ROOT, Settings
from ops.alerting import memory, rules
from ops.alerting.notices import Notice, moment
from ops.alerting.rules import MEASURES
from ops.cli import environment, state
from ops.cli.columns import Columns
from ops.cli.console import err, out
from ops.cli.errors import Refused


class What(StrEnum):
    TEST = "test"
    LIST = "list"
    RULES = "rules"


def alert(
    what: Annotated[What, typer.Argument(help="test: send a message to every place; list: what fires now; rules: what is in force.")],
    measures: bool = typer.Option(False, "--measures", help="With rules: everything that a rule may be about."),
    as_json: bool = typer.Option(False, "--json", help="One JSON document on stdout."),
) -> None:
    """Test who is told, list what calls for help, show the rules.

    `test` ends with 0 only when every place took the message.
    """
    home = environment.home()
    match what:
        case What.TEST:
            _test(_knobs(home), as_json=as_json)
        case What.LIST:
            _list(home, as_json=as_json)
        case What.RULES:
            _measures(as_json=as_json) if measures else _rules(_knobs(home), as_json=as_json)


def _knobs(home: Path) -> Settings:
    """As the next start would have them; a farm that has never been started needs no database to be tested."""
    given = environment.given()
    known = state.load(home)
    return settings.load({**(known.environment if known else {}), **given})


def _test(knobs: Settings, *, as_json: bool) -> None:
    from ops.alerting import delivery  # half a second of plugins, which no other command waits for

    if not knobs.alert_urls:
        raise Refused("Nobody would be told: set ALERT_URLS, in .env or the environment, to URLs of Apprise such as mailto://…", status=2)
    notice = Notice(f"Tapefarm on {socket.gethostname()}: a test", "Sent by ./farm alert test. Alerts arrive where this did.", "info")
    results = delivery.send(knobs.alert_urls, notice)
    if as_json:
        print(json.dumps({"places": [{"place": result.place, "taken": not result.why, "why": result.why} for result in results]}))
    else:
        for result in results:
            out.print(f"{result.place}: {result.why or 'taken'}", style="red" if result.why else "green", markup=False)
    raise typer.Exit(1 if any(result.why for result in results) else 0)


def _list(home: Path, *, as_json: bool) -> None:
    known = memory.load(home)
    if known is None:
        raise Refused("No watcher has looked at this farm yet: `./farm up` starts it.")
    if as_json:
        names = ("rule", "subject", "severity", "since", "value", "words", "sent")
        firing = [{name: getattr(one, name) for name in names} for one in known.firing]
        waiting, looked = len(known.waiting), known.looked_at
        print(json.dumps({"looked_at": looked, "firing": firing, "waiting": waiting, "trouble": known.trouble}, ensure_ascii=False))
        return
    rows = [(one.severity, one.rule, one.subject, moment(one.since), one.words, f"ops/runbooks/{one.page}") for one in known.firing]
    columns = ("severity", "rule", "subject", "since", "what", "runbook")
    table = Columns(columns, rows, texts=columns[1:])
    out.print(table if known.firing else "nothing fires")
    for problem in memory.troubles(known, time.time()):
        err.print(problem, style="red", markup=False)


def _rules(knobs: Settings, *, as_json: bool) -> None:
    found = rules.read(ROOT / knobs.alerts_toml)
    rows = []
    for rule in found.rules.values():
        times = [f"{seconds:g} s" for seconds in (rule.hold_seconds, rule.clear_seconds, rule.repeat_seconds)]
        rows.append((rule.name, rule.severity, rule.measure, f"{rule.above:g}", *times, rule.only))
    if as_json:
        names = ("severity", "measure", "above", "hold_seconds", "clear_seconds", "repeat_seconds", "only")
        told = [{"rule": rule.name, **{name: getattr(rule, name) for name in names}} for rule in found.rules.values()]
        print(json.dumps({"rules": told}, ensure_ascii=False))
        return
    columns = ("rule", "severity", "measure", "above", "for", "clear", "repeat", "only")
    out.print(Columns(columns, rows, texts=("rule", "measure", "only")))


def _measures(*, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"measures": dict(MEASURES)}, ensure_ascii=False))
        return
    for name, meaning in MEASURES.items():
        out.print(f"{name}: {meaning}", markup=False)
