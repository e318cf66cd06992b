"""Methods about this moment: instruments, tickers, books, summaries, indices."""

from typing import Any

import numpy as np

from sandbox.deribit import rpc
from sandbox.deribit.channels import CURRENCIES, INDICES, INTERVALS, TRADE_KINDS
from sandbox.deribit.rpc import Params
from sandbox.deribit.universe import WIDE_ABOVE, Listing
from sandbox.deribit.venue import Deribit
from sandbox.deribit.wire import contract_size

DEPTHS = (1, 5, 10, 20, 50, 100, 1000, 10000)
REST = len(INTERVALS)  # in the place of an interval: a ticker that was asked for


class Snapshots:
    def __init__(self, venue: Deribit) -> None:
        self._venue = venue

    def status(self, params: Params) -> dict[str, Any]:
        locked = self._venue.faults.first("maintenance") is not None
        return {"locked": "true" if locked else "false", "locked_indices": []}

    def currencies(self, params: Params) -> list[dict[str, Any]]:
        names = {"BTC": "Bitcoin", "ETH": "Ethereum", "USDC": "USD Coin", "USDT": "Tether USD", "EURR": "EURR"}
        rest = {"fee_precision": 4, "min_confirmations": 1, "withdrawal_fee": 0.0, "min_withdrawal_fee": 0.0}
        return [{"currency": name, "currency_long": long, "coin_type": name, **rest} for name, long in names.items()]

    def instruments(self, params: Params) -> list[dict[str, Any]]:
        kind = params.text("kind", "any", tuple(TRADE_KINDS))
        currency = params.text("currency", "any", CURRENCIES)
        expired = params.flag("expired")
        return [
            info(listing, number)
            for number, listing in enumerate(self._venue.listings)
            if (listing.state in ("open", "locked", "halted")) != expired
            and listing.kind in TRADE_KINDS[kind]
            and currency in ("any", listing.currency)
        ]

    def symbol(self, params: Params) -> int:
        found = self._venue.index.get(params.text("instrument_name"))
        if found is None:
            raise rpc.not_found()
        return found

    def instrument(self, params: Params) -> dict[str, Any]:
        symbol = self.symbol(params)
        return info(self._venue.listings[symbol], symbol)

    def ticker(self, params: Params) -> dict[str, Any]:
        symbol = self.symbol(params)
        rows = self._venue.tickers.records(np.array([symbol]), self._venue.clock.now_us(), REST)
        self._venue.record("tickers", rows)
        return self._venue.tickers.data(rows[0])

    def order_book(self, params: Params) -> dict[str, Any]:
        symbol, depth = self.symbol(params), params.number("depth", 5)
        if depth not in DEPTHS:
            raise rpc.invalid("depth", "must be one of 1, 5, 10, 20, 50, 100, 1000, 10000")
        return self.ticker(params) | self._venue.book_feed.window(symbol, depth)

    def book_summaries(self, params: Params) -> list[dict[str, Any]]:
        currency = params.text("currency", None, CURRENCIES[:-1])
        kind = params.text("kind", "any", tuple(TRADE_KINDS))
        return self._summaries(
            [
                symbol
                for symbol, listing in enumerate(self._venue.listings)
                if listing.state == "open" and listing.currency == currency and listing.kind in TRADE_KINDS[kind]
            ]
        )

    def book_summary(self, params: Params) -> list[dict[str, Any]]:
        return self._summaries([self.symbol(params)])

    def _summaries(self, symbols: list[int]) -> list[dict[str, Any]]:
        rows = self._venue.tickers.records(np.array(symbols, np.int64), self._venue.clock.now_us(), REST)
        return [
            self._summary(self._venue.listings[symbol], self._venue.tickers.data(row)) for symbol, row in zip(symbols, rows, strict=True)
        ]

    def _summary(self, listing: Listing, ticker: dict[str, Any]) -> dict[str, Any]:
        bid, ask, stats = ticker["best_bid_price"], ticker["best_ask_price"], ticker["stats"]
        body = {
            "instrument_name": listing.name,
            "base_currency": listing.base,
            "quote_currency": quote_currency(listing),
            "bid_price": bid,
            "ask_price": ask,
            "mid_price": round((bid + ask) / 2, 8) if bid and ask else None,
            "mark_price": ticker["mark_price"],
            "last": ticker["last_price"],
            "open_interest": ticker["open_interest"],
            "high": stats["high"],
            "low": stats["low"],
            "volume": stats["volume"],
            "price_change": stats["price_change"],
            "creation_timestamp": ticker["timestamp"],
            "estimated_delivery_price": ticker["estimated_delivery_price"],
        }
        extra = ("mark_iv", "underlying_price", "underlying_index", "interest_rate", "current_funding", "funding_8h")
        return body | {"volume_usd": stats.get("volume_usd", 0.0)} | {name: ticker[name] for name in extra if name in ticker}

    def index_price(self, params: Params) -> dict[str, Any]:
        price = self._venue.timers.index_price(params.text("index_name", None, tuple(INDICES)))
        return {"index_price": price, "estimated_delivery_price": price}

    def index_price_names(self, params: Params) -> list[str]:
        return list(INDICES)


def quote_currency(listing: Listing) -> str:
    if listing.linear:
        return "USDC"
    return "USD" if listing.kind == "future" else listing.base


def info(listing: Listing, number: int) -> dict[str, Any]:
    grid = listing.grid
    tick = grid.tick / 10**grid.decimals
    wide = [{"above_price": WIDE_ABOVE, "tick_size": 5 * tick}] if listing.coin_priced else []
    body: dict[str, Any] = {
        "instrument_name": listing.name,
        "instrument_id": 100_000 + number,
        "kind": listing.kind,
        "base_currency": listing.base,
        "quote_currency": quote_currency(listing),
        "counter_currency": "USDC" if listing.linear else "USD",
        "settlement_currency": "USDC" if listing.linear else listing.base,
        "settlement_period": "day" if listing.period == "short" else listing.period,
        "instrument_type": "linear" if listing.linear else "reversed",
        "creation_timestamp": listing.created_ms,
        "expiration_timestamp": listing.expiry_ms,
        "tick_size": tick,
        "tick_size_steps": wide,
        "contract_size": contract_size(listing),
        "min_trade_amount": grid.lot / 10**grid.amount_decimals,
        "maker_commission": 0.00015 if listing.kind == "future" else 0.0003,
        "taker_commission": 0.00035 if listing.kind == "future" else 0.0003,
        "block_trade_commission": 0.00025,
        "block_trade_min_trade_amount": 250 * grid.lot / 10**grid.amount_decimals,
        "block_trade_tick_size": tick,
        "price_index": listing.price_index,
        "rfq": False,
        "state": listing.state,
        "is_active": listing.state == "open",
    }
    if listing.kind == "option":
        body |= {"option_type": "call" if listing.side == "C" else "put", "strike": listing.strike}
    if listing.kind == "future":
        body |= {"max_leverage": 50, "max_liquidation_commission": 0.0075, "future_type": body["instrument_type"]}
    return body
