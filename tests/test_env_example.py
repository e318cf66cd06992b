""".env.example lists every variable with its default, and nothing else."""

import re
from collections.abc import Callable
from pathlib import Path

from core.settings import documented
from ops.cli.environment import DEFAULT_PORTS, port_variable
from venues import VENUES

ROOT = Path(__file__).resolve().parents[1]

#: Variables of docker-compose.yml alone; those without a default must be set.
COMPOSE = {
    "POSTGRES_PASSWORD": ("", "password of the database's owner (letters and digits: it stands in a URL)"),
    "POSTGRES_WRITER_PASSWORD": ("", "password of tapefarm_writer, by which the programs write rows (letters and digits)"),
    "POSTGRES_READER_PASSWORD": ("", "password of tapefarm_reader, who may read everything; without it nobody logs in so"),
    "POSTGRES_CONSOLE_PASSWORD": ("", "password of tapefarm_console, by which the console reads (letters and digits)"),
    "POSTGRES_BACKUP_PASSWORD": ("", "password of tapefarm_backup, which reads all, and of the server for drills (letters and digits)"),
    "REDIS_PASSWORD": ("", "password of Redis (letters and digits)"),
    "GRAFANA_USER": ("farm", "who may look at Grafana, and change who else may"),
    "GRAFANA_PASSWORD": ("", "and by which password, from its first start on; empty: FLOWER_PASSWORD"),
    "FARM_PROMETHEUS_PORT": ("9090", "where Prometheus is on this machine"),
    "FARM_GRAFANA_PORT": ("3000", "and where Grafana is"),
}
HEAD = """\
# Every setting with its default. `install -m 600 .env.example .env` and uncomment what differs; both `./farm` and docker compose read
# that file. It holds secrets: `./farm` refuses one that others may read (`chmod 600 .env`).
# What to collect stands in farm.toml.
"""
Rows = list[tuple[str, str, str]]


def rendered() -> str:
    parts = [
        ("settings", documented()),
        ("where the venues are; another server of the same protocol may take their place", _endpoints()),
        ("ports of ./farm up on this machine; a taken one is passed over unless it is set here", _ports()),
        (
            "docker-compose.yml only; without a value they must be set, but for those that say otherwise",
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
    assert set(COMPOSE) <= asked, "a variable that nothing uses"
