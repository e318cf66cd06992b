"""The pairs of both venues: listed, their books put as the script has them, moved, frozen and resolved on command, and the truth about them.

DIR/ledger/pairs.json    seed, day of the start, and the truth as it is now
DIR/ledger/pairs.jsonl   what was done to which pair, and when it was asked of the venues
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sandbox.config import Config
from sandbox.engine import Clock, Pace
from sandbox.ledger import Lines, read_json, write_json
from sandbox.pairs.costs import Book
from sandbox.pairs.questions import MOST, question
from sandbox.pairs.scripts import AWAY, CROSS, NO, OVER, REST, VOID, WIDE, YES, Books, kind_of, script
from sandbox.pairs.truth import Host, Pair, truth

log = logging.getLogger(__name__)
RESULTS = (YES, NO, VOID)
FROZEN_SECONDS = 86_400.0
#: Each book says something so often, far from where anybody trades: a bid of YES at a cent, of one size or the other. Without it a connection
#: of nothing but pairs would look dead.
BREATH_SECONDS, FLOOR, BREATHS = 5.0, 100, (10, 20)


class BadCommand(ValueError):
    """It names no step that these pairs have."""


class Arena:
    def __init__(self, hosts: tuple[Host, Host], config: Config, started_us: int, count: int, seed: int) -> None:
        self.clock, self.pace = Clock(), Pace(0)
        self._hosts, self._seed, self._started_us = hosts, seed, started_us
        self._path = config.root / "ledger" / "pairs.json"
        self._lines = Lines(config.root / "ledger" / "pairs.jsonl")
        self._every_us = int(config.pair_seconds * 1e6)
        self._turn, self._turned_us = 0, self.clock.now_us()
        self._breaths, self._breathing_us = 0, self.clock.now_us()
        self.pairs = [self._made(place) for place in range(count)]
        self._unsaved = True

    def _made(self, place: int) -> Pair:
        kind = kind_of(place)
        asked = question(place, self._started_us, inverted=kind == "inverted", differs=kind == "rules")
        terms = self._hosts[0].terms(asked.topic), self._hosts[1].terms(asked.topic)
        return Pair(place + 1, asked, script(place, self._seed, terms))

    def open(self, saved: Sequence[Mapping[str, Any]]) -> None:
        """List what is not listed yet and put the books. A life or a freeze that was under way ended with the process."""
        for pair, told in zip(self.pairs, saved, strict=False):
            pair.phase = REST if told["phase"] == CROSS else told["phase"]
            pair.script.results = tuple(told["results"][host.name] for host in self._hosts)
        for host in self._hosts:
            host.list_all([pair.asked for pair in self.pairs], self.clock.now_us())
        for pair in self.pairs:
            if pair.phase != OVER:
                self._put(pair, pair.script.phases[pair.phase])
        self.keep_house()

    def _put(self, pair: Pair, books: Books) -> None:
        for host, book in zip(self._hosts, books, strict=True):
            host.put(pair.asked, book._replace(bids=(*book.bids, (FLOOR, BREATHS[pair.breaths % 2]))))

    # --- the truth

    def told(self) -> dict[str, Any]:
        return {"seed": self._seed, "started_us": self._started_us, "pairs": [truth(pair, self._hosts) for pair in self.pairs]}

    # --- commands

    def act(self, command: Mapping[str, Any]) -> dict[str, Any]:
        """One step of all pairs that are named, or that have it. Raises BadCommand, and then has done nothing."""
        step = command.get("do")
        unknown = set(command) - {"do", "pairs", "kind", *({"results", "disputed"} if step == "resolve" else ())}
        if unknown:
            raise BadCommand(f"{step} takes no {', '.join(sorted(unknown))}")
        chosen = self._chosen(step, command.get("pairs"), command.get("kind"))
        if step == "resolve":
            results, disputed = self._ends(command.get("results") or {}, command.get("disputed"))
            for pair in chosen:
                self._resolve(pair, results, disputed)
        else:
            steps = {"cross": self._cross, "part": self._part, "widen": self._widen, "move": self._move}
            steps |= {"freeze": self._freeze, "thaw": self._thaw}
            for pair in chosen:
                steps[str(step)](pair)
        self._unsaved = True
        return {"do": step, "pairs": [pair.number for pair in chosen]}

    def _chosen(self, step: Any, numbers: Any, kind: Any) -> list[Pair]:
        able = {pair.number: pair for pair in self.pairs if pair.phase != OVER and step in (*pair.script.steps, "resolve")}
        if numbers is not None and (not isinstance(numbers, list) or any(number not in able for number in numbers)):
            raise BadCommand(f"{step!r} is a step of pairs {sorted(able)[:50]}")
        found = [pair for pair in able.values() if kind in (None, pair.script.kind) and (numbers is None or pair.number in numbers)]
        if not found:
            raise BadCommand(f"no pair has the step {step!r}")
        return found

    def _ends(self, results: Any, disputed: Any) -> tuple[dict[str, str], list[str] | None]:
        names = [host.name for host in self._hosts]
        if not isinstance(results, dict) or not set(results) <= set(names) or not set(results.values()) <= set(RESULTS):
            raise BadCommand(f"results: of {' and '.join(names)}, each one of {', '.join(RESULTS)}")
        if disputed is not None and (not isinstance(disputed, list) or not set(disputed) <= set(names)):
            raise BadCommand(f"disputed: a list of {' and '.join(names)}")
        return results, disputed

    # --- steps

    def _cross(self, pair: Pair) -> None:
        pair.until_us = self.clock.now_us() + int(pair.script.life_seconds * 1e6)
        self._enter(pair, CROSS)

    def _part(self, pair: Pair) -> None:
        pair.until_us = 0
        self._enter(pair, REST)

    def _widen(self, pair: Pair) -> None:
        self._enter(pair, WIDE)

    def _move(self, pair: Pair) -> None:
        self._enter(pair, AWAY)

    def _enter(self, pair: Pair, phase: str) -> None:
        pair.phase = phase
        self._put(pair, pair.script.phases[phase])
        self._note(phase, pair)

    def _freeze(self, pair: Pair) -> None:
        """One venue goes on trading the market and tells nobody of its book."""
        if pair.frozen is None:
            host, now_us = self._hosts[pair.script.struck or 0], self.clock.now_us()
            pair.frozen = host.faults.add({"kind": "freeze", "symbols": host.symbols(pair.asked), "seconds": FROZEN_SECONDS}, now_us)
            self._note("frozen", pair, venue=host.name)

    def _thaw(self, pair: Pair) -> None:
        if pair.frozen is not None:
            host = self._hosts[pair.script.struck or 0]
            host.faults.clear(pair.frozen.id)
            pair.frozen = None
            self._note("thawed", pair, venue=host.name)

    def _resolve(self, pair: Pair, results: Mapping[str, str], disputed: list[str] | None) -> None:
        """Who made the books leaves, then both venues go the way to their results, each at its own pace."""
        self._thaw(pair)
        for host in self._hosts:
            host.put(pair.asked, Book())
        pair.phase, pair.until_us = OVER, 0
        names = [host.name for host in self._hosts]
        told = tuple(results.get(name, result) for name, result in zip(names, pair.script.results, strict=True))
        pair.script.results = told  # type: ignore[assignment]
        contested = [own if disputed is None else name in disputed for name, own in zip(names, pair.script.disputed, strict=True)]
        for host, result, turned in zip(self._hosts, told, contested, strict=True):
            host.end(pair.asked, result, disputed=turned)
        self._note("resolving", pair, results=dict(zip(names, told, strict=True)), disputed=contested)

    # --- the beat

    def tick(self) -> None:
        now_us = self.clock.now_us()
        if self._every_us and now_us - self._turned_us >= self._every_us:
            self._turned_us = now_us
            self._begin_life()
        self._breathe(now_us)
        for pair in self.pairs:
            if pair.until_us and pair.until_us <= now_us:
                self._part(pair)
                self._unsaved = True

    def _breathe(self, now_us: int) -> None:
        """All pairs in turn, evenly over the time."""
        due = int((now_us - self._breathing_us) * len(self.pairs) / (BREATH_SECONDS * 1e6))
        for place in range(self._breaths, self._breaths + min(due, len(self.pairs))):
            pair = self.pairs[place % len(self.pairs)]
            if pair.phase != OVER:
                pair.breaths += 1
                self._put(pair, pair.script.phases[pair.phase])
        if due:
            self._breaths, self._breathing_us = self._breaths + due, now_us

    def _begin_life(self) -> None:
        """Of the pairs that move, in turn."""
        able = [pair for pair in self.pairs if pair.script.kind == "moving" and pair.phase == REST]
        if able:
            self._cross(able[self._turn % len(able)])
            self._turn, self._unsaved = self._turn + 1, True

    def keep_house(self) -> None:
        if self._unsaved:
            write_json(self._path, self.told())
            self._unsaved = False

    def close(self) -> None:
        self._unsaved = True
        self.keep_house()
        self._lines.close()

    def _note(self, event: str, pair: Pair, **fields: Any) -> None:
        self._lines.add(self.clock.now_us(), event, pair=pair.number, kind=pair.script.kind, **fields)


def open_arena(config: Config, venues: Iterable[Any]) -> Arena | None:
    """The pairs of a new root, or those that stand in its ledger; None where there are none. Raises ValueError without two venues for
    them, and on a number that cannot be."""
    hosts = sorted((venue.paired for venue in venues if hasattr(venue, "paired")), key=lambda host: str(host.name))
    saved = read_json(config.root / "ledger" / "pairs.json")
    if not 0 <= config.pairs <= MOST:
        raise ValueError(f"--pairs: 0 to {MOST}, not {config.pairs}")
    if saved is None and not config.pairs:
        return None
    if len(hosts) != 2:
        if config.pairs:
            raise ValueError("--pairs needs two venues that list pairs: --venues kalshi,polymarket")
        log.warning("pairs of an earlier run stay empty: one of their venues is missing")
        return None
    found = saved or {"seed": config.seed, "started_us": Clock().now_us(), "pairs": []}
    arena = Arena((hosts[0], hosts[1]), config, found["started_us"], len(found["pairs"]) or config.pairs, found["seed"])
    arena.open(found["pairs"])
    return arena
