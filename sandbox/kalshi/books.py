"""One market's order book and how it moves: bids for YES and bids for NO, never crossed. Places count into the market's price grid.

A NO bid at 1 - p stands here at the price p of YES, which is what somebody pays for YES who takes it.
"""

import random
from typing import NamedTuple

YES, NO = 1, -1
MOST_LEVELS, FEWEST_LEVELS = 40, 3
TRADE_SHARE = 0.12
FRACTIONAL = 0.15  # share of sizes that are no whole contracts
TYPICAL = 4_000  # hundredths of a contract

Side = dict[int, int]  # place in the grid -> hundredths of a contract


class Change(NamedTuple):
    side: int
    place: int
    change: int
    quantity: int  # what stands there afterwards


class Fill(NamedTuple):
    place: int
    size: int
    taker: int  # YES or NO


class Book:
    def __init__(self, places: int, middle: int, rng: random.Random) -> None:
        self._top, self._random = places - 1, rng
        self.sides: dict[int, Side] = {YES: {}, NO: {}}
        middle = min(max(middle, 1), self._top - 1)
        for side, first, step in ((YES, middle - 1, -1), (NO, middle + 1, 1)):
            for distance in range(rng.randint(4, 20)):
                place = first + step * distance
                if 0 <= place <= self._top and rng.random() < 0.8:
                    self.sides[side][place] = self._size()

    def best(self, side: int) -> int | None:
        levels = self.sides[side]
        return (max(levels) if side == YES else min(levels)) if levels else None

    def step(self) -> tuple[list[Change], list[Fill]]:
        """The next thing that happens: an order comes, goes, or takes."""
        taker = self._random.choice((YES, NO))
        if self._random.random() < TRADE_SHARE and len(self.sides[-taker]) > FEWEST_LEVELS:
            return self._take(taker)
        side, chance = self._random.choice((YES, NO)), self._random.random()
        levels = self.sides[side]
        adding = len(levels) < FEWEST_LEVELS or (chance < 0.52 and len(levels) < MOST_LEVELS)
        return [self._add(side) if adding else self._remove(side)], []

    def become(self, wanted: dict[int, Side]) -> list[Change]:
        """What somebody else says stands here. What goes, goes first, so that the sides never cross."""
        gone = [
            (side, place, -count) for side, levels in self.sides.items() for place, count in levels.items() if place not in wanted[side]
        ]
        changes = [self._changed(*one) for one in gone]
        for side, levels in wanted.items():
            moved = [(place, count - self.sides[side].get(place, 0)) for place, count in levels.items()]
            changes += [self._changed(side, place, change) for place, change in moved if change]
        return changes

    def _take(self, taker: int) -> tuple[list[Change], list[Fill]]:
        """The best one or two levels of the other side, each a fill of its own."""
        changes, fills = [], []
        for _ in range(2 if self._random.random() < 0.15 else 1):
            place = self.best(-taker)
            assert place is not None
            standing = self.sides[-taker][place]
            count = standing if self._random.random() < 0.4 else min(standing, self._size())
            changes.append(self._changed(-taker, place, -count))
            fills.append(Fill(place, count, taker))
        return changes, fills

    def _add(self, side: int) -> Change:
        """Near the best price, now and then inside the spread, never through it."""
        best, other, away = self.best(side), self.best(-side), -1 if side == YES else 1
        if best is None:
            best = (self._top // 2 if other is None else other) + away
        place = best + away * (min(int(self._random.expovariate(0.35)), 15) - 1)
        if other is not None and (place - other) * away <= 0:
            place = other + away
        place = min(max(place, 0), self._top)
        if place == other:  # the other side stands at the end of the grid
            return self._remove(-side)
        return self._changed(side, place, self._size())

    def _remove(self, side: int) -> Change:
        levels = self.sides[side]
        place = self._random.choice(list(levels))
        standing = levels[place]
        count = standing if self._random.random() < 0.5 else min(standing, self._size())
        return self._changed(side, place, -count)

    def _changed(self, side: int, place: int, change: int) -> Change:
        quantity = self.sides[side].get(place, 0) + change
        if quantity:
            self.sides[side][place] = quantity
        else:
            del self.sides[side][place]
        return Change(side, place, change, quantity)

    def _size(self) -> int:
        size = max(1, int(TYPICAL * self._random.lognormvariate(0, 1.1)))
        return size if self._random.random() < FRACTIONAL else max(100, size - size % 100)
