"""Prints read back from the ledger: newest first, by token, and as points in time."""

from collections.abc import Sequence

import numpy as np

from sandbox.history import TradeHistory

POINTS = 10_000


class Tape:
    def __init__(self, history: TradeHistory) -> None:
        self._history = history

    def newest(
        self, symbols: Sequence[int] | None, limit: int, *, before: int = 0, until_s: int = 0, side: int | None = None
    ) -> np.ndarray:
        """At most `limit` prints, latest sequence first; `before` a sequence, in blocks up to `until_s`; `side` 1: sold by the taker."""
        found: list[np.ndarray] = []
        wanted = limit
        for block in self._history.newest_first():
            hit = np.ones(len(block), bool) if symbols is None else np.isin(block["symbol"], symbols)
            if before:
                hit &= block["sequence"] < before
            if until_s:
                hit &= block["chain_s"] <= until_s
            if side is not None:
                hit &= block["buyer_maker"] == side
            rows = block[hit][::-1][:wanted]
            found.append(np.array(rows))
            wanted -= len(rows)
            if wanted <= 0:
                break
        return np.concatenate(found)

    def of_tokens(self, symbols: Sequence[int], limit: int) -> np.ndarray:
        return self.newest(symbols, limit)

    def points(self, symbol: int, start_s: int, end_s: int, step_s: int) -> list[tuple[int, float]]:
        """(second, price of the last print) of each step in which there was one, ascending."""
        rows = self.newest([symbol], POINTS)[::-1]
        seconds = rows["event_us"] // 1_000_000
        rows, seconds = rows[(seconds >= start_s) & (seconds <= end_s)], seconds[(seconds >= start_s) & (seconds <= end_s)]
        if not len(rows):
            return []
        lasts = np.flatnonzero(np.append(np.diff(seconds // step_s) != 0, True))
        return [(int(seconds[place]), float(rows["price"][place])) for place in lasts]
