"""What happens to a pair: its books in each phase, who is struck by what, and what both venues come to. Pure, drawn from a seed.

A lock that clears its costs does so by CLEAR a share at least, whatever part of it is taken; one that does not lacks SHORT at least.
"""

import random
from dataclasses import dataclass, field
from typing import NamedTuple

from sandbox.pairs.costs import Book, Level, Lock, Terms, best

#: kind -> how many of twenty
SHARES = {"clear": 5, "short": 4, "none": 3, "inverted": 2, "moving": 2, "void": 1, "dispute": 1, "rules": 1, "freeze": 1}
#: each kind once before any comes again
ORDER = tuple(kind for turn in range(max(SHARES.values())) for kind, share in SHARES.items() if turn < share)
REST, CROSS, WIDE, AWAY, OVER = "rest", "cross", "wide", "away", "over"
STEPS = {"moving": ("cross", "part"), "freeze": ("freeze", "widen", "move", "thaw")}
CLEAR, WANTED, SHORT = 120, (150, 250), -20  # ten-thousandths of a dollar a share; more than ten cents apart would look like a mistake
FAR = 900  # how far the other book goes while one is frozen, whose own sides go twice as far apart
MIDDLE, LOW, HIGH = (3_500, 6_500), (2_200, 3_300), (6_700, 7_800)
LIFE_SECONDS = (4.0, 12.0)
YES, NO, VOID = "yes", "no", "void"

Books = tuple[Book, Book]


class Crossing(NamedTuple):
    books: Books
    yes_on: int
    gross: int  # a share, before fees
    step: int


@dataclass
class Script:
    """`struck`: the venue (0, 1) that voids, is disputed, freezes or moves; `results` of both."""

    kind: str
    phases: dict[str, Books]
    results: tuple[str, str]
    struck: int | None = None
    life_seconds: float = 0.0
    steps: tuple[str, ...] = ()
    locks: dict[str, Lock | None] = field(default_factory=dict)  # phase -> the best

    def clears(self, phase: str) -> bool:
        lock = self.locks[phase]
        return lock is not None and lock.edge > 0

    @property
    def disputed(self) -> tuple[bool, bool]:
        return self.kind == "dispute" and self.struck == 0, self.kind == "dispute" and self.struck == 1


def kind_of(number: int) -> str:
    return ORDER[number % len(ORDER)]


def script(number: int, seed: int, terms: tuple[Terms, Terms]) -> Script:
    """Of the `number`th pair, from 0."""
    rng, kind, turn = random.Random(f"{seed} pair {number}"), kind_of(number), number // len(ORDER)
    struck = (turn + number) % 2
    result = rng.choice((YES, NO))
    made = Script(kind, {}, (result, result), struck if kind in ("void", "dispute", "freeze", "moving") else None)
    made.phases = _phases(rng, made, terms, even=ORDER[: number % len(ORDER)].count(kind) % 2 == 0)
    made.locks = {phase: best(books, terms) for phase, books in made.phases.items()}
    made.steps = STEPS.get(kind, ())
    if kind == "void":
        made.results = (VOID, result) if struck == 0 else (result, VOID)
    elif kind == "rules":
        made.results = (YES, NO) if struck else (NO, YES)
    elif kind == "moving":
        made.life_seconds = round(rng.uniform(*LIFE_SECONDS), 1)
    return made


