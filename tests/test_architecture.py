"""Who may import whom, where a venue may be named, and how long a piece may be. ARCHITECTURE.md explains the table."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from venues import VENUES

ROOT = Path(__file__).resolve().parents[1]
MAX_FILE_LINES, MAX_FUNCTION_LINES = 400, 50

#: What a pure part must not touch: it is given bytes and a clock reading.
IMPURE = {"asyncio", "http", "multiprocessing", "os", "select", "socket", "ssl", "subprocess", "threading", "time", "urllib.request"}
ANY = frozenset({"*"})


@dataclass(frozen=True)
class Part:
    """Modules below `name` (the longest name that fits counts): what of ours, of others, and what of the standard library they must not use."""

    name: str
    ours: frozenset[str] = frozenset()
    theirs: frozenset[str] = frozenset()
    never: frozenset[str] = frozenset()


def _part(name: str, ours: str = "", theirs: str = "", never: set[str] = frozenset()) -> Part:  # type: ignore[assignment]
    return Part(name, frozenset(ours.split()), frozenset(theirs.split()), frozenset(never))


TABLE = [
    _part("core"),
    _part("core.records", never=IMPURE),
    _part("core.venue", "core.history core.records core.trading", "numpy", IMPURE),
    _part("core.history", "core.venue", never=IMPURE),
    _part("core.capability", "core.records core.venue", never=IMPURE),
    _part("core.timetable", never=IMPURE),
    _part("core.trading", never=IMPURE),
    _part("core.private"),
    _part("core.secret_files"),
    _part("core.addresses", never=IMPURE),
    _part("core.storage", "core.records core.timetable", never=IMPURE),
    _part("core.paper_rules", "core.storage paper.rules", never=IMPURE),
    _part("core.settings", "core.addresses core.paper_rules core.private core.secret_files core.storage core.timetable paper.rules"),
    _part("core.log"),
    _part("core.count_files", "", "numpy"),
    _part("core.counts", "core.count_files", "numpy"),
    _part("core.metrics", "core.counts"),
    _part("core.redisdb", "", "redis"),
    _part("core.board", "core.redisdb"),
    _part("core.matched", "core.redisdb", "msgspec"),
    _part("core.journal", "core.redisdb core.venue", "msgspec numpy zstandard"),
    _part("core.archive", "core.journal", "msgspec numpy zstandard"),
    _part("core.held", "core.journal core.redisdb"),
    _part("core.objects", "core.settings", "boto3 botocore urllib3"),
    _part("core.lane", "core.journal core.redisdb", "hiredis redis"),
    _part("core.budget", "core.redisdb core.venue"),
    _part("core.lease", "core.redisdb"),
    _part("core.http", "core.budget core.metrics core.redisdb core.venue", "msgspec requests urllib3"),
    _part("venues", "core.history core.records core.trading core.venue venues", "msgspec numpy", IMPURE),
    _part("venues.kalshi.signing", "core.venue", "cryptography", IMPURE),
    _part("sandbox", "sandbox", "aiohttp msgspec numpy uvloop"),
    _part("sandbox.kalshi.keys", "sandbox", "cryptography"),
    _part("streamers", "core venues streamers", "numpy uvloop"),
    _part("streamers.client_picows", "streamers", "picows"),
    _part("streamers.client_websockets", "streamers", "websockets"),
    _part("streamers.session", "core.journal core.venue streamers.login streamers.subscriptions", never=IMPURE),
    _part("streamers.subscriptions", "core.venue", never=IMPURE),
    _part("streamers.login", "core.venue", never=IMPURE),
    _part("streamers.backoff", never=IMPURE),
    _part("paper", "core.trading paper", "msgspec", IMPURE),
    _part("paper.matching", "paper", "rapidfuzz", IMPURE),
    _part("db", "core.records core.settings core.storage db", "numpy psycopg2 sqlalchemy"),
    _part("db.feeds", "core.records venues"),
    _part("db.arrow", "db.datasets db.moments", "adbc_driver_manager adbc_driver_postgresql pyarrow sqlalchemy"),
    _part("db.parquet", "db", "pyarrow"),
    _part("db.read", "core.records core.settings db", "polars pyarrow"),
    _part("db.backups", "core.log core.objects core.private core.settings db", "psycopg2 pyrage sqlalchemy"),
    _part("db.backups.times", never=IMPURE),
    _part("db.paper", "core.trading core.venue db paper", "msgspec psycopg2 sqlalchemy"),
    _part("tasks.paper_books", "core.matched paper.values", never=IMPURE),
    _part("tasks", "core db paper tasks venues", "celery kombu numpy tenacity"),
    _part("celeryconfig", "core.settings venues", "celery kombu"),
    _part("ops", "ops", "typer"),
    _part("ops.local", "core.private ops.local", "psutil supervisor"),
    _part("ops.cli", "core db ops paper venues", "psutil psycopg2 rich sqlalchemy typer"),
    _part("ops.cli.match_files", "db ops.cli", "psycopg2 yaml"),
    _part("ops.cli.paper", "core db ops paper.report tasks.pairs venues", "rich typer"),
    _part("ops.grafana", "ops.grafana", never=IMPURE),
    _part("ops.paper", "db ops.paper paper tasks.paper_books"),
    _part("ops.cli.audit", "core.settings db ops.cli paper.audit", "typer"),
    _part("ops.cli.load", "core.settings db ops.cli venues", "polars pyarrow typer"),
    _part(
        "ops.alerting",
        "core db.queries ops.alerting ops.cli.errors ops.cli.programs ops.cli.running ops.local tasks.machine tasks.survey venues",
        "psutil",
    ),
    _part("ops.alerting.judge", "core.timetable ops.alerting.rules", never=IMPURE),
    _part("ops.alerting.notices", "core.timetable ops.alerting.judge", never=IMPURE),
    _part("ops.alerting.places", never=IMPURE),
    _part("ops.alerting.rates", never=IMPURE),
    _part("ops.alerting.delivery", "core.settings ops.alerting", "apprise"),
    _part("ops.report", "core db ops.alerting ops.cli ops.local ops.report tasks.survey venues", "psycopg2 sqlalchemy"),
    _part("ops.console.gauges", "core db.queries ops tasks.machine venues"),
    _part("ops.console.exposition", "core ops.console", "numpy prometheus_client"),
    _part("ops.console.metrics", "ops.console", "fastapi prometheus_client"),
    _part(
        "ops.console",
        "celeryconfig core db ops paper tasks.pairs tasks.paper_books tasks.survey venues",
        "fastapi fastapi_offline jinja2 pydantic starlette uvicorn",
    ),
    _part("ops.cloud", "core.http ops.cloud", "requests tenacity"),
    _part("ops.cloud.rules", "ops.cloud", never=IMPURE),
    _part("ops.envfile", "core.private core.settings db.backups ops.cli.environment ops.cli.errors ops.envfile venues", "pyrage"),
    _part("ops.doctor", "core db.queries ops.cli.environment ops.cli.state ops.doctor ops.local venues", "psutil psycopg2 sqlalchemy"),
    _part("ops.verify", "core db ops.verify venues", "numpy psycopg2"),
    _part("ops.rebuild", "core db ops.rebuild ops.cli.errors ops.cli.migrate tasks venues", "psycopg2 sqlalchemy"),
    _part("ops.deploy", "celeryconfig core db ops.cli ops.deploy venues", "psycopg2 pyrage sqlalchemy"),
    _part("ops.docker", "core db.queries db.roles ops.alerting.memory", "alembic sqlalchemy"),
    _part("ops.chaos", "core db.engine db.queries ops venues", "psutil"),
    _part("ops.chaos.ringer", "ops.chaos.canaries tasks", "kombu"),
    _part("ops.chaos.fault", "ops.chaos.farm", never=IMPURE),
    _part("ops.chaos.schedule", "ops.chaos.fault", never=IMPURE),
    _part("ops.chaos.table", "ops.chaos.fault", never=IMPURE),
    _part("migrations"),
    _part("migrations.env", "core.settings db.engine db.tables", "alembic sqlalchemy"),
    _part("migrations.hypertables", "", "alembic"),
    _part("migrations.versions", "migrations.hypertables", "alembic sqlalchemy"),
    Part("bench", ours=ANY, theirs=ANY),
    Part("tests", ours=ANY, theirs=ANY),
]
OURS = {part.name.partition(".")[0] for part in TABLE}


@cache
def sources() -> dict[str, Path]:
    """module name -> file, of everything that git would take."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout
    names = [name for name in listed.split("\0") if name.endswith(".py") and (ROOT / name).exists()]
    return {name.removesuffix(".py").removesuffix("/__init__").replace("/", "."): ROOT / name for name in sorted(names)}


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imports_of(module: str, path: Path) -> Iterator[str]:
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            up = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            origin = ".".join([*up, *([node.module] if node.module else [])])
            # `from core import journal` imports core.journal; `from db.engine import connect` imports db.engine.
            full = {f"{origin}.{alias.name}" for alias in node.names}
            yield from {name if name in sources() or not below(name, frozenset(OURS)) else origin for name in full}


