"""What Kalshi lists: events with their markets into markets and instruments, series with their fees, and what a market came to.

Markets are described by events alone: only there stands their series, and two descriptions of different width would take turns in
the history. Must not know HTTP.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from core.records import RESOLUTIONS, Instrument, Market
from core.venue import Decoded, Rejected, Reply, Request
from venues.decoding import UNREADABLE, checked_text, constant, integers, optional_floats, reason_of
from venues.errors import BadFrame, Unreadable
from venues.kalshi import wire_rest
from venues.kalshi.frames import DETERMINED, DISPUTED, RESOLVED, SOURCE
from venues.kalshi.replies import follow, in_parts, microseconds, request, rows_of
from venues.replies import read_each

#: Two hundred events with all their markets: some megabytes.
_EVENTS_BYTES = 64 << 20
_EVENTS_PAGE = 200
#: An event told as changed since then is asked for again by the next rounds, should one be missed.
_UPDATED_SPAN_S = 600

_EVENT = msgspec.json.Decoder(wire_rest.Event)
_MARKET = msgspec.json.Decoder(wire_rest.Market, strict=False)
_SERIES = msgspec.json.Decoder(wire_rest.Series)
_ENTRY = msgspec.json.Decoder(dict[str, Any])

#: the venue's word -> ours
_STATUSES = {
    "initialized": "upcoming",
    "active": "active",
    "inactive": "paused",
    "closed": "closed",
    "determined": "closed",
    "disputed": "closed",
    "amended": "closed",
    "finalized": "resolved",
}
_SAID = {"determined": DETERMINED, "amended": DETERMINED, "disputed": DISPUTED, "finalized": RESOLVED}


# --- events ---------------------------------------------------------------------------------------------------------------

EVENTS, EVENTS_UPDATED = "events", "events_updated"


def request_events(symbols: Sequence[str], now_us: int) -> Sequence[Request]:
    """All that are open."""
    return [request(EVENTS, "/events", {"status": "open", **_WHOLE}, max_bytes=_EVENTS_BYTES)]


def request_updated_events(symbols: Sequence[str], now_us: int) -> Sequence[Request]:
    """What is new or has changed, whatever its state."""
    since = {"min_updated_ts": now_us // 1_000_000 - _UPDATED_SPAN_S}
    return [request(EVENTS_UPDATED, "/events", {**since, **_WHOLE}, max_bytes=_EVENTS_BYTES)]


_WHOLE: dict[str, str | int] = {"with_nested_markets": "true", "limit": _EVENTS_PAGE}
follow_events = follow(EVENTS, "/events", max_bytes=_EVENTS_BYTES)
follow_updated_events = follow(EVENTS_UPDATED, "/events", max_bytes=_EVENTS_BYTES)


def parse_events(reply: Reply) -> Decoded:
    """Never complete: a page of a walk says nothing of what is not on it, and ended markets say so themselves. Rejected are counted
    over the events and then over the markets within them."""
    markets: list[Market] = []
    instruments: list[Instrument] = []
    rejected: list[Rejected] = []
    place = 0
    for raw in rows_of(reply, "events"):
        try:
            event = _EVENT.decode(raw)
            about = _attributes(raw, wire_rest.OF_EVENT)
        except UNREADABLE as exc:
            rejected.append(Rejected(place, reason_of(exc)))
            place += 1
            continue
        for one in event.markets or ():
            try:
                market, instrument = described(event, about, bytes(one))
                markets.append(market)
                instruments.append(instrument)
            except (Unreadable, *UNREADABLE) as exc:
                rejected.append(Rejected(place, reason_of(exc)))
            place += 1
    return Decoded(instruments=instruments, markets=markets, rejected=rejected)


def described(event: wire_rest.Event, about: Mapping[str, Any], raw: bytes) -> tuple[Market, Instrument]:
    if b"\\u0000" in raw:
        raise BadFrame("NUL character in a text")
    one = _MARKET.decode(raw)
    if one.status not in _STATUSES:
        raise BadFrame(f"unknown status {one.status[:100]!r}")
    ticker = checked_text(one.ticker)
    opens, closes = microseconds(one.open_time), microseconds(one.close_time)
    steps = [step.step for step in one.price_ranges]
    market = Market(
        market_id=ticker,
        title=one.title or f"{event.title} {one.yes_sub_title}".strip(),
        status=_STATUSES[one.status],
        outcomes=((ticker, one.yes_sub_title or "Yes"),),
        rules="\n\n".join(part for part in (one.rules_primary, one.rules_secondary) if part) or None,
        event_id=event.event_ticker,
        series_id=event.series_ticker,
        opens_at_us=opens,
        closes_at_us=closes,
        resolution_source=_sources(event) or None,
        attributes={**_attributes(raw, wire_rest.DOCUMENTED), "event": about},
    )
    instrument = Instrument(
        symbol=ticker,
        status=one.status,
        quote_asset="USD",
        contract_type=one.market_type,
        tick_size=min(steps, key=float) if steps else None,
        lot_size="0.01",
        listed_at_us=opens,
        expires_at_us=closes,
        attributes={"market_id": ticker, "outcome": "Yes", "price_ranges": [msgspec.structs.asdict(step) for step in one.price_ranges]},
        amount_unit="contract",
        price_unit="USD",
    )
    return market, instrument


def _sources(event: wire_rest.Event) -> str:
    return ", ".join(" ".join(filter(None, (source.name, source.url))) for source in event.settlement_sources or ())


def _attributes(raw: bytes | msgspec.Raw, names: Sequence[str]) -> dict[str, Any]:
    entry = _ENTRY.decode(raw)
    return {name: entry[name] for name in names if entry.get(name) is not None}


# --- series ---------------------------------------------------------------------------------------------------------------

SERIES = "series"


def request_series(symbols: Sequence[str], now_us: int) -> Sequence[Request]:
    return [request(SERIES, "/series", max_bytes=64 << 20)]


def parse_series(reply: Reply) -> Decoded:
    """A series is an instrument that is not traded, so that each change of its fees is a row of history."""
    rows: list[Instrument] = []
    rejected: list[Rejected] = []
    for place, raw in enumerate(rows_of(reply, "series")):
        try:
            rows.append(_series(bytes(raw)))
        except (Unreadable, *UNREADABLE) as exc:
            rejected.append(Rejected(place, reason_of(exc)))
    return Decoded(instruments=rows, rejected=rejected)


def _series(raw: bytes) -> Instrument:
    if b"\\u0000" in raw:
        raise BadFrame("NUL character in a text")
    ticker = checked_text(_SERIES.decode(raw).ticker)
    return Instrument(ticker, "listed", contract_type="series", attributes=_attributes(raw, wire_rest.OF_SERIES))


# --- results --------------------------------------------------------------------------------------------------------------

SETTLEMENTS = "settlements"


def request_settlements(market_ids: Sequence[str], now_us: int) -> Sequence[Request]:
    """Where they are while they are recent, and in the archive, which takes over after some months."""
    return [
        request(SETTLEMENTS, path, {"tickers": ",".join(part), "limit": 1000})
        for part in in_parts(market_ids)
        for path in ("/markets", "/historical/markets")
    ]


def parse_settlements(reply: Reply) -> Decoded:
    """What the venue says of the result, until it is final: `disputed` and `amended` markets may still turn."""
    markets, rejected = read_each(rows_of(reply, "markets"), _MARKET, lambda one: checked_text(one.ticker))
    told = [one for one in markets if one.status in _SAID]
    own = reply.received_us
    rows = {
        "symbol": [one.ticker for one in told],
        "event_at": integers([_said_at(one) or own for one in told]),
        "received_at": constant(own, len(told)),
        "source": [SOURCE] * len(told),
        "status": [_SAID[one.status] for one in told],
        "payout": optional_floats([_payout(one) for one in told]),
    }
    still = len(markets) - len(told)
    return Decoded(rows={RESOLUTIONS.name: rows} if told else {}, rejected=rejected, ignored={"no result yet": still} if still else {})


def _said_at(one: wire_rest.Market) -> int | None:
    return microseconds((one.settlement_ts if one.status == "finalized" else None) or one.updated_time)


def _payout(one: wire_rest.Market) -> float | None:
    """Of a contract for YES, in dollars."""
    if one.settlement_value_dollars is not None:
        return one.settlement_value_dollars
    return {"yes": 1.0, "no": 0.0}.get(one.result)
