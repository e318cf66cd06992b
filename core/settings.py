"""Every knob, read from the environment and farm.toml into one frozen value; an unknown or malformed one is an error.

The environment says where things are and how hard they work; farm.toml says what to collect and how it is kept. `.env.example` lists each variable
with its default and a test holds the two together.
"""

import os
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from core import paper_rules, storage, timetable
from core.addresses import objection
from core.private import NotPrivate, read_private
from core.secret_files import SettingsError as SettingsError
from core.secret_files import taken
from core.storage import Kept
from paper.rules import Rules

ROOT = Path(__file__).resolve().parent.parent
_T = TypeVar("_T")

#: As libpq and most hosts write it; SQLAlchemy would look for another driver than ours.
_PLAIN_POSTGRES = re.compile(r"^postgres(ql)?://")
#: What a farm is made of beside its servers, as `./farm up` starts it.
PROGRAMS = ("streamers", "writers", "collectors", "maintenance", "beat", "flower", "console", "watcher")


@dataclass(frozen=True, slots=True)
class Collect:
    """What to collect from one venue: `symbols` as listed, or else the `top` instruments or markets as the venue ranks them, by its
    own options in `universe`."""

    channels: tuple[str, ...] | None = None  # None: all the venue has
    symbols: tuple[str, ...] = ()
    top: int = 200
    universe: Mapping[str, Any] = field(default_factory=dict)
    on_request: bool = False  # only where FARM_VENUES names the venue


def _knob(default: Any, meaning: str, *, secret: bool = False) -> Any:
    """`secret`: the value is or may hold a password; no message and no log tells it."""
    return field(default=default, metadata={"meaning": meaning, "secret": secret}, repr=not secret)


