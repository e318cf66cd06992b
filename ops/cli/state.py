"""What `./farm up` decided and the other commands need: ports, venues, the environment of the programs. In state.json, for the owner only."""

import dataclasses
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.private import read_private

FILE = "state.json"


@dataclass(frozen=True, slots=True)
class State:
    """`sandboxed`: the venues that the sandbox plays. `environment` is what every program sees; it holds passwords."""

    ports: Mapping[str, int] = field(default_factory=dict)
    venues: tuple[str, ...] = ()
    sandboxed: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)


def load(home: Path, say: Callable[[str], None] = lambda _: None) -> State | None:
    """None when there was no `up` yet. A file that cannot be read is put aside, as only conveniences are lost with it.
    Raises NotPrivate."""
    path = home / FILE
    try:
        return _parsed(json.loads(read_private(path)))
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, AttributeError):
        aside = path.with_suffix(".unreadable")
        path.replace(aside)
        say(f"{path} could not be read; it is now {aside.name}, and ports are chosen anew")
        return None


def save(home: Path, state: State) -> None:
    home.mkdir(parents=True, exist_ok=True)
    draft = home / f".{FILE}.new"
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(dataclasses.asdict(state), file, indent=1, ensure_ascii=False)
    draft.replace(home / FILE)


def _parsed(document: Any) -> State:
    ports = {str(name): int(port) for name, port in document["ports"].items()}
    if not all(0 < port < 65536 for port in ports.values()):
        raise ValueError("not a port")
    environment = {str(name): str(value) for name, value in document["environment"].items()}
    return State(ports, tuple(map(str, document["venues"])), tuple(map(str, document["sandboxed"])), environment)
