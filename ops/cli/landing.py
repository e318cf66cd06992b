"""Waits until rows of every wanted channel are in the database."""

import time
from collections.abc import Callable, Sequence

from core.settings import Settings
from db import queries
from ops.cli.errors import Refused
from venues import VENUES

POLL_SECONDS = 0.25


def wanted(knobs: Settings, venues: Sequence[str]) -> list[tuple[str, str]]:
    """(venue, channel) that farm.toml asks for, of those that become rows; none of a venue whose sockets stay shut without a login."""
    return [
        (venue, channel.name)
        for venue in venues
        if not knobs.lacking(venue, VENUES[venue].login)
        for channel in VENUES[venue].channels
        if channel.kind and (knobs.collect[venue].channels is None or channel.name in (knobs.collect[venue].channels or ()))
    ]


def rows_landed(url: str) -> dict[tuple[str, str], int]:
    """(venue, channel) -> rows written so far, known copies included."""
    landed: dict[tuple[str, str], int] = {}
    for row in queries.rows(url, "stream_offsets"):
        key = (row["venue"], row["channel"])
        landed[key] = landed.get(key, 0) + row["rows"] + row["repeated"]
    return landed


def await_rows(
    url: str, channels: Sequence[tuple[str, str]], before: dict[tuple[str, str], int], timeout_seconds: float, tell: Callable[[str], None]
) -> None:
    """Return once every channel has more rows than before. Raises Refused."""
    deadline = time.monotonic() + timeout_seconds
    while True:
        now = rows_landed(url)
        silent = [":".join(key) for key in channels if now.get(key, 0) <= before.get(key, 0)]
        if not silent:
            return
        if time.monotonic() > deadline:
            raise Refused(
                f"No rows of {', '.join(silent)} after {timeout_seconds:.0f} s; the farm goes on trying. "
                "`./farm status` says what is wrong, `./farm logs NAME` shows what a program says."
            )
        tell(f"waiting for {', '.join(silent)}")
        time.sleep(POLL_SECONDS)
