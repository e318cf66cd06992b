"""A whole farm as `./farm up` makes it, and the processes of it, for a stage."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench.children import Failed
from bench.servers import CHECKOUT
from ops.cli import state
from ops.cli.errors import Refused
from ops.cli.private import bring_up, private_home

#: A word of its command line -> what a program is called here.
_MARKS = {
    "sandbox": "sandbox",
    "streamers": "streamer",
    "redis-server": "redis",
    "postgres": "postgres",
    "beat": "beat",
    "flower": "flower",
}


@dataclass(frozen=True)
class Farm:
    home: Path
    database_url: str
    ports: Mapping[str, int]

    def processes(self) -> dict[str, list[psutil.Process]]:
        """Every process of the farm under the name of its program; the sandbox, which is the venue, is left out."""
        root = psutil.Process(int((self.home / "run" / "supervisord.pid").read_text()))
        found = {"supervisord": [root]}
        for child in root.children():
            name = _program(child)
            if name != "sandbox":
                found.setdefault(name, []).extend([child, *child.children(recursive=True)])
        return found


def _program(process: psutil.Process) -> str:
    words = process.cmdline()
    names = {Path(word).name for word in words}
    for mark, name in _MARKS.items():
        if mark in names:
            return name
    return f"worker {words[words.index('-Q') + 1]}" if "-Q" in words else Path(words[0]).name


@contextmanager
def farm(say: Callable[[str], None], *options: str, **settings: str) -> Iterator[Farm]:
    """A farm that collects from the sandbox, or from where its settings say, with rows landing."""
    with private_home(CHECKOUT / ".farm" / "bench", say, **settings) as (home, env):
        say(f"./farm up {' '.join(options)}")
        try:
            bring_up(options, env)
        except Refused as exc:
            raise Failed(str(exc)) from exc
        found = state.load(home)
        if found is None:
            raise Failed(f"./farm up left no state in {home}")
        yield Farm(home, found.environment["DATABASE_URL"], found.ports)
