"""`./farm doctor`: is this machine fit for a farm, and what around it is not."""

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import typer
from rich.table import Table

from core import settings
from core.private import NotPrivate
from core.settings import ROOT, Settings, SettingsError
from ops.alerting import rules
from ops.cli import environment, state
from ops.cli.console import cell, err, out
from ops.cli.environment import DEFAULT_PORTS
from ops.cli.errors import Refused
from ops.cli.programs import use_database
from ops.cli.state import State
from ops.doctor import clock, machine, servers, venues
from ops.doctor.finding import FAILURE, OK, SKIPPED, WARNING, Check, Finding, examine
from ops.local.errors import LocalError
from ops.local.supervision import is_running
from venues import VENUES

#: All of it, however slow single names or hosts are.
WHOLE_SECONDS = 20.0
_MARKS = {OK: ("✓", "green"), WARNING: ("!", "yellow"), FAILURE: ("✗", "red"), SKIPPED: ("–", "dim")}


def doctor(as_json: bool = typer.Option(False, "--json", help="One JSON document on stdout.")) -> None:
    """Look whether this machine is fit for a farm, and say what to do.

    Clock, disks, memory, limits, ports, permissions, versions, Redis, PostgreSQL, and whether the venues can be reached. Works whether
    the farm runs or not, and changes nothing. Exit status 1 when something fails; warnings alone leave it at 0.
    """
    home = environment.home()
    with err.status("looking"):
        found = examine(checks(home), WHOLE_SECONDS)
    well = not any(one.state == FAILURE for one in found)
    if as_json:
        told = [{"check": one.check, "state": one.state, "found": one.found, "advice": one.advice} for one in found]
        print(json.dumps({"ok": well, "checks": told}, ensure_ascii=False))
    else:
        out.print(render(found))
        failed, warned = (sum(one.state == word for one in found) for word in (FAILURE, WARNING))
        out.print(f"{failed} failed, {warned} warned, {len(found) - failed - warned} are well", style="green" if well else "red")
    raise typer.Exit(0 if well else 1)


def checks(home: Path) -> list[Check]:
    """What can be looked at with the settings there are; that they cannot be read is a finding too."""
    try:
        known = state.load(home) or State()
        given = environment.given()
        running = is_running(home)
        knobs = settings.load({**known.environment, **given, "FARM_HOME": str(home)})
    except (Refused, SettingsError, NotPrivate, LocalError) as exc:
        wrong = Finding("settings", FAILURE, str(exc), "Nothing that depends on them was looked at.")
        return [("settings", lambda: [wrong]), *_of_machine(home, None)]
    wanted = [
        name
        for name in DEFAULT_PORTS
        if not (name == "postgres" and "DATABASE_URL" in given) and not (name == "redis" and "REDIS_URL" in given)
    ]
    return [
        ("settings", lambda: [Finding("settings", OK, f"of {home}; the farm {'runs' if running else 'does not run'}")]),
        *_of_machine(home, knobs),
        ("ports", partial(machine.ports_free, given, known.ports, running, wanted)),
        *_of_servers(knobs, given, running=running),
        *_of_venues(knobs, given, known),
        ("alerts", partial(_alerts, knobs)),
    ]


def _of_machine(home: Path, knobs: Settings | None) -> Iterator[Check]:
    yield ("clock", clock.kernel)
    yield ("Python", machine.python)
    yield ("disk of FARM_HOME", partial(machine.disk, "FARM_HOME", home))
    if knobs is not None:
        if not knobs.data.is_relative_to(home):
            yield ("disk of FARM_DATA", partial(machine.disk, "FARM_DATA", knobs.data, knobs.archive_min_free_bytes))
        if knobs.database_folder and not Path(knobs.database_folder).is_relative_to(home):
            yield ("disk of the database", partial(machine.disk, "the database", Path(knobs.database_folder)))
    yield ("memory", machine.memory)
    yield ("open files", machine.open_files)
    yield ("permissions", partial(machine.permissions, home, knobs))


def _of_servers(knobs: Settings, given: Mapping[str, str], *, running: bool) -> Iterator[Check]:
    """The farm's own are asked while it runs, the user's always."""
    looks = [("Redis", "REDIS_URL", servers.redis, knobs.redis_url), ("PostgreSQL", "DATABASE_URL", servers.postgres, knobs.database_url)]
    for name, variable, look, url in looks:
        if name == "PostgreSQL" and not use_database(knobs):
            yield (name, partial(_told, Finding(name, SKIPPED, "no program of this host asks it")))
            continue
        rests = Finding(name, SKIPPED, "is the farm's own and does not run: look again after ./farm up")
        yield (name, partial(look, knobs) if running or variable in given else partial(_told, rests))
        yield (f"link to {name}", partial(servers.link, name, url))


def _told(one: Finding) -> Sequence[Finding]:
    return [one]


def _of_venues(knobs: Settings, given: Mapping[str, str], known: State) -> Iterator[Check]:
    """The real ones, or those that the user points to: whether the farm records from them now decides how bad it is."""
    own = settings.load({**given, "FARM_HOME": str(knobs.farm_home)})
    for name in own.collect:
        if name not in VENUES:
            continue
        venue = VENUES[name]
        needed = name in known.venues and name not in known.sandboxed
        for what, url in venues.hosts(venue, own.ws_url(name, venue.ws_url), own.rest_url(name, venue.rest_url)):
            yield (f"{name} {what}", venues.check(name, what, url, needed=needed))


def _alerts(knobs: Settings) -> Iterator[Finding]:
    from ops.alerting import delivery  # half a second of plugins

    try:
        rules.read(ROOT / knobs.alerts_toml)
        if knobs.alert_urls:
            delivery.check(knobs.alert_urls)
    except SettingsError as exc:
        yield Finding("alerts", FAILURE, str(exc), "The farm does not start so.")
        return
    if not knobs.alert_urls:
        yield Finding("alerts", WARNING, "nobody is told when something is wrong", "Set ALERT_URLS in .env, then `./farm alert test`.")
    else:
        yield Finding("alerts", OK, "places can be sent to; `./farm alert test` shows whether it arrives")


def render(found: Sequence[Finding]) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0), show_header=False)
    for name, overflow in (("state", "fold"), ("check", "fold"), ("found", "fold")):
        table.add_column(name, overflow=overflow)  # type: ignore[arg-type]
    for one in found:
        mark, style = _MARKS[one.state]
        text = cell(one.found)
        if one.advice:
            text.append(f"\n{cell(one.advice).plain}", style=style)
        table.add_row(f"[{style}]{mark}[/]", cell(one.check), text)
    return table
