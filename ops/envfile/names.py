"""Whether a text is a file of settings as the farm reads one, and which of its names nothing here would read."""

import difflib
import re
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

from core.settings import ROOT
from ops.cli import environment
from venues import VENUES

_COMPOSE_FILES = "docker-compose*.y*ml"
#: Docker's own (COMPOSE_PROFILES, COMPOSE_FILE, DOCKER_HOST).
_DOCKERS = ("COMPOSE_", "DOCKER_")


@cache
def known(root: Path = ROOT) -> frozenset[str]:
    """What `./farm` reads, and what the compose files ask for, one of the operator's own (docker-compose.override.yml) too."""
    example = root / ".env.example"
    listed = re.findall(r"^#([A-Z][A-Z0-9_]*)=", example.read_text(encoding="utf-8"), re.MULTILINE) if example.is_file() else []
    asked = {name for file in root.glob(_COMPOSE_FILES) for name in re.findall(r"\$\{([A-Z][A-Z0-9_]*)", file.read_text(encoding="utf-8"))}
    of_venues = {
        venue.upper() + name.removeprefix("VENUE") for venue in VENUES for name in (*listed, *_ENDPOINTS) if name.startswith("VENUE_")
    }
    return frozenset({*environment.names(), *listed, *asked, *of_venues})


_ENDPOINTS = ("VENUE_WS_URL", "VENUE_REST_URL", "VENUE_ARCHIVE_URL")


def unknown(names: Iterable[str]) -> list[str]:
    """A few words for each that nothing reads, with the name that was perhaps meant; never a value."""
    found = []
    for name in names:
        if name in known() or name.startswith(_DOCKERS):
            continue
        near = difflib.get_close_matches(name.upper(), known(), n=1, cutoff=0.7)
        found.append(f"{name} (perhaps {near[0]}?)" if near else name)
    return found


def differing(one: Mapping[str, str], other: Mapping[str, str]) -> str:
    """The names that two files do not agree on."""
    names = sorted(name for name in {*one, *other} if one.get(name) != other.get(name))
    return ", ".join(names) if names else "comments or order alone"
