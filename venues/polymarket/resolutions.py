"""Who won, as each source says it: Gamma's list of closed markets and the CLOB's winners. Must not know HTTP or clocks.

Two that agree settle a market. A proposal can still flip and a dispute restarts it: both are kept, neither is a result.
"""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import numpy as np

from core.records import RESOLUTIONS
from core.venue import Decoded, Rejected, Reply, Request
from venues.decoding import UNREADABLE, constant, integers, reason_of
from venues.errors import Unreadable
from venues.polymarket import wire
from venues.polymarket.hosts import CLOB_MARKET, chosen, request
from venues.polymarket.listings import markets_of, outcomes
from venues.polymarket.texts import microseconds_of, texts

POLL = "resolutions"
GAMMA, CLOB = "gamma", "clob"
#: Ids in one request to Gamma: the address stays below 4 KB.
IDS_PER_REQUEST = 50
_HOUR_US = 3_600_000_000
_PENDING = {"proposed": "proposed", "disputed": "disputed"}

_GAMMA = msgspec.json.Decoder(wire.GammaMarket, strict=False)
_CLOB = msgspec.json.Decoder(wire.ClobMarket, strict=False)


class Row(NamedTuple):
    token: str
    event_us: int
    source: str
    status: str
    payout: float | None


def request_resolutions(market_ids: Sequence[str], now_us: int) -> Sequence[Request]:
    """Gamma for fifty at a time, open and closed apart; the CLOB one by one, as its lists cannot be asked for some."""
    parts = [market_ids[i : i + IDS_PER_REQUEST] for i in range(0, len(market_ids), IDS_PER_REQUEST)]
    gamma = [chosen(POLL, "condition_ids", part, closed=closed) for part in parts for closed in (False, True)]
    return [*gamma, *(request(POLL, f"{CLOB_MARKET}/{market_id}", max_bytes=1 << 20) for market_id in market_ids)]


def parse_resolutions(reply: Reply) -> Decoded:
    """A page of Gamma, or one market of the CLOB: the latter names its condition."""
    rows: list[Row] = []
    rejected = []
    try:
        rows += _of_clob(_CLOB.decode(reply.body), reply.received_us)
    except UNREADABLE:
        for i, raw in enumerate(markets_of(reply)):
            try:
                rows += _of_gamma(_GAMMA.decode(raw), reply.received_us)
            except (Unreadable, *UNREADABLE) as exc:
                rejected.append(Rejected(i, reason_of(exc)))
    ignored = {} if rows or rejected else {"nothing decided": 1}
    return Decoded(rows=_columns(rows, reply.received_us) if rows else {}, rejected=rejected, ignored=ignored)


def _columns(rows: Sequence[Row], received_us: int) -> dict[str, dict[str, object]]:
    columns = {
        "symbol": [row.token for row in rows],
        "event_at": integers([row.event_us for row in rows]),
        "received_at": constant(received_us, len(rows)),
        "source": [row.source for row in rows],
        "status": [row.status for row in rows],
        "payout": _payouts([row.payout for row in rows]),
    }
    return {RESOLUTIONS.name: columns}


def _payouts(values: Sequence[float | None]) -> object:
    absent = np.array([value is None for value in values])
    column = np.array([value or 0.0 for value in values])
    return np.ma.MaskedArray(column, absent) if absent.any() else column


def _of_gamma(one: wire.GammaMarket, received_us: int) -> list[Row]:
    tokens = [token for token, _ in outcomes(one)]
    uma = one.umaResolutionStatus or ""
    hour_us = (microseconds_of(one.updatedAt) or received_us) // _HOUR_US * _HOUR_US
    if uma in _PENDING:
        return [Row(token, hour_us, GAMMA, _PENDING[uma], None) for token in tokens]
    paid = _paid(texts(one.outcomePrices, "outcomePrices")) if one.closed and uma in ("", "resolved", "settled") else None
    if paid is None or len(paid) != len(tokens):
        return []
    told = "resolved" if any(paid) else "void"
    closed_us = microseconds_of(one.closedTime) or hour_us
    final = [Row(token, closed_us, GAMMA, told, payout) for token, payout in zip(tokens, paid, strict=True)]
    # A dispute that came and went between two looks stands in the list of all that was said.
    disputed = "disputed" in texts(one.umaResolutionStatuses, "umaResolutionStatuses")
    return final + [Row(token, closed_us, GAMMA, "disputed", None) for token in tokens if disputed]


def _paid(prices: Sequence[str]) -> list[float] | None:
    """Payouts, where the prices are such: one winner, halves, or nothing at all."""
    try:
        values = [float(price) for price in prices]
    except ValueError:
        return None
    final = all(value in (0.0, 0.5, 1.0) for value in values) and sum(values) in (0.0, 1.0)
    return values if final and values else None


def _of_clob(one: wire.ClobMarket, received_us: int) -> list[Row]:
    """Prices of 0 and 1 without a winner prove nothing: pages of old markets are full of them."""
    tokens = [token for token in one.tokens if token.token_id]
    if not one.closed or not (one.is_50_50_outcome or any(token.winner for token in tokens)):
        return []
    # The CLOB does not say since when.
    hour_us = received_us // _HOUR_US * _HOUR_US
    halved = one.is_50_50_outcome
    return [Row(token.token_id, hour_us, CLOB, "resolved", 0.5 if halved else float(token.winner)) for token in tokens]