@dataclass(frozen=True, slots=True)
class Settings:
    database_url: str = _knob(
        "postgresql+psycopg2://tapefarm:tapefarm@127.0.0.1:5432/tapefarm",
        "TimescaleDB, as an SQLAlchemy URL; programs write rows by it",
        secret=True,
    )
    database_owner_url: str = _knob("", "the same database for migrations; empty: the same as DATABASE_URL", secret=True)
    database_reader_url: str = _knob("", "the same database for `./farm psql`; empty: the same as DATABASE_URL", secret=True)
    database_backup_url: str = _knob(
        "", "the same database for backups, by an account that reads all; empty: the same as DATABASE_URL", secret=True
    )
    database_drill_url: str = _knob(
        "",
        "a server for the weekly drill, by an account that may create databases and extensions; best another one than the farm's; "
        "empty: no drill",
        secret=True,
    )
    redis_url: str = _knob("redis://127.0.0.1:6379/0", "Redis for journal, board and broker", secret=True)
    broker_url: str = _knob("", "Redis for Celery messages; empty: the same as REDIS_URL", secret=True)
    key_prefix: str = _knob("tapefarm", "every Redis key begins so; lets farms share a Redis")
    farm_home: str = _knob(".farm", "folder for spools and state, relative to the checkout")
    farm_data: str = _knob("", "folder for archive, exports and backups; empty: `data` in FARM_HOME")
    metrics_folder: str = _knob("", "folder in which programs count and the console joins what they did; empty: `metrics` in FARM_HOME")
    database_folder: str = _knob("", "where the database keeps its files, if on this machine: its disk is watched; ./farm up says it")
    farm_toml: str = _knob("farm.toml", "what to collect, relative to the checkout")
    farm_venues: str = _knob("", "of the venues in farm.toml only these, comma between; empty: all but those on request")
    replicas: str = _knob("a", "every streamer runs so many times, one for each of these names, comma between; rows are stored once")
    replicas_here: str = _knob("", "of REPLICAS these are started on this host, comma between; empty: all")
    programs_here: str = _knob("", f"of {', '.join(PROGRAMS)} these are started on this host, comma between; empty: all")
    log_level: str = _knob("INFO", "DEBUG, INFO, WARNING or ERROR")
    log_format: str = _knob("text", "text; json: a line of a program is an object with time, level, logger, event and the fields of it")

    streamer_client: str = _knob("picows", "WebSocket client: picows or websockets")
    linger_ms: float = _knob(10.0, "a batch waits at most so long for more frames")
    batch_max_bytes: int = _knob(262_144, "a batch is flushed at this size at the latest")
    queue_max_bytes: int = _knob(67_108_864, "frames waiting in a streamer's memory before it stops reading its sockets")
    spool_max_bytes: int = _knob(2_147_483_648, "batches on a streamer's disk while Redis refuses; beyond, loss is counted")
    ring_max_bytes: int = _knob(
        67_108_864, "batches a streamer keeps after they were appended, at most two minutes, in case Redis loses them"
    )
    redis_timeout_seconds: float = _knob(5.0, "a streamer's write to Redis is given up after so long and spooled")

    writer_groups: int = _knob(2, "groups of streams, one drain each; as many as the writers have processes, on all hosts together")
    writers_here: int = _knob(0, "writers' processes on this host, where several share the groups; 0: one for each group")
    writer_turn_seconds: float = _knob(30.0, "a drain hands over after so long")
    writer_ring_seconds: float = _knob(5.0, "the schedule rings for every group so often")
    writer_gap_ms: float = _knob(4.0, "least time between two reads of a drain; trades latency for CPU")
    writer_max_rows: int = _knob(20_000, "rows of one transaction when behind")
    writer_max_instruments: int = _knob(50_000, "instruments of one venue that frames alone may register")
    database_retry_max_seconds: float = _knob(10.0, "longest wait between attempts while the database is away")

    http_timeout_seconds: float = _knob(10.0, "connect and read timeout of a REST call")
    gap_lookback_hours: float = _knob(48.0, "how far back a starting drain looks for the last id of an instrument")
    backfill_share: float = _knob(0.6, "of a venue's REST budget, what reading the past may use; the rest is for what happens now")
    backfill_pages_per_second: float = _knob(
        20.0, "pages of the past that a worker reads at most, so that live rows are not late; 0: no bound"
    )

    archive: str = _knob("on", "on: raw entries of the journal are kept in FARM_DATA/raw before they are forgotten; off")
    archive_hold_percent: float = _knob(
        50.0, "of the memory of Redis; beyond, the journal is trimmed behind commits though the archive has not taken it"
    )
    archive_min_free_bytes: int = _knob(2_147_483_648, "the archive leaves so much of its disk to others, and waits")

    s3_endpoint_url: str = _knob("", "S3-compatible storage that archive and backups are copied to; empty: none")
    s3_bucket: str = _knob("", "its bucket")
    s3_key_id: str = _knob("", "and the key to it", secret=True)
    s3_secret_key: str = _knob("", "with its secret", secret=True)

    alerts_toml: str = _knob("alerts.toml", "what to call for help about, relative to the checkout")
    alert_urls: str = _knob(
        "", "who is told, as URLs of Apprise, comma or space between; they hold passwords and are never logged", secret=True
    )
    alert_test_cron: str = _knob("0 9 * * *", "when the farm says that all is well, as a line of a crontab in UTC; off: never")
    alert_quiet: str = _knob("", "22:00-07:00, UTC: what is not critical waits till it ends; `22:00-07:00 warning` lets warnings pass too")
    alert_runbooks_url: str = _knob("", "where ops/runbooks/ can be read, for the links in alerts; empty: the folder on this machine")

    records_days: float = _knob(
        400.0,
        "so long the farm keeps what it knew of itself: health, sockets, jobs, alerts, unreadable frames; what data lack is kept for ever",
    )
    backup_hourly_keep: int = _knob(24, "so many of the newest hourly backups are kept; 0: none are made")
    backup_daily_keep: int = _knob(7, "so many of the newest daily backups are kept; 0: none are made")
    backup_hourly_days: float = _knob(
        0.0, "hourly backups reach so many days back into market data and other hypertables, whole chunks; 0: the newest ones; -1: none"
    )
    backup_daily_days: float = _knob(3650.0, "daily backups reach so many days back into them")
    backup_age_recipient: str = _knob("", "public keys of age that backups are encrypted to, comma between; empty: they are not encrypted")
    backup_age_identity_file: str = _knob("", "file with a private key of age for the weekly drill, if backups are encrypted")
    postgres_programs: str = _knob(
        "", "folder with pg_dump and pg_restore of the server's version; empty: where packages have them; ./farm up says it"
    )

    flower_address: str = _knob("127.0.0.1", "where Flower listens; anywhere but on the loopback it wants FLOWER_PASSWORD")
    flower_user: str = _knob("farm", "who may look at Flower, where there is a password")
    flower_password: str = _knob("", "and by which password; docker-compose.yml makes one", secret=True)

    console_address: str = _knob("127.0.0.1", "where the console listens; anywhere but on the loopback it wants CONSOLE_PASSWORD")
    console_user: str = _knob("farm", "who may look at the console, where there is a password")
    console_password: str = _knob("", "and by which password; docker-compose.yml makes one", secret=True)

    endpoints: Mapping[str, str] = field(default_factory=dict)  # BINANCE_WS_URL and the like, as set
    logins: Mapping[str, str] = field(default_factory=dict, repr=False)  # <VENUE>_CLIENT_ID and the like, as set
    collect: Mapping[str, Collect] = field(default_factory=dict)  # farm.toml
    kept: Mapping[str, Kept] = field(default_factory=lambda: storage.KEPT)  # farm.toml: how each table of market data is
    paper: Rules = field(default_factory=Rules)  # farm.toml: what the paper engine may do

    def __post_init__(self) -> None:
        for name, either in (("streamer_client", ("picows", "websockets")), ("log_format", ("text", "json")), ("archive", ("on", "off"))):
            _check(getattr(self, name) in either, name.upper(), getattr(self, name), " or ".join(either))
        sizes = ("linger_ms", "batch_max_bytes", "queue_max_bytes", "spool_max_bytes", "ring_max_bytes")
        for name in (*sizes, "writer_groups", "writer_turn_seconds", "writer_max_rows"):
            _check(getattr(self, name) > 0, name.upper(), getattr(self, name), "a number above 0")
        _check(_are_names(self.replica_names), "REPLICAS", self.replicas, "names of lower-case letters and digits, each once")
        here = set(self.replica_names_here)
        _check(here <= set(self.replica_names), "REPLICAS_HERE", self.replicas_here, f"names of REPLICAS={self.replicas}")
        _check(set(self.program_names_here) <= set(PROGRAMS), "PROGRAMS_HERE", self.programs_here, f"names of {', '.join(PROGRAMS)}")
        _check(_reads(timetable.cron, self.alert_test_cron), "ALERT_TEST_CRON", self.alert_test_cron, "five fields of a crontab, or off")
        _check(_reads(timetable.quiet, self.alert_quiet), "ALERT_QUIET", self.alert_quiet, "two times of a day in UTC, such as 22:00-07:00")
        _check(0 < self.archive_hold_percent <= 100, "ARCHIVE_HOLD_PERCENT", self.archive_hold_percent, "a number above 0, at most 100")
        _check(
            self.records_days >= 7, "RECORDS_DAYS", self.records_days, "days, at least 7: an hour is judged by the sockets that heard it"
        )
        for name in ("archive_min_free_bytes", "backup_hourly_keep", "backup_daily_keep", "writers_here"):
            _check(getattr(self, name) >= 0, name.upper(), getattr(self, name), "a whole number from 0 up")
        _check(0 < self.backfill_share <= 1, "BACKFILL_SHARE", self.backfill_share, "a number above 0, at most 1")
        _check(self.backfill_pages_per_second >= 0, "BACKFILL_PAGES_PER_SECOND", self.backfill_pages_per_second, "a number, 0: no bound")

    @property
    def home(self) -> Path:
        return ROOT / self.farm_home

    @property
    def data(self) -> Path:
        return ROOT / self.farm_data if self.farm_data else self.home / "data"

    @property
    def metrics(self) -> Path:
        return ROOT / self.metrics_folder if self.metrics_folder else self.home / "metrics"

    @property
    def archives(self) -> bool:
        return self.archive == "on"

    @property
    def replica_names(self) -> tuple[str, ...]:
        return _names(self.replicas)

    @property
    def replica_names_here(self) -> tuple[str, ...]:
        return _names(self.replicas_here) or self.replica_names

    @property
    def program_names_here(self) -> tuple[str, ...]:
        return _names(self.programs_here) or PROGRAMS

    @property
    def migration_url(self) -> str:
        return self.database_owner_url or self.database_url

    @property
    def reading_url(self) -> str:
        return self.database_reader_url or self.database_url

    @property
    def celery_broker_url(self) -> str:
        return self.broker_url or self.redis_url

    @property
    def backup_url(self) -> str:
        return self.database_backup_url or self.database_url

    def ws_url(self, venue: str, default: str) -> str:
        return self.endpoints.get(f"{venue.upper()}_WS_URL", default)

    def rest_url(self, venue: str, default: str) -> str:
        return self.endpoints.get(f"{venue.upper()}_REST_URL", default)

    def archive_url(self, venue: str, default: str) -> str:
        """Empty where there is none: another server in the venue's place brings its own archive, or none."""
        return self.endpoints.get(f"{venue.upper()}_ARCHIVE_URL", "" if f"{venue.upper()}_REST_URL" in self.endpoints else default)

    def credentials(self, venue: str) -> Mapping[str, str]:
        """client_id and client_secret, or key_id and private_key (PEM), or nothing. Raises SettingsError when half of a pair is set, or
        when the key's file cannot be used."""
        found: dict[str, str] = {}
        for pair in _LOGINS:
            names = [f"{venue.upper()}_{key}" for key in pair]
            missing = [name for name in names if name not in self.logins]
            if len(missing) == 1:
                raise SettingsError(f"{missing[0]} is not set: give {' and '.join(names)}, or neither")
            if not missing:
                found |= {key.lower(): self.logins[name] for key, name in zip(pair, names, strict=True)}
        if "private_key_file" in found:
            found["private_key"] = private_key(f"{venue.upper()}_PRIVATE_KEY_FILE", found.pop("private_key_file"))
        return found

    def lacking(self, venue: str, login: Sequence[str]) -> list[str]:
        """Variables that a login made of these credentials wants and that are not set."""
        names = [f"{venue.upper()}_{_VARIABLES.get(name, name.upper())}" for name in login]
        return [name for name in names if name not in self.logins]