def below(name: str, heads: frozenset[str]) -> bool:
    return heads == ANY or any(name == head or name.startswith(f"{head}.") for head in heads)


def part_of(module: str) -> Part | None:
    return max((part for part in TABLE if below(module, frozenset({part.name}))), key=lambda part: len(part.name), default=None)


def offences(module: str, path: Path) -> list[str]:
    part = part_of(module)
    if part is None:
        return [f"{module} is in no part of the table"]
    bad = []
    for name in sorted(set(imports_of(module, path))):
        top = name.partition(".")[0]
        if top in OURS:
            allowed = below(name, part.ours)
        elif top in sys.stdlib_module_names:
            allowed = not below(name, part.never)
        else:
            allowed = below(top, part.theirs)
        if not allowed:
            bad.append(f"{module} imports {name}; {part.name} may not")
    return bad


def none(found: list[str]) -> None:
    """All offences at once, a line each."""
    assert not found, "\n" + "\n".join(found)


def test_only_allowed_imports() -> None:
    none([offence for module, path in sources().items() for offence in offences(module, path)])


def test_every_part_of_the_table_exists() -> None:
    there = [
        part.name for part in TABLE if not part.name.startswith("venues.") or part.name.split(".")[1] in VENUES
    ]  # a folder may be deleted
    none([name for name in there if not any(below(module, frozenset({name})) for module in sources())])


