"""Every fault of Kalshi does what it says, ends by itself, and leaves a ledger that tells the truth about it."""

import json
import time
from collections import Counter
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

TORN, SKIPPED, REPEATED, REORDERED, CORRUPTED = 1, 2, 3, 4, 5
KINDS = {"orderbook_delta": "book_changes", "trade": "trades", "ticker": "tickers"}
VITAL = {"orderbook_delta": "delta_fp", "trade": "count_fp", "ticker": "yes_bid_dollars"}


@pytest.fixture(autouse=True)
def clean(sandbox: Any) -> Any:
    sandbox.alone()
    yield
    sandbox.clear()


def struck(sandbox: Any, kind: str, fault: int, since_us: int) -> np.ndarray:
    records = sandbox.records(kind)
    return records[(records["fault"] == fault) & (records["sent_us"] >= since_us)]


def gaps(peer: Any, sid: int) -> list[int]:
    return [later - before - 1 for before, later in pairwise(peer.seqs(sid)) if later != before + 1]


@pytest.mark.parametrize("channel", ["orderbook_delta", "trade"])
def test_a_skipped_message_leaves_a_hole_in_the_numbers(sandbox: Any, client: Any, tickers: list[str], channel: str) -> None:
    since = sandbox.alone()
    with client() as peer:
        sid = peer.subscribe(channel, *tickers[:10])
        peer.until(lambda _: peer.of(channel))
        fault = sandbox.fault(kind="skip", channel=channel, count=3)
        peer.until(lambda _: sandbox.injected(fault) == 3)
        peer.collect(0.3)
    assert sum(gaps(peer, sid)) == 3
    rows = struck(sandbox, KINDS[channel], SKIPPED, since)
    assert len(rows) == 3 and not rows["delivered"].any()


def test_numbers_can_jump_without_a_loss(sandbox: Any, client: Any, tickers: list[str]) -> None:
    since = sandbox.alone()
    with client() as peer:
        sid = peer.subscribe("orderbook_delta", *tickers[:5])
        peer.until(lambda _: peer.of("orderbook_delta"))
        sandbox.fault(kind="seq_gap", size=5)
        peer.until(lambda _: gaps(peer, sid))
        peer.collect(0.2)
    assert gaps(peer, sid) == [5] and not len(struck(sandbox, "book_changes", SKIPPED, since))


def test_repeated_and_reordered_messages(sandbox: Any, client: Any, tickers: list[str]) -> None:
    since = sandbox.alone()
    with client() as peer:
        sid = peer.subscribe("trade", *tickers[:10])
        peer.until(lambda _: peer.of("trade"))
        faults = [sandbox.fault(kind=kind) for kind in ("repeat", "reorder")]
        peer.until(lambda _: all(sandbox.injected(fault) for fault in faults))
        peer.collect(0.4)
    twice = [seq for seq, count in Counter(peer.seqs(sid)).items() if count == 2]
    assert len(twice) == 1 == len(struck(sandbox, "trades", REPEATED, since))
    backwards = [later for before, later in pairwise(peer.seqs(sid)) if later < before]
    assert backwards and len(struck(sandbox, "trades", REORDERED, since)) >= 2
    assert sorted(set(peer.seqs(sid))) == list(range(1, max(peer.seqs(sid)) + 1))


@pytest.mark.parametrize("channel", KINDS)
def test_torn_messages(sandbox: Any, client: Any, tickers: list[str], channel: str) -> None:
    since = sandbox.alone()
    with client() as peer:
        peer.subscribe(channel, tickers[0])
        fault = sandbox.fault(kind="torn", channel=channel, symbol=tickers[0])
        peer.until(lambda _: sandbox.injected(fault) == 1)
        peer.collect(0.3)
    assert len(peer.texts) - len(peer.frames) == 1
    assert set(struck(sandbox, KINDS[channel], TORN, since)["delivered"]) == {1}


