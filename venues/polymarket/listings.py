"""Markets and their tokens: Gamma's entries and the frame of a new market into what the farm keeps of them. Must not know HTTP.

A market is a question, its condition id its name; an instrument is a token of it. Figures that move (volume, prices, the time of an
update) are left out, or every look would be a new version.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import UNSET

from core.records import Instrument, Market
from core.venue import Decoded, Rejected, Reply
from venues.decoding import UNREADABLE, Symbol, checked_text, reason_of
from venues.errors import BadFrame, Unreadable
from venues.polymarket import wire
from venues.polymarket.texts import microseconds_of, step, texts
from venues.replies import bad_reply

ACTIVE, PAUSED, CLOSED, RESOLVED, UPCOMING = "active", "paused", "closed", "resolved", "upcoming"
COLLATERAL = "USDC"
#: Kept as the venue says them; what the farm's own columns hold is not repeated.
DOCUMENTED = (
    *("id", "slug", "questionID", "groupItemTitle", "negRisk", "negRiskMarketID", "negRiskOther", "orderMinSize", "orderPriceMinTickSize"),
    *("secondsDelay", "feesEnabled", "feeType", "feeSchedule", "umaResolutionStatus", "umaResolutionStatuses", "version"),
    *("sportsMarketType", "gameStartTime", "closedTime", "resolvedBy", "automaticallyResolved"),
)
_ONE = msgspec.json.Decoder(wire.GammaMarket, strict=False)
_PAGE = msgspec.json.Decoder(wire.GammaPage)
_EVENT = msgspec.json.Decoder(wire.GammaEvent, strict=False)

Listing = tuple[list[Instrument], Market]


def parse_markets(reply: Reply) -> Decoded:
    """A page of a walk, or of chosen markets. It never passes for the whole list."""
    return _listed([(raw, None) for raw in markets_of(reply)])


def parse_events(reply: Reply) -> Decoded:
    """The markets inside each event, which do not repeat it."""
    events = page(reply).events
    if events is UNSET:
        raise bad_reply(reply, "no events")
    found: list[tuple[msgspec.Raw, wire.EventHead | None]] = []
    rejected = []
    for i, raw in enumerate(events):
        try:
            event = _EVENT.decode(raw)
        except UNREADABLE as exc:
            rejected.append(Rejected(i, reason_of(exc)))
        else:
            head = wire.EventHead(event.id, event.slug, event.title, event.series)
            found += [(market, head) for market in event.markets]
    listed = _listed(found)
    return Decoded(instruments=listed.instruments, markets=listed.markets, rejected=[*rejected, *listed.rejected])


def page(reply: Reply) -> wire.GammaPage:
    try:
        return _PAGE.decode(reply.body)
    except UNREADABLE as exc:
        raise bad_reply(reply, exc) from exc


def markets_of(reply: Reply) -> list[msgspec.Raw]:
    """As they stand in a page. Raises BadReply where it has none."""
    markets = page(reply).markets
    if markets is UNSET:
        raise bad_reply(reply, "no markets")
    return markets


def _listed(raws: Sequence[tuple[msgspec.Raw, wire.EventHead | None]]) -> Decoded:
    instruments: list[Instrument] = []
    markets: list[Market] = []
    rejected: list[Rejected] = []
    for i, (raw, event) in enumerate(raws):
        try:
            tokens, market = listing(bytes(raw), event)
        except (Unreadable, *UNREADABLE) as exc:
            rejected.append(Rejected(i, reason_of(exc)))
        else:
            instruments += tokens
            markets.append(market)
    return Decoded(instruments=instruments, markets=markets, rejected=rejected)


def listing(raw: bytes, event: wire.EventHead | None) -> Listing:
    """What an entry of Gamma says; `event` where it stands inside one. Raises Unreadable or what the decoder raises."""
    if b"\\u0000" in raw:
        raise BadFrame("NUL character in a text")
    one = _ONE.decode(raw)
    head = event or (one.events[0] if one.events else wire.EventHead())
    said: Mapping[str, Any] = msgspec.json.decode(raw)
    attributes = {name: said[name] for name in DOCUMENTED if said.get(name) is not None}
    attributes |= {name: value for name, value in (("eventSlug", head.slug), ("eventTitle", head.title)) if value}
    market = Market(
        market_id=one.conditionId,
        title=one.question,
        status=status(one),
        outcomes=outcomes(one),
        rules=one.description,
        event_id=_id(head.id),
        series_id=_id(head.series[0].id) if head.series else None,
        opens_at_us=microseconds_of(one.startDate),
        closes_at_us=microseconds_of(one.endDate),
        resolution_source=one.resolutionSource or None,
        attributes=attributes,
    )
    return _instruments(market, step(one.orderPriceMinTickSize)), market


def _id(value: str | int | None) -> str | None:
    return None if value is None else str(value)


def status(one: wire.GammaMarket) -> str:
    """`active` with `closed` is normal: the first word means "published". A proposed result is no result."""
    if one.closed or one.archived:
        return RESOLVED if one.umaResolutionStatus == "resolved" else CLOSED
    if not one.active:
        return UPCOMING
    return PAUSED if one.acceptingOrders is False else ACTIVE


def outcomes(one: wire.GammaMarket) -> tuple[tuple[str, str], ...]:
    """(token, outcome) in the venue's order. Position ids stand for tokens in markets of the second protocol."""
    second = one.version == "v2" and one.positionIds
    tokens = texts(one.positionIds if second else one.clobTokenIds, "tokens")
    names = texts(one.outcomes, "outcomes")
    if tokens and len(tokens) != len(names):
        raise BadFrame(f"{one.conditionId}: {len(tokens)} tokens and {len(names)} outcomes")
    return tuple((_token(token), name) for token, name in zip(tokens, names, strict=False) if token)


def _token(text: str) -> str:
    return checked_text(msgspec.convert(text, Symbol))


def _instruments(market: Market, tick_size: str | None) -> list[Instrument]:
    return [
        Instrument(
            symbol=token,
            status=market.status,
            quote_asset=COLLATERAL,
            contract_type="outcome",
            tick_size=tick_size,
            attributes={"market_id": market.market_id, "outcome": name},
        )
        for token, name in market.outcomes
    ]


def new_market(row: wire.NewMarket) -> Listing:
    """As far as the frame tells; the list of markets completes it."""
    market = Market(
        market_id=row.market,
        title=row.question,
        status=ACTIVE if row.active else UPCOMING,
        outcomes=tuple(zip(row.assets_ids, row.outcomes, strict=False)),
        rules=row.description,
        event_id=_id(row.event_message.id) if row.event_message else None,
    )
    return _instruments(market, step(row.order_price_min_tick_size)), market
