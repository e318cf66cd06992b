"""The polls of Kalshi: what is asked how often, and what each reply means. Must not know HTTP, clocks or budgets."""

from core.venue import INSTRUMENTS, UNRESOLVED, Poll
from venues.kalshi import candles, exchange, fees, markets, prices, tape
from venues.kalshi.exchange import kept, requester
from venues.kalshi.replies import follow

#: Two hundred events a page; some twenty thousand are open.
_EVENT_PAGES = 400
#: A thousand trades a page, of three minutes.
_TRADE_PAGES = 100
_LIMITS, _CUTOFF = "account_limits", "historical_cutoff"

POLLS = (
    Poll(markets.SERIES, 3600, markets.request_series, markets.parse_series, queue="metadata"),
    Poll(
        *(markets.EVENTS, 3600, markets.request_events, markets.parse_events),
        queue="metadata",
        follow=markets.follow_events,
        max_pages=_EVENT_PAGES,
    ),
    Poll(
        *(markets.EVENTS_UPDATED, 120, markets.request_updated_events, markets.parse_events),
        queue="metadata",
        follow=markets.follow_updated_events,
        max_pages=_EVENT_PAGES,
    ),
    Poll(markets.SETTLEMENTS, 120, markets.request_settlements, markets.parse_settlements, about=UNRESOLVED),
    Poll(prices.MARKETS, 60, prices.request_markets, prices.parse_markets, about=INSTRUMENTS),
    # The witness asks for these.
    Poll(prices.BOOKS, None, prices.request_books, prices.parse_books, about=INSTRUMENTS, login=True),
    Poll(prices.SNAPSHOTS, 900, prices.request_snapshots, prices.parse_snapshots, about=INSTRUMENTS, login=True),
    Poll(prices.ONE_BOOK, 60, prices.request_each_book, prices.parse_one_book, about=INSTRUMENTS, login=False),
    Poll(tape.TRADES_POLL, 60, tape.request_trades, tape.parse_trades, follow=tape.follow_trades, max_pages=_TRADE_PAGES),
    Poll(candles.POLL, 60, candles.request_candles, candles.parse_candles, about=INSTRUMENTS),
    Poll(exchange.STATUS, 30, exchange.request_status, exchange.parse_status),
    Poll(exchange.SCHEDULE, 3600, exchange.request_schedule, exchange.parse_schedule),
    # Fees as they are stand with series and events.
    Poll(
        *(fees.OF_SERIES, 3600, requester(fees.OF_SERIES, "/series/fee_changes", show_historical="true")),
        fees.parser("series_fee_change_arr"),
        queue="metadata",
    ),
    Poll(
        *(fees.OF_EVENTS, 3600, requester(fees.OF_EVENTS, "/events/fee_changes", limit=1000), fees.parser("event_fee_changes")),
        queue="metadata",
        follow=follow(fees.OF_EVENTS, "/events/fee_changes"),
        max_pages=20,
    ),
    Poll(
        *(_LIMITS, 3600, requester(_LIMITS, "/account/limits"), exchange.parse_allowance),
        login=True,
        allowance=exchange.allowance,
    ),
    Poll(_CUTOFF, 3600, requester(_CUTOFF, "/historical/cutoff"), kept("trades_created_ts")),
    # Asked for where something is missing (history.py).
    Poll(tape.OF_MARKET, None, tape.request_of_market, tape.parse_trades, about=INSTRUMENTS, queue="backfill"),
    Poll(tape.OLD_TRADES, None, tape.request_old_trades, tape.parse_trades, about=INSTRUMENTS, queue="backfill"),
    Poll(candles.OLD, None, candles.request_old_candles, candles.parse_old_candles, about=INSTRUMENTS, queue="backfill"),
)
