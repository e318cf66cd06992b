"""What of Deribit is recorded: perpetuals, futures, and the options that matter most. Must not know HTTP.

Options of the venue in farm.toml, [venues.deribit.universe]: `currencies` (whose derivatives), `by` (what ranks options).
"""

from collections.abc import Iterable, Mapping, Sequence

from core.venue import Reply, Request, Universe, Wanted
from venues import options
from venues.decoding import LAST_MS, UNREADABLE
from venues.deribit import wire_rest
from venues.deribit.instruments import ALL_INSTRUMENTS, LIST, ONE, entries
from venues.deribit.summaries import SUMMARY, SUMMARY_DECODER, coin_of, request_summaries
from venues.errors import BadReply
from venues.replies import bad_reply

#: Coins with inverse futures and options in the coin.
COINS = ("BTC", "ETH")
BY = ("open_interest", "volume")
#: 32 connections of one address are allowed, and 4 channels take one for every 200 instruments each: what is renewed needs a second one.
MOST = 1_200
_KNOWN = {"currencies": ("ETH",), "by": "open_interest"}
#: Everything linear stands under it, whatever its coin.
_LINEAR = "USDC"


def chosen(wanted: Wanted) -> tuple[tuple[str, ...], str]:
    """(currencies, what ranks options). Raises ValueError with a sentence."""
    found = options.checked(wanted.options, _KNOWN)
    currencies, by = tuple(dict.fromkeys(found["currencies"])), found["by"]
    if not currencies or not set(currencies) <= set(COINS):
        raise ValueError(f"currencies = {list(currencies)!r}: give one or more of {', '.join(COINS)}")
    if wanted.top > MOST:
        raise ValueError(f"top = {wanted.top}: {MOST} at most, as more would take more connections than the venue allows")
    if by not in BY:
        raise ValueError(f"by = {by!r}: give {' or '.join(BY)}")
    return currencies, by


def requests(wanted: Wanted) -> Sequence[Request]:
    currencies, _ = chosen(wanted)
    return (ALL_INSTRUMENTS, *request_summaries([*currencies, _LINEAR]))


def rank(replies: Iterable[Reply], wanted: Wanted) -> Sequence[str]:
    """Perpetuals, then futures by expiry, then options by the worth of their open interest or volume, those of unknown worth last."""
    currencies, by = chosen(wanted)
    found = list(replies)
    lists = [reply for reply in found if reply.poll == LIST]
    summaries = [reply for reply in found if reply.poll == SUMMARY]
    if len(lists) != 1 or len(summaries) != len(currencies) + 1:
        raise BadReply(f"ranking needs one {LIST} and {len(currencies) + 1} {SUMMARY}, and has {sorted(reply.poll for reply in found)}")
    worth: dict[str, float] = {}
    for reply in summaries:
        worth.update(_worth(reply, by))
    ranked = sorted((_place(one, currencies, worth), one.instrument_name) for one in _open(lists[0], currencies))
    return list(dict.fromkeys(name for _, name in ranked))[: wanted.top]


def _place(one: wire_rest.Instrument, currencies: Sequence[str], worth: Mapping[str, float]) -> tuple[int, float]:
    if one.settlement_period == "perpetual":
        return (0, currencies.index(one.base_currency))
    if one.kind == "future":
        return (1, one.expiration_timestamp or LAST_MS)
    return (2, -worth.get(one.instrument_name, -1.0))


def _open(reply: Reply, currencies: Sequence[str]) -> list[wire_rest.Instrument]:
    found = []
    for raw in entries(reply):
        try:
            one = ONE.decode(raw)
        except UNREADABLE:
            continue  # of no use here, and rejected by name where the list itself is stored
        trades = one.is_active and one.state in (None, "open")
        if trades and one.kind in ("future", "option") and one.base_currency in currencies and "\0" not in one.instrument_name:
            found.append(one)
    if not found:
        raise bad_reply(reply, f"nothing of {', '.join(currencies)} is open")
    return found


def _worth(reply: Reply, by: str) -> dict[str, float]:
    """Options count coins; one price a coin for all, so that within a coin the order is that of the interest or the volume."""
    amounts: dict[str, float] = {}
    prices: dict[str, float] = {}
    for raw in entries(reply):
        try:
            one = SUMMARY_DECODER.decode(raw)
        except UNREADABLE:
            continue  # an instrument of unknown worth, and ranked last
        if one.underlying_price:
            prices.setdefault(coin_of(one.instrument_name), one.underlying_price)
        amount = one.open_interest if by == "open_interest" else one.volume
        if amount is not None:
            amounts[one.instrument_name] = amount
    if not amounts:
        raise bad_reply(reply, f"no {by.replace('_', ' ')} of any instrument")
    return {name: amount * prices.get(coin_of(name), 1.0) for name, amount in amounts.items()}


UNIVERSE = Universe(requests, rank)
