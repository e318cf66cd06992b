"""`./farm tail`: ticks as they come, from the journal."""

import json
import os
import select
import sys
import time
from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Any

import typer

from core import redisdb, settings
from core.board import Board
from core.journal import Journal
from core.venue import Venue
from ops.cli import complete, environment
from ops.cli.console import cell, err, out
from ops.cli.errors import Refused
from ops.cli.ticks import Missed, Tick, Ticks
from venues import VENUES

#: Waits so long for something new before it looks whether anybody still listens.
BLOCK_MS = 500
#: Streams that were not there before are looked for so often, and what was missed is told no more often.
STREAMS_SECONDS, MISSED_SECONDS = 5.0, 2.0
REDIS_SECONDS = 5.0
#: Of the names there are so many are told.
NAMED = 8


def tail(
    venue: str = typer.Argument(help="As in farm.toml.", autocompletion=complete.venues),
    channel: str | None = typer.Argument(None, help="A channel, or a poll; all channels when left out.", autocompletion=complete.channels),
    instrument: str | None = typer.Argument(None, help="A symbol, or a pattern as of a shell: 'ETH-*-[CP]'."),
    lines: int = typer.Option(0, "-n", "--lines", min=0, help="End after so many ticks; 0: never."),
    replica: str | None = typer.Option(None, "--replica", help="Of this replica; the first there is when left out."),
    as_json: bool = typer.Option(False, "--json", help="A JSON document a line."),
) -> None:
    """Show ticks live, a line each, until Ctrl-C.

    They are read from the journal beside the writers and decoded as they do. What comes faster than it can be shown is passed over, and
    counted on stderr. An interruption and a closed pipe are its orderly end, with exit status 0.
    """
    of = chosen(venue)
    channels = channels_of(of, channel)
    _, values = environment.current(environment.home())
    knobs = settings.load(values)
    redis = redisdb.connect(knobs.redis_url, timeout_seconds=REDIS_SECONDS)
    journal = Journal(redis, knobs.key_prefix)
    require_instrument(of, channels, instrument, Board(redis, knobs.key_prefix).universe(venue))
    names = sorted({stream.replica for stream in journal.streams() if stream.venue == venue and stream.channel in channels})
    if replica is not None and replica not in names:
        raise Refused(f"No replica {replica!r} has recorded this of {venue}: {', '.join(names) or 'none'} has.", status=2)
    ticks = Ticks(journal, of, channels, wanted(instrument), replica)
    if not ticks.streams:
        err.print(f"Nothing has been recorded of {channel or 'any channel'} of {venue} yet; waiting.", markup=False)
    try:
        _follow(ticks, lines, as_json=as_json)
    except KeyboardInterrupt:
        return
    except BrokenPipeError:
        # What the interpreter still flushes at its end must not fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def chosen(name: str) -> Venue:
    if name not in VENUES:
        raise Refused(f"There is no venue {name!r}: there are {', '.join(sorted(VENUES))}.", status=2)
    return VENUES[name]


def channels_of(venue: Venue, name: str | None) -> Collection[str]:
    own, polls = [one.name for one in venue.channels], [one.name for one in venue.polls]
    if name is None:
        return own
    if name not in own + polls:
        raise Refused(f"{venue.name} has no channel {name!r}: there are {', '.join(own)}, and the polls {', '.join(polls)}.", status=2)
    return [name]


def require_instrument(venue: Venue, channels: Collection[str], name: str | None, universe: Collection[str] | None) -> None:
    """Raises Refused. What a channel has of its own, or a poll tells of, need not be in the universe."""
    topics = {topic for channel in venue.channels if channel.name in channels for topic in channel.topics}
    named = {one.name for one in venue.channels}
    if name is None or not universe or not named.issuperset(channels) or any(fnmatchcase(one, name) for one in (*universe, *topics)):
        return
    known = {one.casefold(): one for one in universe}
    near = [known[one] for one in get_close_matches(name.casefold(), known, NAMED, cutoff=0.4)] or sorted(universe)[:NAMED]
    raise Refused(f"No instrument {name!r} is recorded of {venue.name}: {', '.join(near)} are among its {len(universe)}.", status=2)


def wanted(pattern: str | None) -> Any:
    return (lambda _: True) if pattern is None else (lambda symbol: fnmatchcase(symbol, pattern))


def _follow(ticks: Ticks, lines: int, *, as_json: bool) -> None:
    shown, look_at, tell_at = 0, time.monotonic() + STREAMS_SECONDS, time.monotonic() + MISSED_SECONDS
    width = out.width if sys.stdout.isatty() else None
    while not _hung_up():
        for tick in _looked(ticks):
            print(document(tick) if as_json else line(tick, width))
            shown += 1
            if shown == lines:
                return
        sys.stdout.flush()
        now = time.monotonic()
        if now >= tell_at and (words := told(ticks.missed)):
            err.print(words, style="yellow", markup=False)
            ticks.missed, tell_at = Missed(), now + MISSED_SECONDS
        if now >= look_at:
            ticks.look_for_streams()
            look_at = now + STREAMS_SECONDS


def _looked(ticks: Ticks) -> Iterator[Tick]:
    if not ticks.streams:  # Redis wants to be asked for at least one
        time.sleep(BLOCK_MS / 1000)
        return iter(())
    return ticks.look(BLOCK_MS)


def _hung_up() -> bool:
    """Whoever read from the pipe is gone, which nothing else tells while there is nothing to write."""
    poll = select.poll()
    poll.register(sys.stdout, 0)
    return any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0))


# --- a tick as a line -----------------------------------------------------------------------------------------------------
def line(tick: Tick, width: int | None) -> str:
    """Our clock at the socket, the symbol, what it is, then its values, numbers of the venue last; an ellipsis where it is wider than `width`."""
    at = datetime.fromtimestamp(tick.received_us / 1e6, UTC)
    values = sorted(tick.values.items(), key=lambda item: item[0].endswith("_id"))
    words = " ".join(f"{name}={_number(value)}" for name, value in values)
    text = cell(f"{at:%H:%M:%S.%f} {tick.symbol} {tick.kind} {words}").plain
    return text if width is None or len(text) <= width else f"{text[: width - 1]}…"


def _number(value: Any) -> str:
    return f"{value:.15g}" if isinstance(value, float) else str(value)


def document(tick: Tick) -> str:
    times = {name: _iso(us) for name, us in (("event_at", tick.event_us), ("received_at", tick.received_us))}
    return json.dumps({"channel": tick.channel, "kind": tick.kind, "symbol": tick.symbol, **times, **tick.values}, ensure_ascii=False)


def _iso(us: int) -> str:
    return f"{datetime.fromtimestamp(us // 1_000_000, UTC):%Y-%m-%dT%H:%M:%S}.{us % 1_000_000:06}Z"


def told(missed: Missed) -> str:
    words = []
    if missed.frames:
        words.append(f"{missed.frames:,} frames came faster than they can be shown, and were passed over")
    if missed.batches:
        words.append(f"{missed.batches:,} batches were gone from the journal before they were looked at")
    words += [f"{count:,} frames cannot be read: {cell(reason).plain[:200]}" for reason, count in missed.unread.most_common(3)]
    return "; ".join(words)
