"""What runs where, how to look, how to stop."""

from pathlib import Path

from rich.table import Table
from sqlalchemy.engine import make_url

from ops.cli.console import err
from ops.cli.state import State
from ops.local.supervision import layout_of, states


def show(home: Path, state: State) -> None:
    table = Table(box=None, show_header=False, padding=(0, 2))
    for name, place in places(home, state):
        table.add_row(name, place)
    for what, command in (
        ("how it is", "./farm status [--watch]"),
        ("what one says", "./farm logs NAME [-f]"),
        ("ask the data", "./farm psql"),
        ("is it all there", "./farm verify"),
        ("stop", "./farm down"),
    ):
        table.add_row(what, f"[bold]{command}[/]" if command != "./farm status [--watch]" else r"[bold]./farm status \[--watch][/]")
    err.print(table)


def places(home: Path, state: State) -> list[tuple[str, str]]:
    """(what, where); passwords are left out."""
    found = [("venues", ", ".join(f"{venue} ({'sandbox' if venue in state.sandboxed else 'real'})" for venue in state.venues))]
    if "DATABASE_URL" in state.environment:
        found.append(("PostgreSQL", _address(state.environment["DATABASE_URL"], state.ports.get("postgres"))))
    if "REDIS_URL" in state.environment:
        found.append(("Redis", _address(state.environment["REDIS_URL"], state.ports.get("redis"))))
    if state.sandboxed:
        found.append(("sandbox", f"http://127.0.0.1:{state.ports['sandbox']}/control/summary, ledger in {home / 'sandbox' / 'ledger'}"))
    there = {program.name for program in states(home)}
    shown = [(title, name) for title, name in (("console", "console"), ("Flower", "flower")) if name in there]
    found += [(title, f"http://127.0.0.1:{state.ports.get(name, 0)}") for title, name in shown]
    found.append(("logs", str(layout_of(home).logs)))
    return found


def _address(url: str, port: int | None) -> str:
    parsed = make_url(url)
    host = parsed.host or f"127.0.0.1:{port}, socket in {parsed.query.get('host')}"
    return f"{host}{f':{parsed.port}' if parsed.host and parsed.port else ''}, database {parsed.database}"