@pytest.mark.parametrize("channel", KINDS)
def test_corrupt_values(sandbox: Any, client: Any, tickers: list[str], channel: str) -> None:
    since = sandbox.alone()
    with client() as peer:
        peer.subscribe(channel, tickers[0])
        fault = sandbox.fault(kind="corrupt", channel=channel, symbol=tickers[0], count=2)
        peer.until(lambda _: sandbox.injected(fault) == 2)
        peer.collect(0.3)
    values = [frame["msg"][VITAL[channel]] for frame in peer.of(channel)]
    assert sum(not (isinstance(value, str) and value.lstrip("-").replace(".", "").isdigit()) for value in values) == 2
    assert len(struck(sandbox, KINDS[channel], CORRUPTED, since)) == 2


def test_unknown_types_and_fields(sandbox: Any, client: Any, tickers: list[str]) -> None:
    with client() as peer:
        peer.subscribe("trade", *tickers[:10])
        sandbox.fault(kind="unknown", count=2)
        sandbox.fault(kind="unknown_fields", channel="trade")
        peer.until(lambda _: len(peer.of("unheard_of")) == 2 and any("novelty" in frame["msg"] for frame in peer.of("trade")))
    noted = [line["text"] for line in sandbox.lines("faults.jsonl") if line["event"] == "injected"]
    assert [text for text in peer.texts if "unheard_of" in text] == noted


@pytest.mark.parametrize(("kind", "code"), [("overflow", 25), ("channel_error", 10)])
def test_a_subscription_ends_and_its_socket_goes_on(sandbox: Any, client: Any, tickers: list[str], kind: str, code: int) -> None:
    with client() as peer:
        sid = peer.subscribe("orderbook_delta", *tickers[:5])
        other = peer.subscribe("trade", *tickers[:20])
        peer.until(lambda _: peer.of("orderbook_delta"))
        sandbox.fault(kind=kind)
        error = peer.until(lambda frame: frame["type"] == "error")
        assert (error["sid"], error["msg"]["code"]) == (sid, code)
        peer.until(lambda frame: frame.get("sid") == other)
        assert [row["sid"] for row in peer.ask("list_subscriptions")["msg"]] == [other]
        assert peer.subscribe("orderbook_delta", tickers[0]) == 3
        peer.collect(0.2)
    assert peer.seqs(sid)[-1] == error["seq"] and not gaps(peer, sid)


def test_a_slow_reader_loses_its_subscriptions(launch: Any, poll: Any) -> None:
    sandbox, client = launch("--rate", "20000", "--subscription-mib", "0.05", "--max-buffered-mib", "64")
    names = [row["ticker"] for row in sandbox.get("/kalshi/trade-api/v2/markets?status=open")["markets"]]
    with client(queue=1) as peer:  # the library stops reading when nobody takes
        peer.subscribe("orderbook_delta", *names)
        poll(lambda: [line for line in sandbox.lines("sockets.jsonl") if line.get("reason") == "Subscription buffer overflow"], 30)
        error = peer.until(lambda frame: frame["type"] == "error")
        assert error["msg"]["code"] == 25 and peer.ask("list_subscriptions")["msg"] == []


def test_too_many_markets_of_one_subscription(sandbox: Any, client: Any, tickers: list[str]) -> None:
    with client() as peer:
        sandbox.fault(kind="ceiling", streams=3, seconds=5)
        sid = peer.subscribe("orderbook_delta", *tickers[:3])
        answer = peer.ask("update_subscription", sid=sid, market_tickers=tickers[3:5], action="add_markets")
        assert answer["msg"]["code"] == 26
        sandbox.clear()
        sandbox.fault(kind="ceiling", streams=3, silent=True, seconds=5)
        peer.ask("update_subscription", sid=sid, market_tickers=tickers[3:5], action="add_markets")
        peer.collect(0.3)
    assert {frame["msg"]["market_ticker"] for frame in peer.of("orderbook_snapshot")} == set(tickers[:3])


def test_silence_freeze_and_stall(sandbox: Any, client: Any, tickers: list[str]) -> None:
    for command, holes in (
        ({"kind": "silence_route", "channel": "orderbook_delta"}, True),
        ({"kind": "stall"}, True),
        ({"kind": "freeze", "symbols": tickers[:1]}, False),
    ):
        since = sandbox.alone()
        with client() as peer:
            sid = peer.subscribe("orderbook_delta", tickers[0])
            peer.until(lambda _, peer=peer: peer.of("orderbook_delta"))
            sandbox.fault(**command, seconds=0.8)
            with pytest.raises(TimeoutError):
                while True:
                    peer.receive(0.3)
            peer.receive()
            peer.collect(0.1)
        rows = struck(sandbox, "book_changes", SKIPPED, since)
        assert len(rows) > 1 and bool(gaps(peer, sid)) == holes, command


