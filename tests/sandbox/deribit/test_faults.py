"""Every fault of Deribit does what it says, ends by itself, and leaves a ledger that tells the truth about it."""

import json
import time
from collections import Counter
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

TORN, SKIPPED, REPEATED, REORDERED, CORRUPTED, UNCHAINED = 1, 2, 3, 4, 5, 6
PERPETUAL = "ETH-PERPETUAL"
FEEDS = {
    "quote": (f"quote.{PERPETUAL}", "quotes"),
    "trades": (f"trades.{PERPETUAL}.100ms", "trades"),
    "ticker": (f"ticker.{PERPETUAL}.100ms", "tickers"),
    "book": (f"book.{PERPETUAL}.100ms", "book_deltas"),
}


@pytest.fixture(autouse=True)
def clean(sandbox: Any) -> Any:
    sandbox.alone()
    yield
    sandbox.clear()


def struck(sandbox: Any, kind: str, fault: int, since_us: int) -> np.ndarray:
    records = sandbox.records(kind)
    return records[(records["fault"] == fault) & (records["sent_us"] >= since_us)]


def seqs(peer: Any) -> list[int]:
    return [trade["trade_seq"] for array in peer.data("trades.") for trade in array]


def test_skipped_trades(sandbox: Any, client: Any) -> None:
    since = sandbox.alone()
    with client() as peer:
        peer.subscribe(FEEDS["trades"][0])
        peer.receive()
        fault = sandbox.fault(kind="skip", symbol=PERPETUAL, count=3)
        peer.until(lambda _: sandbox.injected(fault) == 3)
        peer.collect(0.5)
    missing = sorted(set(range(seqs(peer)[0], seqs(peer)[-1])) - set(seqs(peer)))
    rows = struck(sandbox, "trades", SKIPPED, since)
    assert rows["id"].tolist() == missing and len(missing) == 3 and not rows["delivered"].any()


def test_repeated_and_reordered_trades(sandbox: Any, client: Any) -> None:
    since = sandbox.alone()
    with client() as peer:
        peer.subscribe(FEEDS["trades"][0])
        faults = [sandbox.fault(kind=kind, symbol=PERPETUAL) for kind in ("repeat", "reorder")]
        peer.until(lambda _: all(sandbox.injected(fault) for fault in faults))
        peer.collect(0.5)
    twice = [seq for seq, count in Counter(seqs(peer)).items() if count == 2]
    assert struck(sandbox, "trades", REPEATED, since)["id"].tolist() == twice and len(twice) == 1
    rows = struck(sandbox, "trades", REORDERED, since)["id"].tolist()
    seen = list(dict.fromkeys(seq for seq in seqs(peer) if seq in rows))
    assert seen == sorted(rows, reverse=True) and len(rows) >= 2


@pytest.mark.parametrize("feed", FEEDS)
def test_torn_frames_cost_no_other(sandbox: Any, client: Any, feed: str) -> None:
    name, kind = FEEDS[feed]
    since = sandbox.alone()
    with client() as peer:
        peer.subscribe(name)
        fault = sandbox.fault(kind="torn", channel=feed, symbol=PERPETUAL)
        peer.until(lambda _: sandbox.injected(fault) == 1)
        peer.collect(0.3)
    assert len(peer.texts) - len(peer.frames) == 1
    rows = struck(sandbox, kind, TORN, since)
    assert len(rows) >= 1 and set(rows["delivered"]) == {1}


VITAL = {"quote": "best_ask_price", "trades": "price", "ticker": "mark_price", "book": "change_id"}


@pytest.mark.parametrize("feed", FEEDS)
def test_corrupt_values(sandbox: Any, client: Any, feed: str) -> None:
    name, kind = FEEDS[feed]
    since = sandbox.alone()
    with client() as peer:
        peer.subscribe(name)
        fault = sandbox.fault(kind="corrupt", channel=feed, symbol=PERPETUAL, count=2)
        peer.until(lambda _: sandbox.injected(fault) == 2)
        peer.collect(0.3)
    rows = [row for data in peer.data(feed) for row in (data if isinstance(data, list) else [data])]
    bad = [row for row in rows if isinstance(row[VITAL[feed]], bool) or not isinstance(row[VITAL[feed]], int | float)]
    assert len(bad) == 2
    assert (
        len({row[{"trades": "id", "book_deltas": "update_id"}.get(kind, "number")] for row in struck(sandbox, kind, CORRUPTED, since)}) == 2
    )


def test_broken_chain(sandbox: Any, client: Any) -> None:
    since = sandbox.alone()
    with client() as peer:
        peer.subscribe(FEEDS["book"][0])
        peer.receive()
        fault = sandbox.fault(kind="broken_chain", symbol=PERPETUAL)
        peer.until(lambda _: sandbox.injected(fault) == 1)
        peer.collect(0.5)
    books = peer.data("book.")
    wrong = [data["change_id"] for before, data in pairwise(books) if data["prev_change_id"] != before["change_id"]]
    assert len(wrong) == 1 and set(struck(sandbox, "book_deltas", UNCHAINED, since)["update_id"]) == set(wrong)


