"""The venue's three REST hosts: paths, and requests with their share of the published limits. Must not know HTTP."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from core.venue import Request

HOSTS = {
    "gamma": "https://gamma-api.polymarket.com",
    "clob": "https://clob.polymarket.com",
    "data": "https://data-api.polymarket.com",
}
GAMMA_MARKETS, GAMMA_EVENTS = "/gamma/markets/keyset", "/gamma/events/keyset"
CLOB_BOOKS, CLOB_MARKET = "/clob/books", "/clob/markets"
DATA_TRADES = "/data/v2/trades"

#: Of a minute, all hosts together; the limits of 10 s (documents of 2026-09) in its measure: the CLOB allows 9,000, others so many fewer.
WEIGHT_PER_MINUTE = 54_000
_WEIGHTS = {
    GAMMA_MARKETS: 30,  # 300
    GAMMA_EVENTS: 18,  # 500
    CLOB_BOOKS: 18,  # 500
    DATA_TRADES: 45,  # 200: 20 a second were fine and 30 were not (probe)
}
#: More are cut without a word.
PAGE = 100


def request(poll: str, path: str, params: Mapping[str, str | int] | None = None, *, body: Any = None, max_bytes: int = 16 << 20) -> Request:
    weight = next((weight for begin, weight in _WEIGHTS.items() if path.startswith(begin)), 1)
    return Request(poll, path, params or {}, weight=weight, max_bytes=max_bytes, body=body)


def chosen(poll: str, name: str, ids: Sequence[str], *, closed: bool) -> Request:
    """Markets by a list of ids: the name is repeated in the address, which a mapping cannot say."""
    flag = "true" if closed else "false"
    return request(poll, f"{GAMMA_MARKETS}?{urlencode([(name, one) for one in ids])}&closed={flag}&limit={PAGE}")
