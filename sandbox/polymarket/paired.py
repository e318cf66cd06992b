"""Polymarket's side of pairs: how they are listed, what a taker pays, their books, and their ends."""

from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from sandbox.pairs.costs import Book, Terms
from sandbox.pairs.questions import Question
from sandbox.polymarket.books import MICRO
from sandbox.polymarket.universe import DAY_MS, KINDS, Market, identified
from sandbox.polymarket.wordings import wording

if TYPE_CHECKING:
    from sandbox.polymarket.venue import Polymarket

FIVE_DECIMALS = Fraction(1, 100_000)
LISTED_DAYS = 20
NOON_ET_MS = 17 * 3_600_000  # of the day on which the question is decided, whenever that is
BUSIEST, VOLUME = 0, 5_000_000.0  # so that whoever records the largest markets has it


class Paired:
    name = "polymarket"

    def __init__(self, venue: "Polymarket") -> None:
        self._venue = venue
        self._found: dict[int, Market] = {}

    @property
    def faults(self) -> Any:
        return self._venue.faults

    def terms(self, topic: str) -> Terms:
        """A fee has five decimals; which way it is rounded, no source says, so it is to the nearest."""
        family = KINDS[topic]
        return Terms(Fraction(str(family.fee_rate)), FIVE_DECIMALS, False, family.tick, family.min_size)

    def list_all(self, questions: Sequence[Question], now_us: int) -> None:
        known = {market.slug: market for market in self._venue.markets if market.scripted}
        first = 1 + max(self._venue.events, default=0)
        rows: list[Market] = []
        for asked in questions:
            market = known.get(slug(asked))
            if market is None:
                market = self._market(asked, len(self._venue.markets) + len(rows), first + len(rows), now_us // 1000)
                rows.append(market)
            self._found[asked.number] = market
        if rows:
            self._venue.take_in(rows)

    def _market(self, asked: Question, number: int, event: int, now_ms: int) -> Market:
        told, family = wording(asked), KINDS[asked.topic]
        created_ms = now_ms - LISTED_DAYS * DAY_MS + asked.number * 1_003
        end_ms = asked.at_us // 1000 // DAY_MS * DAY_MS + NOON_ET_MS
        market = Market(number, asked.topic, event, 0, created_ms, end_ms, family.tick, BUSIEST, slug(asked))
        market.asked, market.rules, market.named, market.scripted = told.title, told.rules, told.outcomes, True
        market.volume = VOLUME
        return identified(market, self._venue.config.seed)

    def _yes(self, asked: Question) -> int:
        return wording(asked).yes

    def ids(self, asked: Question) -> dict[str, Any]:
        """`symbol`: the token whose price is that of the question's YES."""
        market, yes = self._found[asked.number], self._yes(asked)
        about = {"market": market.condition, "symbol": market.tokens[yes], "title": market.title, "closes_us": market.end_ms * 1000}
        about |= {"slug": market.slug, "outcome": market.outcomes[yes], "tokens": list(market.tokens)}
        return about | {"status": market.stage, "payout": None if market.payouts is None else market.payouts[yes]}

    def symbols(self, asked: Question) -> list[str]:
        return list(self._found[asked.number].tokens)

    def put(self, asked: Question, book: Book) -> None:
        """The book of the first token, which may be that of NO."""
        first = book.mirrored() if self._yes(asked) else book
        bids, asks = ({price: shares * MICRO for price, shares in levels} for levels in first)
        self._venue.scripts.append((self._found[asked.number], bids, asks))

    def end(self, asked: Question, result: str, *, disputed: bool) -> None:
        """Proposed, disputed or not, and resolved; what is void pays a half each. A dispute turns what was proposed first."""
        winner = self._yes(asked) if result == "yes" else 1 - self._yes(asked)
        scenario = "fifty" if result == "void" else "disputed" if disputed else "plain"
        self._venue.lifecycle.end(self._found[asked.number], scenario, 1 - winner if scenario == "disputed" else winner)
        self._venue.save_markets()


def slug(asked: Question) -> str:
    letters = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in wording(asked).title.lower())
    return "-".join(filter(None, [*letters.split("-"), str(asked.number + 1)]))