#: They may come by a file: NAME_FILE says which.
SECRETS = frozenset(spec.name.upper() for spec in fields(Settings) if spec.metadata.get("secret"))
#: What a login is made of: both or neither. A private key comes by the file it is in.
_LOGINS = (("CLIENT_ID", "CLIENT_SECRET"), ("KEY_ID", "PRIVATE_KEY_FILE"))
_VARIABLES = {"private_key": "PRIVATE_KEY_FILE"}


def private_key(variable: str, name: str) -> str:
    """The PEM text of a key's file, relative to the checkout. Raises SettingsError, which never holds what is in the file."""
    path = ROOT / Path(name).expanduser()
    try:
        text = read_private(path)
    except NotPrivate as exc:
        raise SettingsError(f"{variable}={name!r} cannot be used: {exc}") from None
    except (OSError, ValueError) as exc:  # ValueError: what is no text
        raise SettingsError(f"{variable}={name!r} cannot be used: give a file with a private key as PEM ({type(exc).__name__})") from None
    if "PRIVATE KEY-----" not in text or not text.isascii():
        raise SettingsError(f"{variable}={name!r} cannot be used: there is no private key as PEM in it")
    return text


def load(environ: Mapping[str, str] = os.environ) -> Settings:
    """Settings of this process. Raises SettingsError with the variable's name and what it may be."""
    known = {f.name.upper(): f for f in fields(Settings) if "meaning" in f.metadata}
    environ = taken(environ, SECRETS)
    values: dict[str, Any] = {}
    for name, spec in known.items():
        if environ.get(name, "") != "":
            values[spec.name] = _parsed(name, environ[name], type(spec.default))
    endpoints = {k: v.rstrip("/") for k, v in environ.items() if k.endswith(("_WS_URL", "_REST_URL", "_ARCHIVE_URL")) and v}
    logins = {k: v for k, v in environ.items() if k.endswith(tuple(f"_{name}" for pair in _LOGINS for name in pair)) and v}
    for name in [name for name in values if name.endswith("_url")]:
        if reason := objection(values[name]):
            raise SettingsError(f"{name.upper()} cannot be used: {reason}")
        values[name] = _PLAIN_POSTGRES.sub("postgresql+psycopg2://", values[name])
    path = ROOT / values.get("farm_toml", known["FARM_TOML"].default)
    collect, kept, paper = read_farm_toml(path), read_storage(path), read_paper(path)
    chosen = {name.strip() for name in values.get("farm_venues", "").split(",")} - {""}
    recorded = {name: what for name, what in collect.items() if (name in chosen if chosen else not what.on_request)}
    return Settings(**values, endpoints=endpoints, logins=logins, collect=recorded, kept=kept, paper=paper)


