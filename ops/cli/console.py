"""How the commands talk: results on stdout, progress and failures on stderr."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.text import Text

#: Columns where there is no terminal to ask: in a file or a pipe no table should be cut.
_WIDTH = 200

out = Console(highlight=False, emoji=False, soft_wrap=True, width=None if sys.stdout.isatty() else _WIDTH)
err = Console(stderr=True, highlight=False, emoji=False, soft_wrap=True, width=None if sys.stderr.isatty() else _WIDTH)


def cell(value: object) -> Text:
    """What a venue or a user named, in a table: neither markup nor anything that a terminal would act upon. None is a dash."""
    text = "–" if value is None else str(value)
    return Text("".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text))


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
