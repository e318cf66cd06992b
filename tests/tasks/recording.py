"""A farm at work, for its archive: streams that tell all that they may, drains that die, and what is made of it anew."""

import json
import random
import time
from contextlib import closing

import pytest

from core import journal as journals
from core.board import Board
from core.held import Held
from core.journal import Journal, StreamName
from core.settings import Settings
from core.venue import Reply
from ops.rebuild import compare
from ops.rebuild.run import Range
from tasks.archive import Run
from tasks.drain import Drain, Turn
from tasks.lag import Lag
from tasks.replies import Replies
from tests.tasks.conftest import QUOTES, TRADES, Socket, quote, trade

#: Who uses this is left out where the venue's folder is deleted.
kalshi = pytest.importorskip("tests.venues.kalshi.messages")
listed_replies = pytest.importorskip("tests.venues.kalshi.replies")

SECOND_SHARD = StreamName("binance", "aggTrade", "1")
BOOKS = StreamName("kalshi", "orderbook_delta")
EVER = Range(0, 4_000_000_000_000_000)


class Recording:
    """A farm at work: streamers that append, drains that are killed now and then, and an archive behind them."""

    def __init__(self, farm: Settings, journal: Journal, board: Board, held: Held) -> None:
        self.farm, self.journal, self._board, self._held = farm, journal, board, held

    def drain(self, *, dies: bool = False) -> None:
        with closing(Drain(self.farm, self.journal, self._board, Turn(0), Lag())) as at_work:
            at_work.open()
            while at_work.step():
                pass
            if not dies:
                at_work.run(time.monotonic())

    def archive(self) -> None:
        Run(self.farm.data / "raw", self._held, 0, age_ms=-1000).work(time.monotonic() + 30)


def changes(seqs: range, seed: int) -> list[bytes]:
    """Of a market's book: signed, each at some level."""
    drawn = random.Random(seed)
    return [
        kalshi.delta(seq, price_dollars=f"0.{drawn.randint(30, 60)}00", delta_fp=f"{drawn.randint(1, 90)}.10", side=drawn.choice(("yes", "no")),
                     ts_ms=kalshi.AT_MS + seq)
        for seq in seqs
    ]  # fmt: skip


def describe(journal: Journal) -> None:
    """A market as its venue lists it, and otherwise a moment later."""
    replies = Replies(journal, "kalshi", "events")
    for changes in ({}, {"status": "closed", "rules_primary": "Otherwise."}):
        page = {"cursor": "", "events": [listed_replies.event(listed_replies.listed(**changes))]}
        replies.keep(Reply("events", {}, listed_replies.body(page), time.time_ns() // 1000))


def story(recording: Recording) -> None:
    """All that a stream may tell: sockets that end and overlap, repeats, holes, losses, what cannot be read, pages of a poll, books."""
    journal = recording.journal
    one, other, quotes, books = (Socket(journal, s, f"{s.channel}{s.shard}") for s in (TRADES, SECOND_SHARD, QUOTES, BOOKS))
    books.send(kalshi.snapshot(1), *changes(range(2, 40), 1))
    one.send(*(trade(n) for n in range(1, 50)))
    other.send(*(trade(n, "ETHUSDT") for n in range(1, 20)))
    quotes.send(*(quote(n) for n in range(1, 200)), times=2)
    recording.drain()
    recording.archive()
    one.send(trade(50), b'{"stream":"torn', trade(51))
    new = Socket(journal, TRADES, "overlaps")
    new.send(trade(51), trade(52), trade(60))
    one.event(journals.DISCONNECTED, cause="rotated")
    books.send(*changes(range(40, 90), 2))
    recording.drain(dies=True)
    other.event(journals.DISCONNECTED, cause="reset")
    replies = Replies(journal, "binance", "aggTrades")
    for page in range(3):
        body = [
            {"a": n, "p": "1", "q": "1", "f": n, "l": n, "T": 1_795_312_800_000 + n, "m": False} for n in range(page * 9, page * 9 + 12)
        ]
        replies.keep(Reply("aggTrades", {"symbol": "BTCUSDT", "limit": 1000}, json.dumps(body).encode(), time.time_ns() // 1000))
    recording.archive()
    again = Socket(journal, SECOND_SHARD, "again")
    again.event(journals.LOST, frames=7, cause="spool is full")
    again.send(*(trade(n, "ETHUSDT") for n in range(25, 30)))
    books.send(*changes(range(95, 120), 3))
    describe(journal)
    recording.drain(dies=True)
    books.send(kalshi.snapshot(120), *changes(range(121, 150), 4))
    recording.drain()
    recording.archive()
    recording.drain()


def lines(recording: Recording, url: str) -> list[compare.Line]:
    assert compare.have_read_as_far(recording.farm.database_url, url)
    return compare.compare(recording.farm.database_url, url, EVER, whole=True)