def _phases(rng: random.Random, made: Script, terms: tuple[Terms, Terms], *, even: bool) -> dict[str, Books]:
    if made.kind in ("clear", "void", "dispute", "rules"):
        return {REST: _crossing(rng, terms, MIDDLE, rng.randint(*WANTED)).books}
    if made.kind == "inverted":  # far from a half, where the wrong token looks like a fortune
        within = rng.choice((LOW, HIGH))
        return {REST: _crossing(rng, terms, within, rng.randint(*WANTED)).books if even else _flat(rng, terms, within)}
    if made.kind == "short":
        return {REST: _crossing(rng, terms, MIDDLE, None).books}
    if made.kind == "moving":
        crossing = _crossing(rng, terms, MIDDLE, rng.randint(*WANTED))
        return {REST: _parted(crossing, made.struck or 0), CROSS: crossing.books}
    flat = _flat(rng, terms, MIDDLE)
    if made.kind == "none":
        return {REST: flat}
    struck = made.struck or 0
    frozen, other = flat[struck], flat[1 - struck]
    wide = Book(frozen.shifted(-2 * FAR).bids, frozen.shifted(2 * FAR).asks)
    return {REST: flat, WIDE: _at(struck, wide, other), AWAY: _at(struck, wide, other.shifted(FAR))}


def _at(place: int, one: Book, other: Book) -> Books:
    return (one, other) if place == 0 else (other, one)


def _crossing(rng: random.Random, terms: tuple[Terms, Terms], within: tuple[int, int], wanted: int | None) -> Crossing:
    """Books of which one offers YES below what the other bids: by so much that `wanted` a share is left at least, or, without it, by as
    much as fees eat up and more."""
    step, yes_on = max(one.step for one in terms), rng.randrange(2)
    ask, sizes = rng.randrange(within[0] // step, within[1] // step) * step, [_size(rng) for _ in range(12)]
    gross, each = step, _each(ask, step, sizes, yes_on, terms)
    while wanted is not None and each < wanted:
        gross += step
        each = _each(ask, gross, sizes, yes_on, terms)
    while wanted is None and (more := _each(ask, gross + step, sizes, yes_on, terms)) <= SHORT:
        gross, each = gross + step, more
    deep = wanted is not None and each - step >= CLEAR
    return Crossing(_at(yes_on, *_books(ask, ask + gross, step, sizes, deep=deep)), yes_on, gross, step)


def _each(ask: int, gross: int, sizes: list[int], yes_on: int, terms: tuple[Terms, Terms]) -> float:
    """What is left of the best levels, a share."""
    lock = best(_at(yes_on, Book(asks=((ask, sizes[0]),)), Book(bids=((ask + gross, sizes[1]),))), terms)
    assert lock is not None
    return float(lock.edge / lock.shares) * 10_000


def _books(ask: int, bid: int, step: int, sizes: list[int], *, deep: bool) -> Books:
    """(the book that offers YES, the other one). `deep`: a second level crosses too."""
    asks = [ask, *([ask + step] if deep else []), bid + step, bid + 3 * step]
    bids = [bid, ask - step, ask - 2 * step]
    offers = Book(_levels([ask - step, ask - 3 * step], sizes[2:]), _levels(asks, [sizes[0], *sizes[4:]]))
    return offers, Book(_levels(bids, [sizes[1], *sizes[8:]]), _levels([bid + step, bid + 3 * step], sizes[10:]))


def _levels(prices: list[int], sizes: list[int]) -> tuple[Level, ...]:
    return tuple(zip(prices, sizes, strict=False))


def _parted(crossing: Crossing, moved: int) -> Books:
    """The same with one book moved out of the other's reach."""
    by = crossing.gross + crossing.step
    books = crossing.books
    return _at(moved, books[moved].shifted(by if moved == crossing.yes_on else -by), books[1 - moved])


def _flat(rng: random.Random, terms: tuple[Terms, Terms], within: tuple[int, int]) -> Books:
    """Two books around the same price."""
    step = max(one.step for one in terms)
    middle = rng.randrange(within[0] // step, within[1] // step) * step
    made = []
    for _ in terms:
        sizes, gap = [_size(rng) for _ in range(6)], rng.randint(1, 2)
        bids, asks = ([middle + side * step * (gap + place) for place in range(3)] for side in (-1, 1))
        made.append(Book(_levels(bids, sizes), _levels(asks, sizes[3:])))
    return made[0], made[1]


def _size(rng: random.Random) -> int:
    return 10 * rng.randint(4, 20)
