"""Replies about the exchange and the account: pauses that are under way or announced, what we may ask, and what is kept as sent. Must not know HTTP."""

from collections.abc import Callable, Sequence

import msgspec

from core.records import Pause
from core.venue import Decoded, Reply, Request
from venues.decoding import UNREADABLE
from venues.kalshi import wire_rest
from venues.kalshi.replies import microseconds, request
from venues.replies import bad_reply, read_each

STATUS, SCHEDULE = "exchange_status", "exchange_schedule"
#: What the venue calls its pauses, and what we do where it has no word.
MAINTENANCE, CLOSED, PAUSED = "maintenance window", "exchange closed", "trading paused"

_STATUS = msgspec.json.Decoder(wire_rest.Status)
_SCHEDULE = msgspec.json.Decoder(wire_rest.ScheduleReply)
_ACCOUNT = msgspec.json.Decoder(wire_rest.AccountLimits)
_WINDOW = msgspec.json.Decoder(wire_rest.Window)


def request_status(symbols: Sequence[str], now_us: int) -> Sequence[Request]:
    return [request(STATUS, "/exchange/status")]


def parse_status(reply: Reply) -> Decoded:
    """What is so now. The hour at which the venue means to be back is not counted on: it tells when it is."""
    try:
        found = _STATUS.decode(reply.body)
    except UNREADABLE as exc:
        raise bad_reply(reply, exc) from exc
    if found.exchange_active and found.trading_active:
        return Decoded(pauses=())
    return Decoded(pauses=[Pause(reply.received_us, PAUSED if found.exchange_active else CLOSED)])


def request_schedule(symbols: Sequence[str], now_us: int) -> Sequence[Request]:
    return [request(SCHEDULE, "/exchange/schedule")]


def parse_schedule(reply: Reply) -> Decoded:
    """Windows of maintenance, past and to come."""
    try:
        windows = _SCHEDULE.decode(reply.body).schedule.maintenance_windows
    except UNREADABLE as exc:
        raise bad_reply(reply, exc) from exc
    rows, rejected = read_each(windows, _WINDOW, lambda row: None)
    pauses = [
        Pause(since, MAINTENANCE, until)
        for row in rows
        if (since := microseconds(row.start_datetime)) is not None and (until := microseconds(row.end_datetime)) is not None
    ]
    return Decoded(pauses=pauses or None, rejected=rejected)


def parse_allowance(reply: Reply) -> Decoded:
    allowance(reply)
    return Decoded(ignored={reply.poll: 1})


def allowance(reply: Reply) -> tuple[float, float]:
    """(tokens a second, tokens held) for reads of the account's tier."""
    try:
        read = _ACCOUNT.decode(reply.body).read
    except UNREADABLE as exc:
        raise bad_reply(reply, exc) from exc
    return read.refill_rate, read.bucket_capacity


# --- what no table has a place for ------------------------------------------------------------------------------------------


def kept(key: str) -> Callable[[Reply], Decoded]:
    """A reply that is kept as sent, once it is seen to hold what its endpoint documents under this key."""
    decoder = msgspec.json.Decoder(msgspec.defstruct(f"Kept_{key}", [(key, msgspec.Raw)]))

    def parse(reply: Reply) -> Decoded:
        try:
            decoder.decode(reply.body)
        except UNREADABLE as exc:
            raise bad_reply(reply, exc) from exc
        return Decoded(ignored={reply.poll: 1})

    return parse


def requester(poll: str, path: str, **params: str | int) -> Callable[[Sequence[str], int], Sequence[Request]]:
    return lambda symbols, now_us: [request(poll, path, params)]