def test_maintenance_ends_sockets_and_is_told(sandbox: Any, client: Any, get: Any, ask: Any, poll: Any) -> None:
    with client() as peer:
        sandbox.fault(kind="maintenance", notice_seconds=0.6, seconds=1)
        assert len(get("/exchange/schedule")["schedule"]["maintenance_windows"]) == 5
        assert get("/exchange/status")["exchange_active"] is True
        with pytest.raises(ConnectionClosed):
            sandbox.drain(peer.socket, 5)
    status = get("/exchange/status")
    assert (status["exchange_active"], status["trading_active"]) == (False, False) and status["exchange_estimated_resume_time"]
    assert ask("/markets")[0] == 503
    with pytest.raises(InvalidStatus), client():
        pass
    poll(lambda: ask("/markets")[0] == 200)
    assert get("/exchange/status")["exchange_active"] is True
    assert sandbox.endings()[-1] == "maintenance"


def test_a_trading_pause_keeps_sockets(sandbox: Any, client: Any, get: Any, tickers: list[str]) -> None:
    with client() as peer:
        peer.subscribe("orderbook_delta", *tickers[:20])
        peer.until(lambda _: peer.of("orderbook_delta"))
        sandbox.fault(kind="trading_pause", seconds=1)
        assert get("/exchange/status")["trading_active"] is False
        with pytest.raises(TimeoutError):
            sandbox.drain(peer.socket, 0.4)
        peer.until(lambda frame: frame["type"] == "orderbook_delta")


def test_an_unauthorized_handshake(sandbox: Any, client: Any) -> None:
    sandbox.fault(kind="unauthorized")
    with pytest.raises(InvalidStatus) as refused, client():
        pass
    assert refused.value.response.status_code == 401
    with client() as peer:
        assert peer.ask("list_subscriptions")["msg"] == []


def test_rest_429_5xx_slow_and_huge(sandbox: Any, get: Any, ask: Any) -> None:
    sandbox.fault(kind="rest_429")
    status, body, headers = sandbox.ask("/kalshi/trade-api/v2/exchange/status")
    assert (status, body) == (429, {"error": "too many requests"}) and "Retry-After" not in headers
    sandbox.fault(kind="rest_5xx", status=502)
    assert ask("/exchange/status")[0] == 502
    sandbox.fault(kind="rest_slow", delay_seconds=0.3, seconds=1)
    start = time.monotonic()
    get("/exchange/status")
    assert time.monotonic() - start >= 0.3
    sandbox.clear()
    sandbox.fault(kind="rest_huge", megabytes=2)
    assert get("/markets?limit=3&status=settled")["markets"] == get("/markets?limit=3&status=settled")["markets"]


def test_pages_that_overlap_and_pages_without_end(sandbox: Any, get: Any, walk: Any) -> None:
    sandbox.fault(kind="shifted_page")
    rows = [row["ticker"] for row in walk("/markets?limit=20&status=open", "markets")]
    assert [count for count in Counter(rows).values() if count > 1] == [2]
    oldest = walk("/markets/trades?limit=500", "trades")[-1]["trade_id"]
    sandbox.fault(kind="endless_pages", seconds=5)
    page = get("/markets/trades?limit=500")
    while page["trades"][-1]["trade_id"] != oldest:
        page = get(f"/markets/trades?limit=500&cursor={page['cursor']}")
    again = get(f"/markets/trades?limit=500&cursor={page['cursor']}")
    assert again["cursor"] == page["cursor"] and again["trades"] == page["trades"]


def test_drop(sandbox: Any, client: Any) -> None:
    with client() as peer:
        sandbox.fault(kind="drop")
        with pytest.raises(ConnectionClosed):
            peer.receive()


def test_nonsense_is_refused(sandbox: Any) -> None:
    for command in ({"kind": "shutdown_notice"}, {"kind": "skip", "colour": "red"}, {"kind": "overflow", "count": "x"}):
        assert sandbox.ask("/control/faults", {"venue": "kalshi", **command})[0] == 400, json.dumps(command)
