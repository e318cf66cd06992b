"""From what the user asked and set to what will run: venues, endpoints, servers, the one environment of all programs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from core import settings
from core.settings import ROOT, Settings
from db import roles
from ops.cli import ports, programs
from ops.cli.errors import Refused
from ops.cli.state import State
from ops.console.security import LOOPBACK, objection
from ops.local import tree
from ops.local.accounts import place
from ops.local.runtime import ensure_runtime
from ops.local.server import Server, require_room
from ops.local.servers import describe_postgres, describe_redis, prepare_postgres, prepare_redis
from venues import VENUES

Say = Callable[[str], None]
#: Both servers' programs, shared by all farms of the checkout.
RUNTIME = ROOT / ".farm" / "runtime"


DEFAULT_RATE = 500.0


@dataclass(frozen=True, slots=True)
class Wish:
    """What `./farm up` was asked for."""

    live: bool = False
    venues: tuple[str, ...] | None = None
    rate: float = DEFAULT_RATE
    pairs: int = 0  # questions that two of the simulated venues both list


@dataclass(frozen=True, slots=True)
class Plan:
    home: Path
    state: State
    servers: Sequence[Server]
    knobs: Settings
    rate: float


def make(home: Path, wish: Wish, given: Mapping[str, str], known: State | None, running: set[str], say: Say) -> Plan:
    """Decide and prepare; `running` are programs of this farm that run already and keep their ports. Raises Refused, LocalError, SettingsError."""
    for name in {"DATABASE_OWNER_URL", "DATABASE_READER_URL", "DATABASE_BACKUP_URL"} & set(given) if "DATABASE_URL" not in given else ():
        raise Refused(f"{name} is set and DATABASE_URL is not: set it too, or neither.", status=2)
    # A venue on request is collected where it is asked for by name.
    knobs = settings.load({**given, "FARM_VENUES": ",".join(wish.venues)} if wish.venues else given)
    if knobs.flower_address not in LOOPBACK and not (knobs.flower_user and knobs.flower_password):
        raise Refused(
            f"FLOWER_ADDRESS={knobs.flower_address!r} shows the farm to others: set FLOWER_USER and FLOWER_PASSWORD too.", status=2
        )
    if "," in knobs.flower_password or {",", ":"} & set(knobs.flower_user):
        raise Refused("FLOWER_USER and FLOWER_PASSWORD cannot be used: leave out commas, and colons of the name.", status=2)
    if words := objection(knobs):
        raise Refused(words, status=2)
    venues = chosen_venues(wish, knobs)
    sandboxed = () if wish.live else tuple(venue for venue in venues if not _elsewhere(venue, given))
    if sandboxed and knobs.programs_here:
        raise Refused("The sandbox plays for one host alone: add --live, or point the venues' URLs to one that runs by itself.", status=2)
    if wish.pairs and len(sandboxed) < 2:
        raise Refused("--pairs needs two simulated venues that list pairs: name them with --venues, see sandbox/README.md.", status=2)
    wanted = _wanted(given, knobs)
    shown = [
        name
        for name, program in (("flower", "flower"), ("console", "console"), ("health", "console"))
        if program in knobs.program_names_here
    ]
    names = [*wanted, *(["sandbox"] if sandboxed else []), *shown]
    remembered = dict(known.ports) if known else {}
    kept = {name: remembered[name] for name in names if name in running and name in remembered}
    chosen = kept | ports.choose([name for name in names if name not in kept], given, remembered, say)
    require_room(home)
    servers = _servers(home, wanted, chosen, running, say)
    environment = environment_of(home, given, servers, sandboxed, chosen.get("sandbox", 0)) | {"FARM_VENUES": ",".join(venues)}
    state = State({**remembered, **chosen}, venues, sandboxed, environment)
    return Plan(home, state, servers, settings.load(environment), wish.rate)


def _wanted(given: Mapping[str, str], knobs: Settings) -> list[str]:
    """Servers that this host starts itself. One that has a share of the farm is told where those of the farm are."""
    needed = [("postgres", "DATABASE_URL")] if programs.use_database(knobs) else []
    missing = [(name, variable) for name, variable in (*needed, ("redis", "REDIS_URL")) if variable not in given]
    if missing and knobs.programs_here:
        variables = " and ".join(variable for _, variable in missing)
        raise Refused(f"PROGRAMS_HERE={knobs.programs_here!r} is a share of a farm: set {variables}, where the rest of it is.", status=2)
    return [name for name, _ in missing]


def chosen_venues(wish: Wish, knobs: Settings) -> tuple[str, ...]:
    collected = tuple(name for name in knobs.collect if name in VENUES)
    for name in wish.venues or ():
        if name not in VENUES:
            raise Refused(f"There is no venue {name!r}: there are {', '.join(sorted(VENUES))}.", status=2)
        if name not in collected:
            raise Refused(f"farm.toml does not collect {name}: add [venues.{name}] to it first.", status=2)
    venues = wish.venues or collected
    if not venues:
        raise Refused("farm.toml collects no venue: enable one, then try again.", status=2)
    return tuple(dict.fromkeys(venues))


def environment_of(
    home: Path, given: Mapping[str, str], servers: Sequence[Server], sandboxed: Sequence[str], sandbox_port: int
) -> dict[str, str]:
    """What every program of the farm sees, and the other commands and tests too."""
    urls: dict[str, str] = {}
    for server in servers:
        urls |= _roles(server.url) if server.name == "postgres" else {"REDIS_URL": server.url}
    folders = [str(server.data) for server in servers if server.name == "postgres"]
    own = {"DATABASE_FOLDER": folders[0]} if folders else {}
    if servers:  # the runtime is there, for whichever of them
        own["POSTGRES_PROGRAMS"] = str(place(RUNTIME.absolute()) / tree.PROGRAMS)
    endpoints, logins = {}, {}
    for venue in sandboxed:
        endpoints[f"{venue.upper()}_WS_URL"] = f"ws://127.0.0.1:{sandbox_port}/{venue}"
        endpoints[f"{venue.upper()}_REST_URL"] = f"http://127.0.0.1:{sandbox_port}/{venue}"
        if VENUES[venue].archive_url:
            endpoints[f"{venue.upper()}_ARCHIVE_URL"] = f"http://127.0.0.1:{sandbox_port}/{venue}/history"
        if "private_key" in VENUES[venue].login:  # made by the sandbox; the user's own is for the real venue
            logins[f"{venue.upper()}_KEY_ID"] = "sandbox"
            logins[f"{venue.upper()}_PRIVATE_KEY_FILE"] = str(home / "sandbox" / "keys" / f"{venue}.pem")
    return {**endpoints, **urls, **own, **given, **logins, "FARM_HOME": str(home)}


def _roles(url: str) -> dict[str, str]:
    """Our own database, as those who make its tables, write rows, read them and restore them see it; over its socket none of them has a password."""
    return {
        "DATABASE_URL": roles.url_of(url, roles.WRITER),
        "DATABASE_OWNER_URL": url,
        "DATABASE_READER_URL": roles.url_of(url, roles.READER),
        "DATABASE_BACKUP_URL": roles.url_of(url, roles.BACKUP),
        "DATABASE_DRILL_URL": url,
    }


def _elsewhere(venue: str, given: Mapping[str, str]) -> bool:
    """The user points both of the venue's endpoints somewhere, so that the sandbox has no part in it."""
    return {f"{venue.upper()}_WS_URL", f"{venue.upper()}_REST_URL"} <= set(given)


def _servers(home: Path, wanted: Sequence[str], chosen: Mapping[str, int], running: set[str], say: Say) -> list[Server]:
    if not wanted:
        return []
    runtime = ensure_runtime(RUNTIME, say)
    found: list[Server] = []
    for name in wanted:
        data = home / name
        if name == "postgres":
            ready = describe_postgres if name in running else prepare_postgres
            found.append(ready(runtime, data, chosen[name], say=say))
        elif name in running:
            found.append(describe_redis(runtime, data, chosen[name]))
        else:
            found.append(prepare_redis(runtime, data, chosen[name], say=say))
    return found
