"""The book of one market, of which its two tokens are mirrors, in the venue's own texts and with its hash.

Prices are counted in units of a ten-thousandth and sizes in millionths of a share, both for the first token: what is bid for the
one at p is offered of the other at 1 - p. A book shows hundredths of a share.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field

from sandbox.polymarket.universe import UNIT, Market

MICRO = 1_000_000
SHOWN = 10_000  # a hundredth of a share
BID, ASK = 1, -1
SIDES = {BID: "BUY", ASK: "SELL"}


def _price_text(units: int) -> str:
    return f"{units / UNIT:.4f}".rstrip("0").rstrip(".")


PRICES = tuple(_price_text(units) for units in range(UNIT + 1))


def size_text(micro: int) -> str:
    """To the hundredth, without zeros behind the point."""
    whole, rest = divmod(micro // SHOWN, 100)
    return f"{whole}.{rest:02d}".rstrip("0") if rest else str(whole)


def exact_text(micro: int) -> str:
    """To the millionth, as prints have it."""
    whole, rest = divmod(micro, MICRO)
    return f"{whole}.{rest:06d}".rstrip("0") if rest else str(whole)


def last_trade_text(units: int) -> str:
    """Three decimals at least; empty before the first trade."""
    return f"{units / UNIT:.{3 if units % 10 == 0 else 4}f}" if units else ""


@dataclass(slots=True)
class Book:
    """`bids` and `asks` of the first token, units -> size; `hashes` of both tokens' states since `changed_ms`, `noted` of those that REST
    has told last; `events` of the flow in that millisecond."""

    bids: dict[int, int] = field(default_factory=dict)
    asks: dict[int, int] = field(default_factory=dict)
    changed_ms: int = 0
    hashes: tuple[str, str] = ("", "")
    noted: list[str] = field(default_factory=lambda: ["", ""])
    events: int = 0

    def set(self, side: int, units: int, micro: int) -> None:
        levels = self.bids if side == BID else self.asks
        if micro < SHOWN:
            levels.pop(units, None)
        else:
            levels[units] = micro

    def events_at(self, now_ms: int) -> int:
        return self.events if self.changed_ms == now_ms else 0

    def steps_to(self, bids: dict[int, int], asks: dict[int, int]) -> list[tuple[int, int, int]]:
        """(side, units, size) of each change that makes this book of it. What goes, goes first, so that the sides never cross."""
        sides = ((BID, self.bids, bids), (ASK, self.asks, asks))
        gone = [(side, units, 0) for side, levels, wanted in sides for units in levels if units not in wanted]
        return gone + [(side, *row) for side, levels, wanted in sides for row in wanted.items() if levels.get(row[0]) != row[1]]

    def size(self, side: int, units: int) -> int:
        return (self.bids if side == BID else self.asks).get(units, 0)

    @property
    def best_bid(self) -> int:
        """0: there is none."""
        return max(self.bids, default=0)

    @property
    def best_ask(self) -> int:
        """UNIT: there is none."""
        return min(self.asks, default=UNIT)

    def top(self, token: int) -> tuple[int, int, int, int]:
        """(bid, its size, ask, its size) of a token; an empty side is (0, 0) or (UNIT, 0)."""
        bid, ask = self.best_bid, self.best_ask
        top = (bid, self.bids.get(bid, 0), ask, self.asks.get(ask, 0))
        return top if token == 0 else (UNIT - ask, top[3], UNIT - bid, top[1])

    def levels(self, token: int) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """(bids from the lowest, asks from the highest): the best stand last, as the venue sends them."""
        bids, asks = sorted(self.bids.items()), sorted(self.asks.items(), reverse=True)
        if token == 0:
            return bids, asks
        return [(UNIT - units, micro) for units, micro in asks], [(UNIT - units, micro) for units, micro in bids]

    def stamp(self, market: Market, now_ms: int) -> None:
        """Take the state as it is now: its time, and the hash of each token."""
        self.changed_ms = now_ms
        self.hashes = (self.hash(market, 0), self.hash(market, 1))

    def hash(self, market: Market, token: int) -> str:
        """SHA-1 of the summary with an empty hash in it, key for key as REST gives it."""
        return hashlib.sha1(self.summary(market, token, "").encode(), usedforsecurity=False).hexdigest()

    def summary(self, market: Market, token: int, digest: str) -> str:
        """The book as REST has it."""
        return (
            f'{{"market":"{market.condition}","asset_id":"{market.tokens[token]}","timestamp":"{self.changed_ms}","hash":"{digest}",'
            f'{self.sides(token)},"min_order_size":"{market.kind.min_size}","tick_size":"{PRICES[market.tick]}",'
            f'"neg_risk":{"true" if market.kind.neg_risk else "false"},"last_trade_price":"{last_trade_text(market.last_trade)}"}}'
        )

    def sides(self, token: int) -> str:
        bids, asks = self.levels(token)
        return f'"bids":[{level_texts(bids)}],"asks":[{level_texts(asks)}]'


def level_texts(levels: Iterable[tuple[int, int]]) -> str:
    return ",".join([f'{{"price":"{PRICES[units]}","size":"{size_text(micro)}"}}' for units, micro in levels])