def read_farm_toml(path: Path) -> dict[str, Collect]:
    """venue -> what to collect. Raises SettingsError naming the line's key when it cannot be used."""
    venues = _document(path).get("venues", {})
    _check(isinstance(venues, dict), f"{path}: venues", venues, "[venues.NAME] tables")
    chosen = {name: _collect(f"{path}: venues.{name}", table) for name, table in venues.items()}
    return {name: collect for name, collect in chosen.items() if venues[name].get("enabled", True)}


def read_storage(path: Path) -> dict[str, Kept]:
    """table -> how it is kept, of all tables of market data. Raises SettingsError likewise."""
    return _fit(path, storage.read, "storage")


def read_paper(path: Path) -> Rules:
    """What the paper engine may do. Raises SettingsError likewise."""
    return _fit(path, paper_rules.read, "paper")


def _fit(path: Path, read: Callable[[Any], _T], part: str) -> _T:
    try:
        return read(_document(path).get(part, {}))
    except storage.Unfit as exc:
        raise SettingsError(f"{path}: {exc.where}={exc.value!r} cannot be used: give {exc.wanted}") from None


def _document(path: Path) -> dict[str, Any]:
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingsError(f"{path} is missing: it lists what to collect; take the one of the repository") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise SettingsError(f"{path} cannot be read: {exc}") from exc
    wanted = "only [venues.NAME] and [storage.TABLE] tables, and [paper]"
    _check(set(document) <= {"venues", "storage", "paper"}, str(path), sorted(document), wanted)
    return document


