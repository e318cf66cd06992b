"""`python -m ops.docker.secrets make|show [NAME]`: the passwords of the stack, as files of a volume.

`make` runs before everything else and as nobody else: what .env says is taken, what it leaves open is made at random, once. Each file can be
read by one group, and docker-compose.yml puts a container into the groups of the secrets that it needs; so no container needs root, and
none can read what is not its business (docs/decisions/0026).
"""

import os
import secrets
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from db import roles

#: Where docker-compose.yml mounts the volume, in every container.
FOLDER = Path("/run/tapefarm")
#: Groups that exist nowhere else, by what they open.
GROUPS = {
    "owner": 10101,
    "writer": 10102,
    "reader": 10103,
    "console-role": 10104,
    "backup": 10105,
    "storage": 10106,
    "journal": 10107,
    "broker": 10108,
    "flower": 10109,
    "console": 10110,
    "grafana": 10111,
    "alerts": 10112,
    "webhook": 10113,
}
#: Variable of .env -> the group that may read it. Made at random where .env says nothing.
MADE = {
    "POSTGRES_PASSWORD": "owner",
    "POSTGRES_WRITER_PASSWORD": "writer",
    "POSTGRES_CONSOLE_PASSWORD": "console-role",
    "POSTGRES_BACKUP_PASSWORD": "backup",
    "REDIS_PASSWORD": "journal",
    "BROKER_PASSWORD": "broker",
    "FLOWER_PASSWORD": "flower",
    "CONSOLE_PASSWORD": "console",
    "GRAFANA_PASSWORD": "grafana",
}
#: Likewise, but empty where .env says nothing.
GIVEN = {
    "POSTGRES_READER_PASSWORD": "reader",
    "S3_KEY_ID": "storage",
    "S3_SECRET_KEY": "storage",
    "ALERT_URLS": "alerts",
    "ALERTMANAGER_WEBHOOK_URL": "webhook",
    "CONSOLE_USER": "console",
}
#: What `show` tells: who is asked for them is a person.
LOGINS = {"console": "CONSOLE_PASSWORD", "flower": "FLOWER_PASSWORD", "grafana": "GRAFANA_PASSWORD"}
_DEFAULTS = {"CONSOLE_USER": "farm"}


@dataclass(frozen=True)
class Derived:
    """A file that is made of one password, as its reader wants it."""

    group: str
    password: str
    worded: Callable[[str], str]


def _database(role: str, host: str = "timescaledb", database: str = "tapefarm") -> Callable[[str], str]:
    return lambda password: f"postgresql+psycopg2://{role}:{quote(password, safe='')}@{host}:5432/{database}"


def _redis(host: str) -> Callable[[str], str]:
    return lambda password: f"redis://:{quote(password, safe='')}@{host}:6379/0"


def _configuration(password: str) -> str:
    """For redis-server, which would show a password of its command line to everybody; each byte as it reads any."""
    return 'requirepass "' + "".join(f"\\x{byte:02x}" for byte in password.encode()) + '"'


DERIVED = {
    "database_owner_url": Derived("owner", "POSTGRES_PASSWORD", _database("tapefarm")),
    "database_url": Derived("writer", "POSTGRES_WRITER_PASSWORD", _database(roles.WRITER)),
    "database_console_url": Derived("console-role", "POSTGRES_CONSOLE_PASSWORD", _database(roles.CONSOLE)),
    "database_backup_url": Derived("backup", "POSTGRES_BACKUP_PASSWORD", _database(roles.BACKUP)),
    "database_drill_url": Derived("backup", "POSTGRES_BACKUP_PASSWORD", _database("tapefarm", "drill", "postgres")),
    "redis_url": Derived("journal", "REDIS_PASSWORD", _redis("redis")),
    "redis.conf": Derived("journal", "REDIS_PASSWORD", _configuration),
    "broker_url": Derived("broker", "BROKER_PASSWORD", _redis("broker")),
    "broker.conf": Derived("broker", "BROKER_PASSWORD", _configuration),
}
#: file -> the group that may read it.
FILES = {name.lower(): group for name, group in {**MADE, **GIVEN}.items()} | {name: one.group for name, one in DERIVED.items()}


def make(folder: Path, environ: Mapping[str, str], groups: Mapping[str, int] | None = None) -> list[str]:
    """Writes all files; returns the variables whose values were made now. A password that is there already stays, unless .env says another."""
    gids = GROUPS if groups is None else groups
    values, new = {}, []
    for variable in MADE:
        path = folder / variable.lower()
        kept = path.read_text(encoding="utf-8") if path.exists() else ""
        if not (environ.get(variable) or kept):
            new.append(variable)
        values[variable] = environ.get(variable) or kept or secrets.token_hex(20)
    values |= {variable: environ.get(variable) or _DEFAULTS.get(variable, "") for variable in GIVEN}
    texts = {variable.lower(): value for variable, value in values.items()}
    texts |= {name: one.worded(values[one.password]) for name, one in DERIVED.items()}
    for name, text in texts.items():
        _write(folder / name, text, gids[FILES[name]])
    return new


def _write(path: Path, text: str, group: int) -> None:
    """Never half a file, and never one that others may read for a moment."""
    draft = path.with_name(f".{path.name}.new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400), "w", encoding="utf-8") as file:
        os.fchown(file.fileno(), -1, group)
        os.fchmod(file.fileno(), 0o440)
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def main(arguments: Sequence[str], folder: Path = FOLDER, environ: Mapping[str, str] = os.environ) -> int:
    asked, *names = arguments or ["make"]
    try:
        if asked == "make":
            new = make(folder, environ)
            sys.stdout.write(f"Made: {', '.join(new)}. `docker compose run --rm secrets show` tells what you log in with.\n" if new else "")
            return 0
        if asked == "show" and set(names) <= set(LOGINS):
            for name in names or LOGINS:
                sys.stdout.write(f"{name}: {(folder / LOGINS[name].lower()).read_text(encoding='utf-8')}\n")
            return 0
    except OSError as exc:
        sys.stderr.write(f"{exc.filename or folder}: {exc.strerror}. The volume `secrets` is to belong to this container's user.\n")
        return 1
    sys.stderr.write(f"make, or show {' | '.join(LOGINS)}\n")
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
