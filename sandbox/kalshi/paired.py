"""Kalshi's side of pairs: how they are listed, what a taker pays, their books, and their ends."""

from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from sandbox.kalshi.books import NO, YES
from sandbox.kalshi.grids import CONTRACT, DOLLAR, STRUCTURES
from sandbox.kalshi.listings import Event, Listing
from sandbox.kalshi.times import date_text
from sandbox.kalshi.wordings import SERIES, series_of, wording
from sandbox.pairs.costs import Book, Terms
from sandbox.pairs.questions import LADDERS, Question

if TYPE_CHECKING:
    from sandbox.kalshi.venue import Kalshi

TAKER_RATE = Fraction(7, 100)
CENT = Fraction(1, 100)
LISTED_DAYS, DAY_US = 20, 86_400_000_000
CLOSES_IN_US = 1_000_000  # after it was told
BASE_VOLUME = 80_000 * CONTRACT  # what is paired is large, so that whoever records the largest markets has it
PAYOUTS = {"yes": DOLLAR, "no": 0, "void": DOLLAR // 2}


class Paired:
    name = "kalshi"

    def __init__(self, venue: "Kalshi") -> None:
        self._venue = venue

    @property
    def faults(self) -> Any:
        return self._venue.faults

    def terms(self, topic: str) -> Terms:
        """A fee is rounded up to the cent, of the whole order; orders are of hundredths of a contract."""
        series = SERIES[topic]
        middle = max(band.step for band in STRUCTURES[series.structure])
        return Terms(TAKER_RATE * Fraction(str(series.fee_multiplier)), CENT, True, middle, 1)

    def list_all(self, questions: Sequence[Question], now_us: int) -> None:
        rows = [self._listing(asked, now_us) for asked in questions if self._ticker(asked) not in self._venue.index]
        if rows:
            self._venue.list_rows(rows)

    def _listing(self, asked: Question, now_us: int) -> Listing:
        universe, told, series = self._venue.universe, wording(asked), series_of(asked)
        universe.series.setdefault(series.ticker, series)
        created_us = now_us - LISTED_DAYS * DAY_US + asked.number * 1_000_003
        event = Event(told.event, series.ticker, told.event_title, date_text(asked.at_us), False, asked.at_us, created_us)
        universe.events.setdefault(told.event, event)
        return Listing(
            name=self._ticker(asked),
            event=told.event,
            series=series.ticker,
            kind="binary",
            sub_title=told.sub_title,
            strike=asked.strike,
            structure=series.structure,
            exchange_index=series.exchange_index,
            created_us=created_us,
            open_us=created_us + 60_000_000,
            close_us=asked.at_us,
            settle_seconds=3,
            status="active",
            activity=0.0,
            base_volume=BASE_VOLUME + asked.number * CONTRACT,
            updated_us=created_us,
            rules=told.rules,
            title=told.title,
            more_rules=told.more_rules,
            strike_type="greater" if asked.topic in LADDERS else "structured",
            scripted=True,
        )

    def _ticker(self, asked: Question) -> str:
        told = wording(asked)
        return f"{told.event}-{told.code}"

    def _row(self, asked: Question) -> Listing:
        return self._venue.universe.markets[self._venue.index[self._ticker(asked)]]

    def ids(self, asked: Question) -> dict[str, Any]:
        """`symbol`: whose price is that of YES."""
        row = self._row(asked)
        about = {"market": row.name, "symbol": row.name, "title": row.title, "closes_us": row.close_us}
        return about | {"status": row.status, "payout": row.value / DOLLAR if row.final else None}

    def symbols(self, asked: Question) -> list[str]:
        return [self._ticker(asked)]

    def put(self, asked: Question, book: Book) -> None:
        sides = {YES: book.bids, NO: book.asks}
        wanted = {side: {price: shares * CONTRACT for price, shares in levels} for side, levels in sides.items()}
        self._venue.scripts.append((self._venue.index[self._ticker(asked)], wanted))

    def end(self, asked: Question, result: str, *, disputed: bool) -> None:
        """It closes early, is determined and, once that has stood or has been turned round, settled."""
        row = self._row(asked)
        row.comes_to, row.contested = PAYOUTS[result], disputed
        row.close_us = row.updated_us = self._venue.clock.now_us() + CLOSES_IN_US
        self._venue.told.close_date_updated(row)
        self._venue.unsaved = True
