"""`./farm up`: prepare, start in order, return when rows are landing."""

import time
from pathlib import Path

import typer

from db import extension, roles
from ops.cli import complete, environment, landing, migrate, plan, probe, programs, state, summary
from ops.cli.console import err, say, step
from ops.cli.plan import DEFAULT_RATE, Plan, Wish
from ops.cli.turn import one_at_a_time
from ops.local.orphans import end_orphans
from ops.local.supervision import ProgramState, is_running, start_daemon, start_programs, states, wait_running

SERVER_SECONDS = 60.0
PROGRAM_SECONDS = 60.0
#: The universe has to be asked for, sockets opened, first frames waited for.
ROWS_SECONDS = 90.0


def up(
    live: bool = typer.Option(False, "--live", help="Collect from the real venues; the sandbox plays them otherwise."),
    venues: str | None = typer.Option(
        None, help="Venues to collect, comma between; default: those of farm.toml.", autocompletion=complete.venues
    ),
    rate: float = typer.Option(DEFAULT_RATE, min=0, help="Market events per second of each venue that the sandbox plays."),
    pairs: int = typer.Option(0, min=0, help="Questions that two simulated venues both list, see sandbox/README.md."),
) -> None:
    """Start the farm; returns when rows are landing.

    DATABASE_URL and REDIS_URL, in the environment or in .env, name servers of your own to use. FARM_POSTGRES_PORT,
    FARM_REDIS_PORT, FARM_SANDBOX_PORT, FARM_FLOWER_PORT, FARM_CONSOLE_PORT and FARM_HEALTH_PORT fix a port.
    """
    chosen = tuple(name.strip() for name in venues.split(",") if name.strip()) if venues is not None else None
    wish = Wish(live, chosen, rate, pairs)
    given = environment.given()
    home = environment.home(given)
    with one_at_a_time(home):
        known = states(home)
        if known and all(program.state == "running" for program in known):
            err.print("The farm is running already; nothing was changed. `./farm down` stops it, for other options.")
            summary.show(home, state.load(home, say) or state.State())
            return
        began = time.monotonic()
        try:
            whole_path = _start(home, wish, given, known)
        except BaseException:
            if is_running(home):
                err.print("What has been started goes on running: `./farm up` continues, `./farm down` stops it.", style="dim")
            raise
    words = f"rows are landing, {time.monotonic() - began:.1f} s after the start" if rate or live else "the farm runs, its market is still"
    err.print(f"[green]✓[/] {words if whole_path else 'the share of this host runs'}")
    summary.show(home, state.load(home) or state.State())


def _start(home: Path, wish: Wish, given: dict[str, str], known: list[ProgramState]) -> bool:
    """Whether frames become rows on this host."""
    running = {program.name for program in known if program.state == "running"}
    if not known and (ended := end_orphans(home)):
        say(f"ended {ended} programs that a killed supervisor had left")
    with step("runtime and settings"):
        made = plan.make(home, wish, given, state.load(home, say), running, say)
        probe.require_answers(made.knobs, given)
        probe.require_alerts(made.knobs)
        state.save(home, made.state)
    whole = [*programs.of_servers(made.servers), *programs.of_farm(home, made.state, made.knobs, wish.rate, wish.pairs)]
    with step("servers"):
        start_daemon(home, whole, say)
        start_programs(home, [server.name for server in made.servers])
        if made.state.sandboxed:
            start_programs(home, ["sandbox"])
        for server in made.servers:
            server.wait_ready(SERVER_SECONDS)
    whole_path = programs.have_whole_path(made.knobs)
    if programs.use_database(made.knobs):
        with step("schema"):
            _bring_schema(made)
    before = landing.rows_landed(made.knobs.database_url) if whole_path else {}
    with step("programs"):
        rest = [program.name for program in sorted(whole, key=lambda program: program.stage) if program.stage >= programs.CONTROL]
        start_programs(home, rest)
        wait_running(home, [program.name for program in whole], PROGRAM_SECONDS)
    if whole_path and (wish.rate or wish.live):
        _await_rows(made, before)
    return whole_path


def _bring_schema(made: Plan) -> None:
    ours = any(server.name == "postgres" for server in made.servers)
    if ours:
        extension.make_dumpable(made.knobs.migration_url)
    migrate.upgrade(made.state.environment)
    if ours:
        for role in (roles.WRITER, roles.READER, roles.CONSOLE, roles.BACKUP):
            roles.let_in(made.knobs.migration_url, role)


def _await_rows(made: Plan, before: dict[tuple[str, str], int]) -> None:
    with err.status("first rows") as status:
        channels = landing.wanted(made.knobs, made.state.venues)
        landing.await_rows(made.knobs.database_url, channels, before, ROWS_SECONDS, status.update)