def test_a_withheld_change_breaks_the_chain_too(sandbox: Any, client: Any) -> None:
    with client() as peer:
        peer.subscribe(FEEDS["book"][0])
        peer.receive()
        fault = sandbox.fault(kind="skip", channel="book", symbol=PERPETUAL)
        peer.until(lambda _: sandbox.injected(fault) == 1)
        peer.collect(0.5)
    books = peer.data("book.")
    assert sum(data["prev_change_id"] != before["change_id"] for before, data in pairwise(books)) == 1


def test_exponents_say_the_same_numbers(sandbox: Any, client: Any) -> None:
    since = sandbox.alone()
    with client() as peer:
        peer.subscribe(FEEDS["quote"][0])
        fault = sandbox.fault(kind="exponents", channel="quote", count=3)
        peer.until(lambda _: sandbox.injected(fault) == 3)
        peer.collect(0.2)
    assert sum("e3," in text or "e2," in text for text in peer.texts) == 3
    records = sandbox.records("quotes")
    rows = records[(records["sent_us"] >= since) & (records["delivered"] > 0)]
    assert [float(row["ask"]) for row in rows] == [data["best_ask_price"] or 0 for data in peer.data("quote")]


def test_nulls_empty_a_side(sandbox: Any, client: Any) -> None:
    since = sandbox.alone()
    with client() as peer:
        peer.subscribe(FEEDS["quote"][0])
        sandbox.fault(kind="nulls", symbol=PERPETUAL, count=2)
        peer.until(lambda _: sum(data["best_bid_price"] is None for data in peer.data("quote")) == 2)
    assert all(data["best_bid_amount"] == 0 for data in peer.data("quote") if data["best_bid_price"] is None)
    records = sandbox.records("quotes")
    assert np.count_nonzero((records["sent_us"] >= since) & (records["delivered"] > 0) & (records["bid"] == 0)) == 2


def test_missing_and_unknown_fields_and_states(sandbox: Any, client: Any) -> None:
    with client() as peer:
        peer.subscribe(FEEDS["ticker"][0], FEEDS["trades"][0])
        sandbox.fault(kind="missing_fields", keys=["stats", "funding_8h"])
        sandbox.fault(kind="unknown_state", state="dreaming")
        sandbox.fault(kind="unknown_fields", channel="trades")
        tickers = peer.data
        peer.until(lambda _: any("stats" not in data and "funding_8h" not in data for data in tickers("ticker")))
        peer.until(lambda _: any(data["state"] == "dreaming" for data in tickers("ticker")))
        peer.until(lambda _: any("novelty" in trade for array in peer.data("trades") for trade in array))


def test_unknown_channel(sandbox: Any, client: Any) -> None:
    with client() as peer:
        peer.subscribe(FEEDS["quote"][0])
        sandbox.fault(kind="unknown", count=2)
        peer.until(lambda _: len(peer.data("unheard.of")) == 2)
    noted = [line["text"] for line in sandbox.lines("faults.jsonl") if line["event"] == "injected"]
    assert noted == [text for text in peer.texts if "unheard.of" in text]


def test_omitted_from_the_answer(sandbox: Any, client: Any) -> None:
    wanted = [f"quote.{PERPETUAL}", "quote.BTC-PERPETUAL"]
    with client() as peer:
        sandbox.fault(kind="omit", names=[wanted[1]])
        assert peer.subscribe(*wanted) == wanted[:1]
        assert peer.subscribe(wanted[1]) == wanted[1:]


def test_expired_between_listing_and_subscribing(sandbox: Any, client: Any, get: Any) -> None:
    names = [row["instrument_name"] for row in get("get_instruments", currency="BTC", kind="option")][:2]
    with client() as peer:
        peer.subscribe("instrument.state.any.any")
        sandbox.fault(kind="expire_on_subscribe", symbol=names[0])
        assert peer.subscribe(*(f"quote.{name}" for name in names)) == [f"quote.{names[1]}"]
        [told] = peer.data("instrument.state")
    assert (told["instrument_name"], told["state"]) == (names[0], "delivered")


