"""One `up` or `down` at a time on a farm; the lock is lost with its holder, so none can be stale."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ops.cli.errors import Refused
from ops.local.locks import try_exclusive


@contextmanager
def one_at_a_time(home: Path) -> Iterator[None]:
    with try_exclusive(home / "turn.lock") as ours:
        if not ours:
            raise Refused(f"Another `./farm up` or `./farm down` is at work in {home}: wait until it has ended, then try again.")
        yield