def test_a_venue_knows_no_other() -> None:
    for module, path in sources().items():
        _, _, own = module.partition("venues.")
        if module.startswith("venues.") and own.partition(".")[0] in VENUES:
            others = {f"venues.{name}" for name in VENUES if name != own.partition(".")[0]}
            assert not {name for name in imports_of(module, path) if below(name, frozenset(others))}, module


def test_pure_parts_ask_no_clock() -> None:
    for module, path in sources().items():
        part = part_of(module)
        if part and part.never:
            asked = {node.attr for node in ast.walk(tree_of(path)) if isinstance(node, ast.Attribute)} & {"now", "utcnow", "today"}
            assert not asked, f"{module} asks the clock: {asked}"


@pytest.mark.parametrize(
    ("module", "code"),
    [
        ("venues.new.stream", "import time"),
        ("venues.new.stream", "from urllib import request"),
        ("venues.new.stream", "from core import settings"),
        ("sandbox.new", "from core.records import TRADES"),
        ("streamers.session", "import asyncio"),
        ("streamers.new", "from db import copy"),
        ("db.new", "import core.journal"),
        ("tasks.new", "import redis"),
        ("tasks.new", "from sqlalchemy import text"),
        ("celeryconfig", "import tasks.writers"),
        ("ops.local.new", "from core import settings"),
        ("migrations.versions.new", "from db.tables import metadata"),
        ("novelty", "import os"),
        ("core.novelty", "import redis"),
    ],
)
def test_the_check_catches(module: str, code: str, tmp_path: Path) -> None:
    path = tmp_path / f"{module.rpartition('.')[2]}.py"
    path.write_text(code)
    assert offences(module, path)


# --- venues ---------------------------------------------------------------------------------------------------------------
#: Outside of its folder a venue is named only here.
NAMES_ALLOWED = {
    "sandbox/": "simulates each venue",
    "tests/": "tests name what they test",
    "bench/": "measures with recorded and simulated frames",
    "docs/": "prose",
    "core/records.py": "the meaning of a column may say which venue it is known from",
    "farm.toml": "what to collect",
    ".env.example": "where the venues are",
    "docker-compose.yml": "one streamer a venue",
    "ops/cluster/": "the same on Kubernetes",
    "ops/docker/sandbox.env": "where the simulated ones are",
    "requirements-dev.in": "clients written by others, which the sandbox must satisfy",
    "requirements-dev.txt": "the same, compiled",
    "requirements-clients.txt": "more of them",
}


def words_of(path: Path) -> str:
    """What a file says beyond comments and docstrings; of other files than Python's, all of it."""
    if path.suffix != ".py":
        return path.read_text(encoding="utf-8")
    tree = tree_of(path)
    described = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    words = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in described:
            words.append(node.value)
        words += [
            str(getattr(node, field)) for field in ("id", "attr", "name", "arg", "module") if isinstance(getattr(node, field, None), str)
        ]
    return "\n".join(words)


def test_a_venue_is_named_in_its_folder_only() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout
    found = []
    for name in filter(None, listed.split("\0")):
        if name.startswith(tuple(NAMES_ALLOWED)) or name.endswith(".md") or not (ROOT / name).is_file():
            continue
        others = [venue for venue in VENUES if not name.startswith(f"venues/{venue}/")]
        text = words_of(ROOT / name)
        found += [f"{name}: {venue}" for venue in others if re.search(venue, text, re.IGNORECASE)]
    none(found)


# --- size and names -------------------------------------------------------------------------------------------------------
def test_a_module_is_one_idea() -> None:
    lengths = {module: len(path.read_text(encoding="utf-8").splitlines()) for module, path in sources().items()}
    none([f"{module} has {lines} lines" for module, lines in lengths.items() if lines > MAX_FILE_LINES])
    drawers = {"utils", "util", "helpers", "helper", "misc", "common", "handy", "manager"}
    none([module for module in sources() if drawers & set(module.split("."))])


def test_a_function_fits_without_scrolling() -> None:
    long = []
    for module, path in sources().items():
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                said = ast.get_docstring(node, clean=False)
                lines = (node.end_lineno or 0) - node.lineno + 1 - (said.count("\n") + 1 if said else 0)
                if lines > MAX_FUNCTION_LINES:
                    long.append(f"{module}.{node.name} has {lines} lines")
    none(long)


def test_a_module_says_what_it_is_for() -> None:
    silent = [
        module for module, path in sources().items() if path.read_text(encoding="utf-8").strip() and not ast.get_docstring(tree_of(path))
    ]
    none([module for module in silent if not module.startswith("tests.")])