def _collect(where: str, table: Any) -> Collect:
    _check(isinstance(table, dict), where, table, "a table: [venues.NAME]")
    for key in ("enabled", "on_request"):
        _check(isinstance(table.get(key, True), bool), f"{where}.{key}", table.get(key), "true or false")
    unknown = set(table) - {"enabled", "on_request", "channels", "symbols", "top", "universe"}
    _check(not unknown, where, sorted(unknown), "only enabled, on_request, channels, symbols, top and universe")
    for key in ("channels", "symbols"):
        value = table.get(key, [])
        _check(
            isinstance(value, list) and all(isinstance(item, str) and item for item in value), f"{where}.{key}", value, "a list of names"
        )
    top = table.get("top", Collect.__dataclass_fields__["top"].default)
    _check(isinstance(top, int) and not isinstance(top, bool) and 1 <= top <= 20_000, f"{where}.top", top, "a whole number from 1 to 20000")
    universe = table.get("universe", {})
    _check(isinstance(universe, dict), f"{where}.universe", universe, f"a table: [{where.partition(': ')[2]}.universe]")
    channels = tuple(table["channels"]) if "channels" in table else None
    symbols = tuple(dict.fromkeys(table.get("symbols", ())))
    return Collect(channels=channels, symbols=symbols, top=top, universe=universe, on_request=table.get("on_request", False))


def _parsed(name: str, text: str, kind: type) -> Any:
    if kind is str:
        return text
    try:
        return kind(text)
    except ValueError:
        raise SettingsError(f"{name}={text!r} cannot be used: give {'a whole number' if kind is int else 'a number'}") from None


def _names(text: str) -> tuple[str, ...]:
    return tuple(name for part in text.split(",") if (name := part.strip()))


def _are_names(names: Sequence[str]) -> bool:
    return bool(names) and len(set(names)) == len(names) and all(re.fullmatch("[a-z0-9]{1,16}", name) for name in names)


def _reads(read: Callable[[str], object], text: str) -> bool:
    try:
        read(text)
    except ValueError:
        return False
    return True


def _check(ok: bool, name: str, value: object, wanted: str) -> None:
    if not ok:
        raise SettingsError(f"{name}={value!r} cannot be used: give {wanted}")


def documented() -> list[tuple[str, str, str]]:
    """(variable, default, meaning) of every knob, for .env.example."""
    rows = []
    for spec in fields(Settings):
        if "meaning" in spec.metadata:
            assert spec.default is not MISSING
            rows.append((spec.name.upper(), str(spec.default), spec.metadata["meaning"]))
    rows.append(("VENUE_CLIENT_ID", "", "login at a venue that gives more to who has one, with its name for VENUE; both or neither"))
    rows.append(("VENUE_CLIENT_SECRET", "", "and its secret, which is never logged"))
    rows.append(("VENUE_KEY_ID", "", "login at a venue that wants signatures, with its name for VENUE; both or neither"))
    rows.append(("VENUE_PRIVATE_KEY_FILE", "", "and the private key as PEM, in a file that only its owner may read"))
    return rows
