""".env.example lists every variable with its default, and nothing else."""

import re
from collections.abc import Callable
from pathlib import Path

from core.settings import documented
from ops.cli.environment import DEFAULT_PORTS, port_variable
from venues import VENUES

ROOT = Path(__file__).resolve().parents[1]

#: Variables of docker-compose.yml alone: what is used without them, and what they are.
COMPOSE = {
    "COMPOSE_PROFILES": (
        "",
        "what runs beside the farm, comma between: monitoring, tls, sandbox, a venue on request, binance-b and the like",
    ),
    "FARM_MARKETS": ("live", "live: the real venues; sandbox: simulated ones, with COMPOSE_PROFILES=sandbox"),
    "SANDBOX_RATE": ("200", "market events per second of each of those"),
    "POSTGRES_PASSWORD": (
        "",
        "password of the database's owner, when the database is made; empty, as all of these: one is made at random, once",
    ),
    "POSTGRES_WRITER_PASSWORD": ("", "password of tapefarm_writer, by which the programs write rows"),
    "POSTGRES_READER_PASSWORD": (
        "",
        "password of tapefarm_reader, who may read everything; without it nobody logs in so, and none is made",
    ),
    "POSTGRES_CONSOLE_PASSWORD": ("", "password of tapefarm_console, by which the console and Grafana read"),
    "POSTGRES_BACKUP_PASSWORD": ("", "password of tapefarm_backup, which reads all, and of the server for drills when it is made"),
    "REDIS_PASSWORD": ("", "password of the journal's Redis"),
    "BROKER_PASSWORD": ("", "password of the Redis of Celery's messages"),
    "GRAFANA_USER": ("farm", "who may look at Grafana, and change who else may"),
    "GRAFANA_PASSWORD": ("", "and by which password, from its first start on"),
    "FARM_PROMETHEUS_PORT": ("9090", "where Prometheus is on this machine"),
    "FARM_ALERTMANAGER_PORT": ("9093", "where Alertmanager is"),
    "ALERTMANAGER_WEBHOOK_URL": ("", "who is told what Prometheus' rules say; empty: it stands on Alertmanager's page"),
    "FARM_GRAFANA_PORT": ("3000", "where Grafana is"),
    "FARM_DOMAIN": ("farm.localhost", "profile tls: console., flower. and grafana. of this name are served by HTTPS"),
    "FARM_TLS": ("internal", "by certificates of a CA of its own; or an e-mail address: by those of Let's Encrypt"),
    "FARM_HTTP_PORT": ("80", "where it sends browsers on to HTTPS, for everybody who reaches this machine"),
    "FARM_HTTPS_PORT": ("443", "and where it is"),
    "MEMORY_TIMESCALEDB": ("1g", "limits of memory, with which a host of 4 GB is full; a larger one gives more to the database first"),
    "TIMESCALEDB_SHARED_BUFFERS": ("256MB", "a quarter of it"),
    "TIMESCALEDB_CACHE": ("640MB", "most of the rest"),
    "MEMORY_DRILL": ("160m", "the server that tries backups"),
    "MEMORY_REDIS": ("320m", "the journal's Redis"),
    "REDIS_MAXMEMORY": ("224mb", "two thirds of it"),
    "MEMORY_STREAMER": ("256m", "each streamer"),
    "MEMORY_WRITERS": ("464m", "the writers"),
    "WRITER_CHILD_KIB": ("170000", "each of their processes, before it is replaced; all of them and 120 MiB are less than MEMORY_WRITERS"),
    "MEMORY_SNAPSHOTS": ("224m", "the worker of snapshots"),
    "MEMORY_MAINTENANCE": ("384m", "the worker of maintenance, with exports and backups"),
    "MEMORY_WORKER": ("184m", "each other worker, and Flower"),
    "MEMORY_CONSOLE": ("176m", "the console"),
    "MEMORY_SMALL": ("160m", "schedule and watcher, each"),
}
HEAD = """\
# Every setting with its default. `install -m 600 .env.example .env` and uncomment what differs; both `./farm` and docker compose read
# that file. It holds secrets: `./farm` refuses one that others may read (`chmod 600 .env`). NAME_FILE=/path instead of NAME, for whatever
# holds a password: it is read from that file.
# What to collect stands in farm.toml.
"""
Rows = list[tuple[str, str, str]]


def rendered() -> str:
    parts = [
        ("settings", documented()),
        ("where the venues are; another server of the same protocol may take their place", _endpoints()),
        ("ports of ./farm up on this machine; a taken one is passed over unless it is set here", _ports()),
        (
            "docker-compose.yml only",
            [(name, *row) for name, row in COMPOSE.items()],
        ),
    ]
    return HEAD + "".join(f"\n# --- {title}\n" + "".join(map(_lines, rows)) for title, rows in parts)


def _lines(row: tuple[str, str, str]) -> str:
    name, default, meaning = row
    return f"# {meaning}\n#{name}={default}\n" if meaning else f"#{name}={default}\n"


def _endpoints() -> Rows:
    """Of the venues that are there. A line of one whose folder was deleted does no harm, and deleting a folder is to break nothing."""
    written = re.findall(r"^#([A-Z0-9]+)_(WS|REST|ARCHIVE)_URL=(.*)", (ROOT / ".env.example").read_text(encoding="utf-8"), re.MULTILINE)
    found = {(venue, kind): url for venue, kind, url in written if venue.lower() not in VENUES}
    for venue in VENUES.values():
        urls = {"WS": venue.ws_url, "REST": venue.rest_url, "ARCHIVE": venue.archive_url}
        found |= {(venue.name.upper(), kind): url for kind, url in urls.items() if url}
    kinds = ["WS", "REST", "ARCHIVE"]
    ordered = sorted(found, key=lambda place: (place[0], kinds.index(place[1])))
    return [(f"{venue}_{kind}_URL", found[venue, kind], "") for venue, kind in ordered]


def _ports() -> Rows:
    return [(port_variable(name), str(port), "") for name, port in DEFAULT_PORTS.items()]


def test_it_is_what_the_settings_say(kept: Callable[[str, str], None]) -> None:
    kept(".env.example", rendered())


def test_a_copy_of_it_changes_nothing() -> None:
    lines = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    assert all(line.startswith("#") or not line for line in lines)


def test_compose_asks_for_nothing_else() -> None:
    listed = set(re.findall(r"^#([A-Z][A-Z0-9_]+)=", (ROOT / ".env.example").read_text(encoding="utf-8"), re.MULTILINE))
    asked = set(re.findall(r"\$\{([A-Z0-9_]+)", (ROOT / "docker-compose.yml").read_text(encoding="utf-8")))
    # A service whose venue was deleted does no harm.
    streamers = re.findall(r"^  streamer-([a-z0-9]+):", (ROOT / "docker-compose.yml").read_text(encoding="utf-8"), re.MULTILINE)
    of_venues = {name.replace("VENUE", venue.upper(), 1) for name in listed if name.startswith("VENUE_") for venue in {*VENUES, *streamers}}
    assert asked <= listed | of_venues
    assert set(COMPOSE) - {"COMPOSE_PROFILES"} <= asked, "a variable that nothing uses"


def test_defaults_are_those_of_compose() -> None:
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    for name, (default, _) in COMPOSE.items():
        assert set(re.findall(rf"\$\{{{name}:-([^}}]*)\}}", text)) <= {default}, name
