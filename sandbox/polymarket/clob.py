"""The CLOB's reads about tokens: books, prices, and parameters of their market."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sandbox.polymarket.books import PRICES, Book, last_trade_text
from sandbox.polymarket.queries import Query, clob_error
from sandbox.polymarket.universe import UNIT, Market

if TYPE_CHECKING:
    from sandbox.polymarket.venue import Polymarket

BOOKS = 500
NO_BOOK = "No orderbook exists for the requested token id"


class Text(str):
    """An answer that is JSON already, or no JSON at all."""


class Clob:
    def __init__(self, venue: "Polymarket") -> None:
        self._venue = venue
        self.routes: dict[str, Callable[[Query], Any]] = {
            "/ok": lambda _: "OK",
            "/time": lambda _: Text(str(self._now_ms // 1000)),
            "/version": lambda _: {"version": 2},
            "/book": lambda query: Text(self._book(query.text("token_id"))),
            "/midpoint": lambda query: {"mid": self._middle(query.text("token_id"))},
            "/price": lambda query: {"price": self._price(query.text("token_id"), query.text("side"))},
            "/spread": lambda query: {"spread": self._spread(query.text("token_id"))},
            "/last-trade-price": lambda query: self._last(query.text("token_id")),
            "/tick-size": lambda query: {"minimum_tick_size": known(self._venue, query.text("token_id")).tick / UNIT},
            "/neg-risk": lambda query: {"neg_risk": known(self._venue, query.text("token_id")).kind.neg_risk},
            "/fee-rate": lambda query: {"base_fee": 1000 if known(self._venue, query.text("token_id")).kind.fee_rate else 0},
            "/prices-history": self._prices_history,
        }
        #: asked by POST with a list of objects
        self.batches: dict[str, Callable[[list[dict[str, Any]]], Any]] = {
            "/books": self._books,
            "/midpoints": lambda asked: self._each(asked, self._middle),
            "/spreads": lambda asked: self._each(asked, self._spread),
            "/prices": self._prices,
            "/last-trades-prices": lambda asked: [{"token_id": token} | self._last(token) for token in self._present(asked)],
        }

    @property
    def _now_ms(self) -> int:
        return self._venue.clock.now_us() // 1000

    # --- books and prices

    def _state(self, token: str) -> tuple[Market, int, Book]:
        if not token or not token.isdigit():
            raise clob_error(400, "Invalid token id")
        found = self._venue.quoted(token)
        if found is None:
            raise clob_error(404, NO_BOOK)
        return *found, self._venue.flow.book(found[0], self._now_ms)

    def _book(self, token: str) -> str:
        market, side, book = self._state(token)
        self._venue.market_feed.note_book(market, book, side)
        return book.summary(market, side, book.hashes[side])

    def _books(self, asked: list[dict[str, Any]]) -> Text:
        """Tokens without a book are left out without a word."""
        return Text(f"[{','.join([self._book(token) for token in self._present(asked)])}]")

    def _present(self, asked: list[dict[str, Any]]) -> list[str]:
        if len(asked) > BOOKS:
            raise clob_error(400, f"Payload exceeds the limit of {BOOKS}")
        tokens = [row.get("token_id") for row in asked]
        found = [token for token in tokens if isinstance(token, str) and self._venue.quoted(token) is not None]
        absent = self._venue.faults.first("absent")
        if absent is not None:
            gone = [token for token in found if absent.fields["symbol"] in (None, token)][:1]
            absent.take(len(gone))
            found = [token for token in found if token not in gone]
        return found

    def _each(self, asked: list[dict[str, Any]], value: Callable[[str], str]) -> dict[str, str]:
        return {token: value(token) for token in self._present(asked)}

    def _middle(self, token: str) -> str:
        bid, ask = self._top(token)
        return f"{(bid + ask) / 2 / UNIT:.5f}".rstrip("0").rstrip(".")

    def _spread(self, token: str) -> str:
        bid, ask = self._top(token)
        return PRICES[ask - bid]

    def _price(self, token: str, side: str) -> str:
        if side.upper() not in ("BUY", "SELL"):
            raise clob_error(400, "Invalid side")
        return PRICES[self._top(token)[side.upper() == "SELL"]]

    def _prices(self, asked: list[dict[str, Any]]) -> dict[str, dict[str, str]]:
        answer: dict[str, dict[str, str]] = {}
        present = set(self._present(asked))
        for row in asked:
            token = row.get("token_id", "")
            if token in present:
                answer.setdefault(token, {})[str(row.get("side", "BUY"))] = self._price(token, str(row.get("side", "BUY")))
        return answer

    def _top(self, token: str) -> tuple[int, int]:
        _, side, book = self._state(token)
        bid, _, ask, _ = book.top(side)
        return bid, ask

    def _last(self, token: str) -> dict[str, str]:
        market, _, _ = self._state(token)
        rows = self._venue.tape.of_tokens([self._venue.index[token]], 1)
        side = "" if not len(rows) else "SELL" if rows[0]["buyer_maker"] else "BUY"
        return {"price": last_trade_text(market.last_trade) or "0.5", "side": side}

    def _prices_history(self, query: Query) -> dict[str, Any]:
        token = query.text("market")
        if token not in self._venue.index:
            raise clob_error(400, "invalid market")
        now_s = self._now_ms // 1000
        spans = {"1h": 3600, "6h": 6 * 3600, "1d": 86400, "1w": 7 * 86400, "1m": 30 * 86400, "max": now_s}
        if query.text("interval") and query.text("interval") not in spans:
            raise clob_error(400, "invalid interval")
        start_s = query.whole("startTs", now_s - spans[query.text("interval") or "1d"], now_s)
        end_s = query.whole("endTs", now_s, now_s)
        points = self._venue.tape.points(self._venue.index[token], start_s, end_s, 60 * query.whole("fidelity", 1, 1440))
        return {"history": [{"t": second, "p": price} for second, price in points]}


def known(venue: "Polymarket", token: str) -> Market:
    place = venue.index.get(token)
    if place is None:
        raise clob_error(404, "market not found")
    return venue.markets[place // 2]
