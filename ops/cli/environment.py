"""Where settings come from: the process's environment, then `.env`, then what `./farm up` chose."""

import os
import re
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path

from core.private import read_private
from core.secret_files import stem, taken
from core.settings import ROOT, SECRETS, Settings, SettingsError
from ops.cli import state as states
from ops.cli.errors import Refused
from ops.cli.state import State

#: A port is set by hand as FARM_<NAME>_PORT; these are taken otherwise, or the next free ones.
DEFAULT_PORTS = {"postgres": 54329, "redis": 63799, "sandbox": 18080, "flower": 5555, "console": 8000, "health": 8080}

_SETTINGS = {field.name.upper() for field in fields(Settings) if "meaning" in field.metadata}
#: What each venue may have: endpoints, and a login (the state that keeps it is for the owner only).
_OF_A_VENUE = ("_WS_URL", "_REST_URL", "_ARCHIVE_URL", "_CLIENT_ID", "_CLIENT_SECRET", "_KEY_ID", "_PRIVATE_KEY_FILE")
#: They go with DATABASE_URL: another one of it means another database.
_SAME_DATABASE = ("DATABASE_OWNER_URL", "DATABASE_READER_URL", "DATABASE_BACKUP_URL", "DATABASE_DRILL_URL")
_LINE = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)")


def port_variable(name: str) -> str:
    return f"FARM_{name.upper()}_PORT"


def is_setting(name: str) -> bool:
    return bool(
        name in _SETTINGS or name.endswith(_OF_A_VENUE) or stem(name, SECRETS) or name in {port_variable(port) for port in DEFAULT_PORTS}
    )


def names() -> frozenset[str]:
    """Settings and ports; what each venue may have comes on top."""
    return frozenset(_SETTINGS | {port_variable(port) for port in DEFAULT_PORTS})


def given(environ: Mapping[str, str] = os.environ, dotenv: Path = ROOT / ".env") -> dict[str, str]:
    """The settings that the user set, secrets out of their files too; an empty value is none. Raises Refused as `read_dotenv` does, and
    for a file that cannot be used."""
    return _settings_in({**read_dotenv(dotenv), **environ})


def _settings_in(values: Mapping[str, str]) -> dict[str, str]:
    try:
        found = taken(values, SECRETS)
    except SettingsError as exc:
        raise Refused(str(exc), status=2) from None
    return {name: value for name, value in found.items() if value and is_setting(name)}


def home(environ: Mapping[str, str] | None = None) -> Path:
    """The farm's folder, absolute."""
    chosen = given() if environ is None else environ
    return (ROOT / chosen.get("FARM_HOME", ".farm")).absolute()


def current(farm: Path, environ: Mapping[str, str] = os.environ) -> tuple[State, dict[str, str]]:
    """(state, environment) of the farm as it was started last; what the caller's own environment says goes before. Raises Refused."""
    state = states.load(farm)
    if state is None:
        chosen = given(environ)
        if not {"DATABASE_URL", "REDIS_URL"} <= set(chosen):
            raise Refused("This farm has not been started yet: `./farm up` starts it.")
        return State(), {**chosen, "FARM_HOME": str(farm)}
    own = _settings_in(environ)
    known = {name: value for name, value in state.environment.items() if not (name in _SAME_DATABASE and "DATABASE_URL" in own)}
    return state, {**known, **own, "FARM_HOME": str(farm)}


def read_dotenv(path: Path) -> dict[str, str]:
    """NAME=value lines, quotes optional. Raises NotPrivate where others may read them, and Refused with the number of a line that is
    neither that nor a comment."""
    try:
        text = read_private(path)
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as exc:
        raise Refused(f"{path} cannot be read ({exc}).", status=2) from exc
    return parsed(text, str(path))


def parsed(text: str, name: str) -> dict[str, str]:
    """The settings of such a file that is called `name`. Raises Refused."""
    found = {}
    for number, line in enumerate(text.splitlines(), start=1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        match = _LINE.fullmatch(stripped)
        if match is None:
            raise Refused(f"{name}, line {number}: write NAME=value.", status=2)
        found[match[1]] = _unquoted(match[2])
    return found


def _unquoted(value: str) -> str:
    if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
        return value[1:-1]
    return value.partition(" #")[0].rstrip()
