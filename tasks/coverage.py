"""How whole each hour is: judged anew whenever something has changed that it depends on."""

import logging
import time
from collections.abc import Collection
from contextlib import closing
from typing import Any

from core import capability
from core.capability import VERIFIED, WITNESSED
from core.journal import StreamName
from core.records import KINDS, TRADES
from core.venue import Venue
from db import coverage, engine, outages, subscriptions
from db.coverage import Proof
from db.engine import Connection
from tasks import app, lifecycle, resources
from venues import VENUES

log = logging.getLogger(__name__)

#: Hours of instruments in one transaction, and how long a run goes on; what is left waits for the next one.
MOST_HOURS, RUN_SECONDS = 50_000, 60.0
#: A streamer has opened all its shards so long after its start.
SETTLED_US = 120_000_000


@app.task
def judge() -> dict[str, Any]:
    """Judge what is stale. Result: hours judged, how much is left to the next run, and channels that could not be judged."""
    until, judged, failed = time.monotonic() + RUN_SECONDS, 0, set[tuple[str, str]]()
    with closing(engine.connect(resources.config().database_url, name="tapefarm coverage")) as connection:
        with connection, connection.cursor() as cursor:
            if not coverage.lock(cursor):
                return {"hours": 0, "ended": "another one is at it"}
        with connection, connection.cursor() as cursor:
            _give_up_what_is_gone(cursor)
            coverage.register(cursor)
            coverage.settle_moves(cursor)
            coverage.advance(cursor)
        while time.monotonic() < until and not lifecycle.ending():
            with connection, connection.cursor() as cursor:
                channel = coverage.next_channel(cursor, failed)
            if channel is None:
                break
            try:
                judged += _judge(connection, *channel)
            except engine.UNREACHABLE:
                raise
            except Exception:  # what cannot be said of one channel must not keep the others waiting
                log.exception("a channel cannot be judged venue=%s channel=%s", *channel)
                failed.add(channel)
        with connection, connection.cursor() as cursor:
            left = coverage.waiting(cursor)
    if left:
        log.warning("hours wait to be judged anew, the next run goes on stale=%d", left)
    return {"hours": judged, "stale": left, "failed": sorted(map(":".join, failed))}


def _judge(connection: Connection, venue: str, channel: str) -> int:
    """One part of what is stale of a channel, in one transaction; returns the hours."""
    with connection, connection.cursor() as cursor:
        coverage.take(cursor, venue, channel, most=MOST_HOURS)
        proof = proof_of(venue, channel)
        return coverage.judge(cursor, proof) if proof else 0


def _give_up_what_is_gone(cursor: Any) -> None:
    """Shards that a streamer had and, started anew, has no more: of those no event will ever tell."""
    asking = [StreamName.parse(stream) for stream in subscriptions.asking(cursor)]
    for who, vital in resources.board().vitals("streamer").items():
        _, venue, part, replica = who.split(":")
        if time.time_ns() // 1000 - vital["started_at"] < SETTLED_US:
            continue
        served = {(stream["channel"], stream["shard"]) for stream in vital["streams"]}
        for stream in asking:
            shards = [shard for channel, shard in served if channel == stream.channel]
            if (stream.venue, stream.replica) == (venue, replica) and shards and gone(stream.shard, part, shards):
                log.warning("nobody serves the shard any more, it asks for nothing stream=%s", stream)
                subscriptions.give_up(cursor, str(stream), vital["started_at"])
                outages.give_up(cursor, (stream.venue, stream.channel, stream.shard), stream.replica, vital["started_at"])


def gone(shard: str, part: str, served: Collection[str]) -> bool:
    """Whether a streamer that takes this part and serves these shards has given this one up. Named in another way, it is of a time when
    the work was shared otherwise."""
    shared = any("." in name for name in served)
    if ("." in shard) != shared:
        return True
    return shard not in served and (not shared or shard.partition(".")[0] == part)


def proof_of(venue_name: str, channel_name: str) -> Proof | None:
    """None for what brings no rows, or is not known any more."""
    venue = VENUES.get(venue_name)
    found = next((one for one in capability.of([venue]) if one.channel == channel_name), None) if venue else None
    if venue is None:
        return None
    if found is not None:
        # Of trades a quiet instrument has none; whatever else a socket brings begins with the state as it is.
        silent, follows = found.table == TRADES.name, bool(venue.channel(channel_name).continuous and KINDS[found.table].sequence)
        words = (venue_name, channel_name, found.table, found.state, _of_history(venue, channel_name), silent, follows)
        return Proof(*words, resources.config().gap_lookback_hours)
    history = venue.histories.get(channel_name)
    if history is None:
        return None
    state = _of_history(venue, channel_name)
    return Proof(venue_name, channel_name, history.kind, state, state, may_be_silent=True)


def _of_history(venue: Venue, channel_name: str) -> str:
    """What was read without a hole in its ids is proven by them; what was read page by page, by the venue's word that this was all."""
    history = venue.histories.get(channel_name)
    return VERIFIED if history is not None and history.numbered else WITNESSED
