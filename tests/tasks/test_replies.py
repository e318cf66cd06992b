"""Replies into the journal: what was asked for and what came of it, without a hole that nobody made."""

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from core import redisdb
from core.http import TryLater
from core.journal import Journal
from core.venue import Reply, Request
from tasks.asking import ask
from tasks.drain import Turn
from tasks.replies import Replies
from venues import VENUES

Query = Callable[..., list[tuple[Any, ...]]]
AT_US = 1_795_312_800_000_000
KLINES = VENUES["binance"].poll("klines")


def reply(symbol: str) -> Reply:
    return Reply("klines", {"symbol": symbol}, b"[]", AT_US)


@pytest.fixture
def rest_url() -> Iterator[str]:
    """A venue that has no candle of any instrument, and does not know XUSDT."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(400 if "XUSDT" in self.path else 200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"[]")

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_replies_of_a_round_are_numbered_without_holes(journal: Journal, drained: Callable[[], Turn], query: Query) -> None:
    replies = Replies(journal, "binance", "klines")
    replies.keep(reply("BTCUSDT"))
    replies.keep_refusal(Request("klines", "/fapi/v1/klines"), TryLater("busy", 1))
    replies.keep(reply("ETHUSDT"))
    drained()
    assert query("SELECT frames, quarantined FROM stream_offsets WHERE stream = %s", (str(replies.stream),)) == [(2, 1)]
    assert query("SELECT count(*) FROM data_gaps") == [(0,)]


def test_a_round_of_many_requests_is_no_gap(rest_url: str, worker: Callable[..., None], drained: Callable[[], Turn], query: Query) -> None:
    worker(BINANCE_REST_URL=rest_url)
    symbols = ["BTCUSDT", "XUSDT", "ETHUSDT", "BNBUSDT"]
    found = ask("binance", KLINES, KLINES.requests(symbols, AT_US), seconds=30)
    assert (found["replies"], found["refused"], found["left"]) == (3, 1, 0)
    drained()
    assert query("SELECT entries, frames, quarantined FROM stream_offsets") == [(4, 3, 1)]
    assert query("SELECT count(*) FROM data_gaps") == [(0,)]


def test_a_redis_that_came_back_empty_learns_the_stream_again(
    journal: Journal, drained: Callable[[], Turn], query: Query, redis_client: redisdb.Client, key_prefix: str
) -> None:
    Replies(journal, "binance", "klines").keep(reply("BTCUSDT"))
    for key in redis_client.scan_iter(match=f"{key_prefix}:*"):
        redis_client.delete(key)
    Replies(journal, "binance", "klines").keep(reply("ETHUSDT"))
    drained()
    assert query("SELECT frames FROM stream_offsets") == [(1,)]
