"""The choice of what to record: markets that are open, the largest by what farm.toml asks for. Must not know HTTP."""

import heapq
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

import msgspec

from core.venue import Reply, Request, Universe, Wanted
from venues import options
from venues.decoding import UNREADABLE
from venues.errors import BadReply
from venues.kalshi import wire_rest
from venues.kalshi.replies import follow, microseconds, request, rows_of

#: [venues.kalshi.universe] of farm.toml. `series`: only of these; `closes_within_hours`: only what ends so soon, 0 for all;
#: `combos`: multivariate events too, of which there are very many.
OPTIONS: dict[str, Any] = {"by": "volume_24h", "series": (), "closes_within_hours": 0.0, "combos": False}
_BY = ("volume_24h", "volume", "open_interest", "soonest")
_NAME, _PATH = "universe", "/markets"
_PAGE = 1000
#: 115,000 markets were open in 2026, combos left out.
_PAGES = 400
_RANKED = msgspec.json.Decoder(wire_rest.Ranked, strict=False)


def requests(wanted: Wanted) -> Sequence[Request]:
    chosen = _checked(wanted)
    every: dict[str, str | int] = {"status": "open", "limit": _PAGE}
    if not chosen["combos"]:
        every["mve_filter"] = "exclude"
    narrowed = [{**every, "series_ticker": series} for series in chosen["series"]] or [every]
    return [request(_NAME, _PATH, params) for params in narrowed]


def _checked(wanted: Wanted) -> dict[str, Any]:
    chosen = options.checked(wanted.options, OPTIONS)
    if chosen["by"] not in _BY:
        raise ValueError(f"by = {chosen['by']!r}: give one of {', '.join(_BY)}")
    if not chosen["closes_within_hours"] >= 0:
        raise ValueError(f"closes_within_hours = {chosen['closes_within_hours']!r}: give 0 or more")
    return chosen


def rank(replies: Iterable[Reply], wanted: Wanted) -> Sequence[str]:
    """Holds as many as are wanted, whatever the length of the walk."""
    chosen = _checked(wanted)
    pages = iter(replies)
    first = next(pages, None)
    if first is None:
        raise BadReply("ranking needs a list of markets, and has none")
    found = heapq.nlargest(wanted.top, _scored(first, pages, chosen["by"], chosen["closes_within_hours"] * 3.6e9))
    return list(dict.fromkeys(ticker for _, ticker in found))


def _scored(first: Reply, pages: Iterator[Reply], by: str, within_us: float) -> Iterator[tuple[float, str]]:
    for reply in chain((first,), pages):
        for raw in rows_of(reply, "markets"):
            try:
                one = _RANKED.decode(raw)
            except UNREADABLE:
                continue  # of no use here, and rejected by name where markets are stored
            closes_us = microseconds(one.close_time)
            if within_us and (closes_us is None or closes_us - reply.received_us > within_us):
                continue
            yield _score(one, by, closes_us), one.ticker


def _score(one: wire_rest.Ranked, by: str, closes_us: int | None) -> float:
    if by == "soonest":
        return -float(closes_us or 2**62)
    found = {"volume_24h": one.volume_24h_fp, "volume": one.volume_fp, "open_interest": one.open_interest_fp}[by]
    return -1.0 if found is None else found


UNIVERSE = Universe(requests, rank, follow=follow(_NAME, _PATH), max_pages=_PAGES)
