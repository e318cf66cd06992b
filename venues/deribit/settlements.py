"""Settlements and prices of delivery over REST: what is asked, page by page, and what a reply means. Must not know HTTP."""

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from core.records import DELIVERY_PRICES, SETTLEMENTS
from core.venue import Decoded, Reply, Request
from venues.decoding import UNREADABLE, checked_text, constant, floats, integers, microseconds, optional_floats
from venues.deribit import wire_rest
from venues.deribit.replies import asked, request
from venues.deribit.summaries import currencies_of
from venues.errors import BadFrame
from venues.replies import bad_reply, read_each

# --- settlements ------------------------------------------------------------------------------------------------------------

SETTLEMENT_POLL = "get_last_settlements_by_currency"
_TYPES = ("settlement", "delivery")
_ROWS = 1000
#: Everything is settled once a day at 08:00 UTC; two days bridge an outage of the poll.
_REACH_US = 2 * 86_400_000_000
#: The end of a year delivers some hundred instruments of a coin.
SETTLEMENT_PAGES = 10
_LAST_PAGE = ("", "none")

_SETTLEMENT = msgspec.json.Decoder(wire_rest.Settlement)
_PAGE = msgspec.json.Decoder(wire_rest.Reply[wire_rest.SettlementsPage])


def request_settlements(symbols: Sequence[str], now_us: int) -> Sequence[Request]:
    """The newest page of each currency and type."""
    return [_request(currency, type) for currency in currencies_of(symbols) for type in _TYPES]


def _request(currency: str, type: str, continuation: str = "") -> Request:
    params: dict[str, str | int] = {"currency": currency, "type": type, "count": _ROWS}
    return request(SETTLEMENT_POLL, params | ({"continuation": continuation} if continuation else {}), max_bytes=2 << 20)


def follow_settlements(reply: Reply) -> Request | None:
    """The page before this one, while its rows are young."""
    page = _page(reply)
    rows, _ = read_each(page.settlements, _SETTLEMENT, lambda row: None)
    oldest_us = min((row.timestamp * 1000 for row in rows), default=0)
    if page.continuation in _LAST_PAGE or oldest_us < reply.received_us - _REACH_US:
        return None
    return _request(asked(reply, "currency"), asked(reply, "type"), page.continuation)


def _page(reply: Reply) -> wire_rest.SettlementsPage:
    try:
        return _PAGE.decode(reply.body).result
    except UNREADABLE as exc:
        raise bad_reply(reply, exc) from exc


def parse_settlements(reply: Reply) -> Decoded:
    rows, rejected = read_each(_page(reply).settlements, _SETTLEMENT, lambda row: checked_text(row.instrument_name))
    columns = {
        "symbol": [row.instrument_name for row in rows],
        "event_at": microseconds([row.timestamp for row in rows]),
        "received_at": constant(reply.received_us, len(rows)),
        "type": [row.type for row in rows],
        "index_price": optional_floats([row.index_price for row in rows]),
        "mark_price": optional_floats([row.mark_price for row in rows]),
        "position": optional_floats([row.position for row in rows]),
        "profit_loss": optional_floats([row.profit_loss for row in rows]),
        "session_profit_loss": optional_floats([row.session_profit_loss for row in rows]),
        "funding": optional_floats([row.funding for row in rows]),
    }
    return Decoded(rows={SETTLEMENTS.name: columns} if rows else {}, rejected=rejected)


# --- prices of delivery -----------------------------------------------------------------------------------------------------

DELIVERY_POLL = "get_delivery_prices"
_DAYS = 10
_AT_HOUR = 8  # UTC
_DELIVERY = msgspec.json.Decoder(wire_rest.DeliveryPrice)
_DELIVERIES = msgspec.json.Decoder(wire_rest.Reply[wire_rest.DeliveryPrices])


def request_delivery_prices(index_names: Sequence[str]) -> Sequence[Request]:
    return [request(DELIVERY_POLL, {"index_name": name, "offset": 0, "count": _DAYS}, max_bytes=1 << 16) for name in index_names]


def parse_delivery_prices(reply: Reply) -> Decoded:
    try:
        raws = _DELIVERIES.decode(reply.body).result.data
    except UNREADABLE as exc:
        raise bad_reply(reply, exc) from exc
    index = asked(reply, "index_name")
    rows, rejected = read_each(raws, _DELIVERY, lambda row: _delivered_us(row.date))
    columns = {
        "symbol": [index] * len(rows),
        "event_at": integers([_delivered_us(row.date) for row in rows]),
        "received_at": constant(reply.received_us, len(rows)),
        "price": floats([row.delivery_price for row in rows]),
    }
    return Decoded(rows={DELIVERY_PRICES.name: columns} if rows else {}, rejected=rejected)


def _delivered_us(date: str) -> int:
    try:
        day = datetime.strptime(date, "%Y-%m-%d").replace(hour=_AT_HOUR, tzinfo=UTC)
    except ValueError:
        raise BadFrame(f"{date!r} is no date") from None
    return int(day.timestamp()) * 1_000_000
