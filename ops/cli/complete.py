"""What the shell offers for a word that is being typed: names that are known without asking anybody."""

from typing import Any

from db.datasets import DATASETS
from ops.cli import environment
from ops.local.supervision import layout_of
from venues import VENUES


def venues(incomplete: str) -> list[str]:
    return [name for name in sorted(VENUES) if name.startswith(incomplete)]


def channels(ctx: Any, incomplete: str) -> list[str]:
    """Of the venue that stands before it."""
    venue = VENUES.get(ctx.params.get("venue") or "")
    names = [*(one.name for one in venue.channels), *(one.name for one in venue.polls)] if venue else []
    return [name for name in names if name.startswith(incomplete)]


def past(ctx: Any, incomplete: str) -> list[str]:
    """What can be read again of the venue that stands before it."""
    venue = VENUES.get(ctx.params.get("venue") or "")
    return [name for name in sorted(venue.histories) if name.startswith(incomplete)] if venue else []


def tables(incomplete: str) -> list[str]:
    return [name for name in DATASETS if name.startswith(incomplete)]


def programs(incomplete: str) -> list[str]:
    """Those that have a log."""
    names = sorted(path.name.removesuffix(".log") for path in layout_of(environment.home()).logs.glob("*.log"))
    return [name for name in names if name.startswith(incomplete)]
