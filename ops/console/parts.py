"""The parts of the page: what each shows, how old it may be, and what was made last, for all pages together.

A part is named by a key: its name, and for what a person has chosen, behind a colon, what it is about.
"""

import hashlib
import json
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from ops.cli.errors import AWAY
from ops.console import words
from ops.console.farm import Farm
from ops.console.look import Late
from ops.report.status import told

log = logging.getLogger(__name__)

#: Keys that are remembered: the parts of every page, and what has been chosen lately.
MOST = 128
#: Parts that are made at one time; each asks the database at most once at a time.
AT_ONCE = 4
FOLDER = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Shown:
    """`context`: (farm, what it is about) -> names of the template; its `chart`, if any, goes to the page's chart of that name.
    None: there is no such thing."""

    seconds: float
    context: Callable[[Farm, str], dict[str, Any] | None]


@dataclass(frozen=True, slots=True)
class Made:
    """`version` changes when what is shown does."""

    html: str
    chart: Any
    version: str
    at: float


def templates() -> Environment:
    made = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=select_autoescape(),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(words.FILTERS)
    return made


class Parts:
    def __init__(self, farm: Farm, shown: Mapping[str, Shown]) -> None:
        self._farm, self._shown = farm, shown
        self.templates = templates()
        self.pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="console")
        self._made: OrderedDict[str, Made] = OrderedDict()
        self._making: set[str] = set()
        self._lock = threading.Lock()

    def knows(self, key: str) -> bool:
        return key.partition(":")[0] in self._shown

    def made(self, key: str) -> Made | None:
        return self._made.get(key)

    def renew(self, keys: Iterable[str]) -> list[Any]:
        """Begin to make those that are too old and not being made already; returns futures."""
        now, begun = time.monotonic(), []
        with self._lock:
            for key in keys:
                last = self._made.get(key)
                if key not in self._making and (last is None or now - last.at >= self._shown[key.partition(":")[0]].seconds):
                    self._making.add(key)
                    begun.append(key)
        return [self.pool.submit(self._make, key) for key in begun]

    def within(self, keys: list[str], seconds: float) -> dict[str, Made | None]:
        """The newest that can be had in so much time; None of what has never been made before."""
        wait(self.renew(keys), seconds)
        return {key: self._made.get(key) for key in keys}

    def _make(self, key: str) -> None:
        name, _, about = key.partition(":")
        try:
            html, chart = self._rendered(name, about)
        except Exception:
            log.exception("a part of the page could not be made part=%s", name)
            html, chart = self._away("This part of the page failed: `./farm logs console` shows why."), None
        version = hashlib.blake2b(f"{html}{json.dumps(chart)}".encode(), digest_size=8).hexdigest()
        with self._lock:
            self._making.discard(key)
            self._made[key] = Made(html, chart, version, time.monotonic())
            self._made.move_to_end(key)
            while len(self._made) > MOST:
                self._made.popitem(last=False)

    def _rendered(self, name: str, about: str) -> tuple[str, Any]:
        try:
            context = self._shown[name].context(self._farm, about)
        except (*AWAY, Late) as exc:
            log.info("a part of the page is not known part=%s cause=%s", name, type(exc).__name__)
            return self._away(told(exc)), None
        if context is None:
            return self.templates.get_template("nothing.html").render(), None
        return self.templates.get_template(f"{name}.html").render(context), context.get("chart")

    def _away(self, why: str) -> str:
        return self.templates.get_template("away.html").render(why=why)
