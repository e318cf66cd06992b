"""What the farm's decoder reads from the simulated venue is what the ledger says: two independent readings of the same documents."""

import json
from typing import Any

import numpy as np

from core.venue import Frames, Reply
from venues.polymarket import VENUE
from venues.polymarket.frames import decode
from venues.polymarket.rest import parse_books, parse_trades

NOW_US = 1_795_300_000_000_000


def table(rows: Any, *names: str) -> list[tuple[Any, ...]]:
    return sorted(zip(*(column if isinstance(column, list) else column.tolist() for column in (rows[name] for name in names)), strict=True))


def ledger(sandbox: Any, kind: str, since_us: int, *names: str) -> list[tuple[Any, ...]]:
    records, symbols = sandbox.records(kind), sandbox.symbols()
    records = records[(records["sent_us"] >= since_us) & (records["delivered"] > 0)]
    return sorted(zip([symbols[place] for place in records["symbol"]], *(records[name].tolist() for name in names), strict=True))


def test_everything_a_socket_was_given_is_read_as_the_ledger_has_it(sandbox: Any, client: Any, poll: Any) -> None:
    since = sandbox.alone()
    with client() as peer:
        peer.subscribe(*sandbox.symbols()[:40], custom=True)
        peer.read()
        sandbox.fault(kind="bare_prices", count=5)
        sandbox.fault(kind="unknown_fields", count=5)
        ended = sandbox.symbols()[18]
        sandbox.fault(kind="end_market", symbol=ended)
        poll(lambda: [line for line in sandbox.lines("lifecycle.jsonl") if line["event"] == "resolved"], 20)
        peer.finish(1.0)
    bodies = [text.encode() for text in peer.texts if text != "PONG"]
    decoded = decode("market", Frames(b"\n".join(bodies), len(bodies), np.arange(len(bodies)), lines=True))
    assert not decoded.rejected and set(decoded.ignored) <= {"tick_size_change"}
    names = ("event_us", "update_id", "side", "price", "quantity")
    theirs = ("symbol", "event_at", "update_id", "side", "price", "quantity")
    for kind in ("book_deltas", "book_snapshots"):
        assert table(decoded.rows[kind], *theirs) == ledger(sandbox, kind, since, *names)
    trades = ledger(sandbox, "trades", since, "event_us", "id", "price", "quantity", "buyer_maker")
    found = table(decoded.rows["trades"], "symbol", "event_at", "trade_id", "price", "quantity", "side")
    assert [(*row[:5], 1 - 2 * row[5]) for row in trades] == found and len(found) > 20
    (paid,) = [line["payouts"] for line in sandbox.lines("lifecycle.jsonl") if line["event"] == "resolved"]
    assert table(decoded.rows["resolutions"], "symbol", "payout") == sorted(zip(sandbox.symbols()[18:20], paid, strict=True))
    assert len(decoded.rows["book_claims"]["symbol"]) > 100 and len(bodies) > 200


def test_replies_are_read_with_the_numbers_of_the_stream(sandbox: Any, poll: Any) -> None:
    names = sandbox.symbols()[:6]
    books = sandbox.ask("/polymarket/clob/books", [{"token_id": token} for token in names])[1]
    rows = parse_books(Reply("books", {}, json.dumps(books).encode(), NOW_US)).rows["book_snapshots"]
    assert set(rows["symbol"]) == set(names)
    assert sorted(set(rows["update_id"].tolist())) == sorted(int(book["hash"][:16], 16) >> 1 for book in books)
    recent = "/polymarket/data/v2/trades?limit=50"
    page = poll(lambda: (found := sandbox.get(recent)) and len(found["data"]) == 50 and found, 20)
    trades = parse_trades(Reply("trades", {}, json.dumps(page).encode(), NOW_US)).rows["trades"]
    written = {number for _, number in ledger_numbers(sandbox)}
    assert set(trades["trade_id"].tolist()) <= written and len(trades["trade_id"]) == 50


def ledger_numbers(sandbox: Any) -> list[tuple[int, int]]:
    records = sandbox.records("trades")
    return list(zip(records["symbol"].tolist(), records["id"].tolist(), strict=True))


def test_every_scheduled_poll_is_answered_and_read(sandbox: Any) -> None:
    tokens = sandbox.symbols()[:4]
    condition = sandbox.get(f"/polymarket/clob/markets-by-token/{tokens[0]}")["condition_id"]
    subjects = {"unknown": tokens, "instruments": tokens, "markets": tokens, "unresolved": [condition], "venue": []}
    for poll in VENUE.polls:
        for request in poll.requests(subjects[poll.about], NOW_US):
            query = "&".join(f"{name}={value}" for name, value in request.params.items())
            glue = "&" if "?" in request.path else "?"
            status, body, _ = sandbox.ask(f"/polymarket{request.path}{glue}{query}", request.body)
            assert status == 200, (request, body)
            decoded = poll.parse(Reply(poll.name, request.params, json.dumps(body).encode(), NOW_US))
            assert not decoded.rejected, (poll.name, decoded.rejected)