def test_a_chain_ends_on_command(sandbox: Any, client: Any, get: Any) -> None:
    rows = get("get_instruments", currency="BTC", kind="option")
    ended = max(rows, key=lambda row: row["expiration_timestamp"])["instrument_name"]
    with client() as peer:
        peer.subscribe("instrument.state.option.BTC")
        sandbox.fault(kind="expire", symbol=ended)
        for state in ("settlement", "delivered"):
            peer.until(
                lambda _, state=state: {(ended, state)} <= {(d["instrument_name"], d["state"]) for d in peer.data("instrument.state")}
            )
        told = {data["instrument_name"].rsplit("-", 2)[0] for data in peer.data("instrument.state")}
    assert told == {ended.rsplit("-", 2)[0]}, "and no other chain"
    delivered = get("get_last_settlements_by_currency", currency="BTC", type="delivery", count=1000)["settlements"]
    assert ended in {row["instrument_name"] for row in delivered}


def test_too_many_requests_end_the_session(sandbox: Any, client: Any) -> None:
    with client() as peer:
        sandbox.fault(kind="too_many_requests")
        assert peer.ask("get_time")["error"]["code"] == 10028
        with pytest.raises(ConnectionClosed):
            peer.receive()
    with client() as peer:
        assert "result" in peer.ask("get_time")


def test_heartbeat_close(sandbox: Any, client: Any) -> None:
    with client() as peer:
        sandbox.fault(kind="heartbeat_close")
        with pytest.raises(ConnectionClosed) as closed:
            peer.receive()
    assert closed.value.rcvd is not None and (closed.value.rcvd.code, closed.value.rcvd.reason) == (4000, "heartbeat close")


def test_silence_freeze_and_stall(sandbox: Any, client: Any, poll: Any) -> None:
    for command in ({"kind": "silence_route", "channel": "quote"}, {"kind": "freeze", "symbols": [PERPETUAL]}, {"kind": "stall"}):
        since = sandbox.alone()
        with client() as peer:
            peer.subscribe(FEEDS["quote"][0])
            peer.receive()
            sandbox.fault(**command, seconds=0.6)
            with pytest.raises(TimeoutError):
                sandbox.drain(peer.socket, 0.25)
            peer.receive()
        rows = struck(sandbox, "quotes", SKIPPED, since)
        assert len(rows) > 1 and not rows["delivered"].any(), command


def test_drop_and_maintenance(sandbox: Any, client: Any, poll: Any) -> None:
    with client() as peer:
        peer.subscribe("platform_state")
        sandbox.fault(kind="maintenance", seconds=0.6)
        peer.until(lambda _: {"maintenance": True} in peer.data("platform_state"))
        with pytest.raises(ConnectionClosed):
            sandbox.drain(peer.socket, 5)
    assert sandbox.ask("/deribit/api/v2/public/test")[0] == 503
    with pytest.raises(InvalidStatus), client():
        pass
    poll(lambda: sandbox.ask("/deribit/api/v2/public/test")[0] == 200)


def test_rest_429_5xx_slow_and_huge(sandbox: Any, get: Any) -> None:
    sandbox.fault(kind="rest_429", retry_after=3)
    status, body, headers = sandbox.ask("/deribit/api/v2/public/test")
    assert (status, body["error"]["code"], headers["Retry-After"]) == (429, 10028, "3")
    sandbox.fault(kind="rest_5xx", status=502)
    assert sandbox.ask("/deribit/api/v2/public/test")[0] == 502
    sandbox.fault(kind="rest_slow", delay_seconds=0.3, seconds=1)
    start = time.monotonic()
    get("test")
    assert time.monotonic() - start >= 0.3
    sandbox.clear()
    usual = get("get_instruments", currency="USDC")
    sandbox.fault(kind="rest_huge", megabytes=2)
    assert get("get_instruments", currency="USDC") == usual


def test_a_page_that_ends_early(sandbox: Any, get: Any, poll: Any) -> None:
    whole = poll(
        lambda: (page := get("get_last_trades_by_instrument", instrument_name=PERPETUAL, start_seq=1, count=10))["has_more"] and page
    )
    sandbox.fault(kind="short_page")
    short = get("get_last_trades_by_instrument", instrument_name=PERPETUAL, start_seq=1, count=10)
    assert short["has_more"] and short["trades"] == whole["trades"][:5]


def test_ceiling(sandbox: Any, client: Any) -> None:
    with client() as peer:
        peer.subscribe(FEEDS["quote"][0])
        sandbox.fault(kind="ceiling", streams=2, silent=True, seconds=5)
        assert len(peer.subscribe("quote.BTC-PERPETUAL", "platform_state")) == 1
        sandbox.clear()
        sandbox.fault(kind="ceiling", streams=2, seconds=5)
        assert peer.ask("subscribe", channels=["platform_state", "instrument.state.any.any"])["error"]["code"] == 10028


def test_nonsense_is_refused(sandbox: Any) -> None:
    for command in ({"kind": "shutdown_notice"}, {"kind": "skip", "colour": "red"}, {"kind": "omit", "count": "x"}):
        status = sandbox.ask("/control/faults", {"venue": "deribit", **command})[0]
        assert status == 400, json.dumps(command)
