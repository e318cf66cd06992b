"""Every fault of Polymarket does what it says, ends by itself, and leaves a ledger that tells the truth about it."""

import json
import re
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

TORN, SKIPPED, REPEATED, REORDERED, CORRUPTED = 1, 2, 3, 4, 5
KINDS = {"price_change": "book_deltas", "last_trade_price": "trades", "book": "book_snapshots"}
GAMMA, CLOB, DATA = "/polymarket/gamma", "/polymarket/clob", "/polymarket/data"


@pytest.fixture(autouse=True)
def clean(sandbox: Any) -> Iterator[None]:
    sandbox.alone()
    yield
    sandbox.clear()


@pytest.fixture
def tokens(sandbox: Any) -> list[str]:
    return sandbox.symbols()[:20]


def struck(sandbox: Any, kind: str, fault: int, since_us: int) -> np.ndarray:
    records = sandbox.records(kind)
    return records[(records["fault"] == fault) & (records["sent_us"] >= since_us)]


def is_whole(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return text == "PONG"
    return True


@pytest.mark.parametrize("feed", KINDS)
@pytest.mark.parametrize("kind", ["skip", "torn", "repeat", "corrupt"])
def test_single_frames(sandbox: Any, client: Any, tokens: list[str], feed: str, kind: str) -> None:
    since = sandbox.alone()
    with client() as peer:
        peer.subscribe(*tokens)
        peer.read()
        fault = sandbox.fault(kind=kind, channel=feed, count=2)
        peer.until(lambda _: sandbox.injected(fault) == 2, 20)
        peer.collect(0.2)
    code = {"skip": SKIPPED, "torn": TORN, "repeat": REPEATED, "corrupt": CORRUPTED}[kind]
    rows = struck(sandbox, KINDS[feed], code, since)
    assert len(rows) >= 2 and set(rows["delivered"]) == {0 if kind == "skip" else 1}
    broken = [text for text in peer.texts if not is_whole(text)]
    assert len(broken) == (2 if kind == "torn" else 0)
    if kind == "repeat":
        assert sum(one == other for one, other in zip(peer.texts, peer.texts[1:], strict=False)) == 2
    if kind == "corrupt":
        told = [event for event in peer.of(feed) if not sound(event)]
        assert len(told) == 2


def sound(event: dict[str, Any]) -> bool:
    """Every price, size and time is text that is a number not below 0."""
    rows = [event, *event.get("price_changes", []), *event.get("bids", []), *event.get("asks", [])]
    values = [row[name] for row in rows for name in ("price", "size", "timestamp") if name in row]
    return all(isinstance(value, str) and re.fullmatch(r"\d+(\.\d+)?", value) for value in values)


def test_two_changes_out_of_order(sandbox: Any, client: Any, tokens: list[str]) -> None:
    since = sandbox.alone()
    with client() as peer:
        peer.subscribe(*tokens)
        fault = sandbox.fault(kind="reorder", symbol=tokens[2])
        peer.until(lambda _: sandbox.injected(fault) == 2, 20)
        peer.collect(0.3)
    rows = struck(sandbox, "book_deltas", REORDERED, since)
    assert len(rows) >= 4 and set(rows["symbol"]) == {2, 3}
    assert len(struck(sandbox, "book_deltas", SKIPPED, since)) == 0


def test_bare_prices_and_unknown_fields(sandbox: Any, client: Any, tokens: list[str]) -> None:
    with client() as peer:
        peer.subscribe(*tokens)
        faults = [sandbox.fault(kind=kind, count=2) for kind in ("bare_prices", "unknown_fields")]
        peer.until(lambda _: all(sandbox.injected(fault) == 2 for fault in faults), 20)
        peer.collect(0.2)
    changes = [change for event in peer.of("price_change") for change in event["price_changes"]]
    assert len([change for change in changes if change["price"].startswith(".")]) >= 4
    assert len([event for event in peer.of("price_change") if "novelty" in event]) == 2


def test_frames_of_an_unknown_type(sandbox: Any, client: Any, tokens: list[str]) -> None:
    with client() as peer:
        peer.subscribe(tokens[0])
        sandbox.fault(kind="unknown", count=2)
        peer.until(lambda event: event.get("event_type") == "unheard_of")
        peer.until(lambda event: event.get("event_type") == "unheard_of")


#: whether a new connection, a new subscription on the old one, and the old subscription hear anything
CURES = {"connection": (True, False, False), "subscription": (True, True, False), "nothing": (False, False, False)}


@pytest.mark.parametrize("cure", CURES)
def test_a_whole_freeze(sandbox: Any, client: Any, tokens: list[str], cure: str) -> None:
    since = sandbox.alone()
    with client() as peer:
        peer.subscribe(*tokens)
        peer.until(lambda event: event["event_type"] == "price_change")
        fault = sandbox.fault(kind="freeze", seconds=30, cured_by=cure)
        peer.collect(0.2)
        heard = len(peer.frames)
        peer.collect(0.5)
        assert len(peer.frames) == heard and peer.texts[-1] == "PONG", "alive, and silent"
        peer.operate("subscribe", sandbox.symbols()[20])
        peer.collect(0.5)
        renewed = len(peer.frames) > heard
        with client() as other:
            other.subscribe(*tokens[:2])
            other.collect(0.5)
        assert (bool(other.frames), renewed) == CURES[cure][:2]
        assert {event.get("asset_id") for event in peer.frames[heard:] if event["event_type"] == "book"} <= {sandbox.symbols()[20]}
        sandbox.ask("/control/faults", {"id": fault}, "DELETE")
        peer.until(lambda event: event["event_type"] == "price_change" and event["price_changes"][0]["asset_id"] in tokens)
    assert len(struck(sandbox, "book_deltas", SKIPPED, since)) > 50


def test_a_partial_freeze(sandbox: Any, client: Any, tokens: list[str]) -> None:
    since = sandbox.alone()
    with client() as peer:
        peer.subscribe(*tokens)
        peer.until(lambda event: event["event_type"] == "price_change")
        sandbox.fault(kind="freeze", seconds=30, symbols=[tokens[0], tokens[3]])
        peer.collect(0.1)
        heard = len(peer.frames)
        peer.collect(1.0)
        changed = {change["asset_id"] for event in peer.frames[heard:] for change in event.get("price_changes", [])}
    assert changed and changed.isdisjoint(tokens[:4]) and len(changed) > 8
    assert set(struck(sandbox, "book_deltas", SKIPPED, since)["symbol"]) == {0, 1, 2, 3}


WITHHELD = {"all": (4, 4), "books": (4, 10), "deltas": (10, 4)}


@pytest.mark.parametrize("withheld", WITHHELD)
def test_a_ceiling(sandbox: Any, client: Any, tokens: list[str], withheld: str) -> None:
    sandbox.fault(kind="ceiling", streams=4, withheld=withheld, seconds=30)
    one_a_market = tokens[:20:2]
    with client() as peer:
        peer.subscribe(*one_a_market)
        peer.collect(1.0)
    books = {event["asset_id"] for event in peer.of("book") if "tick_size" in event}
    changed = {change["asset_id"] for event in peer.of("price_change") for change in event["price_changes"]} & set(one_a_market)
    assert (len(books), len(changed)) == WITHHELD[withheld]


def test_below_a_ceiling_one_leaves_room_for_who_asks_next_and_moves_nobody(sandbox: Any, client: Any, tokens: list[str]) -> None:
    """As whose book is asked for anew: by leaving and joining."""
    sandbox.fault(kind="ceiling", streams=4, withheld="books", seconds=60)
    one_a_market = tokens[:12:2]
    first, fifth = one_a_market[0], one_a_market[4]

    def told() -> list[str]:
        return [event["asset_id"] for event in peer.of("book") if "tick_size" in event]

    with client() as peer:
        peer.subscribe(*one_a_market)
        peer.until(lambda _: len(told()) == 4)
        peer.operate("unsubscribe", first)
        peer.operate("subscribe", first)
        peer.until(lambda _: told()[4:] == [first])
        peer.operate("unsubscribe", first, fifth)
        peer.operate("subscribe", fifth, first)
        peer.until(lambda _: told()[5:] == [fifth])
        peer.collect(0.5)
    assert told()[6:] == []


def test_unknown_words_are_refused(sandbox: Any) -> None:
    for command in ({"kind": "freeze", "cured_by": "love"}, {"kind": "ceiling", "withheld": "x"}, {"kind": "end_market", "scenario": "x"}):
        assert sandbox.ask("/control/faults", {"venue": "polymarket", **command})[0] == 400
    assert sandbox.get("/control/faults")["polymarket"]["active"] == []


def test_pongs_can_stay_away_and_handshakes_be_refused(sandbox: Any, client: Any, tokens: list[str]) -> None:
    sandbox.fault(kind="handshake_429")
    with pytest.raises(InvalidStatus) as refused, client():
        pass
    assert refused.value.response.status_code == 429
    with client() as peer:
        peer.subscribe(tokens[0])
        sandbox.fault(kind="no_pong", seconds=30)
        peer.socket.send("PING")
        peer.until(lambda event: event["event_type"] == "price_change")
        peer.until(lambda event: event["event_type"] == "price_change")
        assert "PONG" not in peer.texts


def test_sockets_that_drop_and_maintenance(sandbox: Any, client: Any, tokens: list[str]) -> None:
    for kind in ("drop", "maintenance"):
        with client() as peer:
            peer.subscribe(tokens[0])
            peer.read()
            sandbox.fault(kind=kind, **({"seconds": 30} if kind == "maintenance" else {}))
            with pytest.raises(ConnectionClosed):
                sandbox.drain(peer.socket, 5)
    assert sandbox.ask(f"{CLOB}/time")[0] == 503
    with pytest.raises(InvalidStatus), client():
        pass


HOSTS = {"gamma": f"{GAMMA}/markets/keyset?limit=1", "clob": f"{CLOB}/markets", "data": f"{DATA}/v2/trades?limit=1"}


@pytest.mark.parametrize("host", HOSTS)
def test_hosts_refuse_and_break(sandbox: Any, host: str) -> None:
    other = next(path for name, path in HOSTS.items() if name != host)
    for kind, status in (("rest_429", 429), ("rest_422", 422), ("rest_5xx", 502), ("rest_html", 200)):
        sandbox.fault(kind=kind, host=host)
        if kind != "rest_html":
            assert sandbox.ask(other)[0] == 200, "another host is well"
            answer = sandbox.ask(HOSTS[host])
            assert answer[0] == status and "Retry-After" not in answer[2]
            assert kind != "rest_5xx" or answer[1].startswith(b"<!DOCTYPE html>")
        else:
            with pytest.raises(ValueError, match="Expecting value"):
                sandbox.ask(HOSTS[host])
        assert sandbox.ask(HOSTS[host])[0] == 200
    sandbox.fault(kind="rest_429", host=host, retry_after=7)
    assert sandbox.ask(HOSTS[host])[2]["Retry-After"] == "7"


@pytest.mark.parametrize("host", HOSTS)
def test_cursors_that_repeat(sandbox: Any, host: str, poll: Any) -> None:
    poll(lambda: len(sandbox.get(f"{DATA}/v2/trades?limit=3")["data"]) == 3, 20)
    sandbox.fault(kind="endless_pages", host=host, seconds=30)
    names = {"gamma": ("after_cursor", "next_cursor"), "clob": ("next_cursor", "next_cursor"), "data": ("cursor", "next_cursor")}
    cursors = []
    for _ in range(3):
        glue = "&" if "?" in HOSTS[host] else "?"
        reply = sandbox.get(HOSTS[host] + (f"{glue}{names[host][0]}={cursors[-1]}" if cursors else ""))
        cursors.append((reply.get("pagination") or reply)["next_cursor"])
    assert cursors[0] is not None and len(set(cursors)) == 1


def test_slow_and_huge_answers_and_absent_books(sandbox: Any, tokens: list[str]) -> None:
    sandbox.fault(kind="rest_slow", delay_seconds=0.4, seconds=30)
    began = time.monotonic()
    sandbox.get(f"{CLOB}/ok")
    assert time.monotonic() - began > 0.4
    sandbox.clear()
    sandbox.fault(kind="rest_huge", megabytes=1)
    assert sandbox.get(HOSTS["gamma"])["markets"]
    sandbox.fault(kind="absent", symbol=tokens[1])
    asked = [{"token_id": token} for token in tokens[:3]]
    assert [book["asset_id"] for book in sandbox.ask(f"{CLOB}/books", asked)[1]] == [tokens[0], tokens[2]]
    assert len(sandbox.ask(f"{CLOB}/books", asked)[1]) == 3


def test_a_resolution_can_be_silent(sandbox: Any, client: Any, poll: Any) -> None:
    token = sandbox.symbols()[100]  # its market is nobody else's
    with client() as peer:
        peer.subscribe(sandbox.symbols()[0], custom=True)
        sandbox.fault(kind="silent_resolution")
        sandbox.fault(kind="end_market", symbol=token)
        poll(lambda: [line for line in sandbox.lines("lifecycle.jsonl") if line["event"] == "resolved"], 20)
        peer.collect(0.2)
    assert not peer.of("market_resolved")


def test_too_many_requests_of_a_kind(launch: Any) -> None:
    running, _ = launch("--rate", "0", "--markets", "2", "--market-seconds", "0")
    statuses = [running.ask(f"{CLOB}/ok")[0] for _ in range(220)]
    assert statuses[0] == 200 and 429 in statuses, "100 in ten seconds"
    assert running.ask(f"{CLOB}/time")[0] == 200
