"""Which markets are recorded: by slug, by event, the newest, and the largest by volume or liquidity. Must not know HTTP.

Walks come in that order, so that the last, which is the long one, is read no further than it is needed.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import UNSET

from core.venue import Reply, Request, Universe, Wanted
from venues import options
from venues.decoding import UNREADABLE
from venues.errors import BadReply, Unreadable
from venues.polymarket import wire
from venues.polymarket.hosts import GAMMA_EVENTS, GAMMA_MARKETS, PAGE, request
from venues.polymarket.listings import ACTIVE, PAUSED, markets_of, outcomes, page, status
from venues.replies import bad_reply

#: [venues.polymarket.universe]; the README has their meanings.
OPTIONS: Mapping[str, Any] = {
    "by": "volume",
    "tags": (),
    "markets": (),
    "events": (),
    "newest": 0,
    "least_volume": 0.0,
    "least_liquidity": 0.0,
}
_ORDERS = {"volume": "volumeNum", "liquidity": "liquidityNum"}
_NEWEST = "createdAt"
#: 20,000 markets: more than `top` may ask for.
MAX_PAGES = 200
POLL = "universe"

_ONE = msgspec.json.Decoder(wire.GammaMarket, strict=False)
_EVENT = msgspec.json.Decoder(wire.GammaEvent, strict=False)


def requests(wanted: Wanted) -> Sequence[Request]:
    chosen = options.checked(wanted.options, OPTIONS)
    if chosen["by"] not in _ORDERS:
        raise ValueError(f"by = {chosen['by']!r}: give one of {', '.join(_ORDERS)}")
    if not 0 <= chosen["newest"] <= PAGE:
        raise ValueError(f"newest = {chosen['newest']}: give a number from 0 to {PAGE}")
    if bad := [tag for tag in chosen["tags"] if not tag.isdigit()]:
        raise ValueError(f"tags = {bad}: give the ids of tags, which are numbers")
    found = [request(POLL, GAMMA_MARKETS, {"slug": slug, "limit": 1}) for slug in chosen["markets"]]
    found += [request(POLL, GAMMA_EVENTS, {"slug": slug, "limit": 1}) for slug in chosen["events"]]
    for tag in chosen["tags"] or ("",):
        of_tag = {"tag_id": tag} if tag else {}
        if chosen["newest"]:
            newest = {"order": _NEWEST, "ascending": "false", "closed": "false", "limit": chosen["newest"]}
            found.append(request(POLL, GAMMA_MARKETS, newest | of_tag))
    least = {
        name: str(chosen[option])
        for name, option in (("volume_num_min", "least_volume"), ("liquidity_num_min", "least_liquidity"))
        if chosen[option]
    }
    for tag in chosen["tags"] or ("",):
        of_tag = {"tag_id": tag} if tag else {}
        ordered: dict[str, str | int] = {"order": _ORDERS[chosen["by"]], "ascending": "false", "closed": "false", "limit": PAGE}
        found.append(request(POLL, GAMMA_MARKETS, ordered | least | of_tag))
    return found


def follow(reply: Reply) -> Request | None:
    """Only what is ordered by size is walked on."""
    if reply.params.get("order") not in _ORDERS.values():
        return None
    cursor = page(reply).next_cursor
    return request(POLL, GAMMA_MARKETS, {**reply.params, "after_cursor": cursor}) if cursor else None


def rank(replies: Iterable[Reply], wanted: Wanted) -> Sequence[str]:
    """Both tokens of each chosen market, at most `top` markets: named and new ones first, then the largest."""
    chosen = options.checked(wanted.options, OPTIONS)
    several = len(chosen["tags"]) > 1
    first: dict[tuple[str, ...], None] = {}
    sized: dict[tuple[str, ...], float] = {}
    seen = False
    for reply in replies:
        seen = True
        ordered = reply.params.get("order") in _ORDERS.values()
        for size, tokens in _candidates(reply, chosen["by"]):
            if ordered:
                sized[tokens] = size
            else:
                first[tokens] = None
        if ordered and len(sized) > 2 * wanted.top:
            sized = dict(_largest(sized, wanted.top))
        if ordered and not several and len(first.keys() | sized.keys()) >= wanted.top:
            break
    if not seen:
        raise BadReply("no list of markets came")
    markets = dict.fromkeys([*first, *(tokens for tokens, _ in _largest(sized, len(sized)))])
    return [token for tokens in list(markets)[: wanted.top] for token in tokens]


def _largest(sized: Mapping[tuple[str, ...], float], count: int) -> list[tuple[tuple[str, ...], float]]:
    return sorted(sized.items(), key=lambda item: -item[1])[:count]


def _markets(reply: Reply) -> list[msgspec.Raw]:
    events = page(reply).events
    if events is UNSET:
        return markets_of(reply)
    try:
        return [market for raw in events for market in _EVENT.decode(raw).markets]
    except UNREADABLE as exc:
        raise bad_reply(reply, exc) from exc


def _candidates(reply: Reply, by: str) -> list[tuple[float, tuple[str, ...]]]:
    """(size, tokens) of the markets that trade; a broken entry is rejected by name where the list itself is stored."""
    found = []
    for raw in _markets(reply):
        try:
            one = _ONE.decode(raw)
            tokens = tuple(token for token, _ in outcomes(one))
        except (Unreadable, *UNREADABLE):
            continue
        if tokens and status(one) in (ACTIVE, PAUSED):
            found.append(((one.volumeNum if by == "volume" else one.liquidityNum) or 0.0, tokens))
    return found


#: A new market joins within a minute of its listing: Gamma tells of it after seconds, and subscribing takes some.
UNIVERSE = Universe(requests, rank, follow, MAX_PAGES, every_seconds=45)
