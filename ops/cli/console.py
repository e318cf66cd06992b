"""How the commands talk: results on stdout, progress and failures on stderr."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


def say(text: str) -> None:
    """A line of progress."""
    err.print(f"  {text}", style="dim", markup=False)


@contextmanager
def step(title: str) -> Iterator[None]:
    """A step that takes a moment: a spinner on a terminal, one line with its time in any case."""
    began = time.monotonic()
    with err.status(title):
        yield
    err.print(f"[green]✓[/] {title} [dim]{time.monotonic() - began:.1f} s[/]")
