"""Commands and their answers: sids, numbers that answers take too, errors by their codes."""

from typing import Any

import pytest


def test_answers_take_numbers_of_their_subscription(client: Any, tickers: list[str]) -> None:
    with client() as peer:
        sid = peer.subscribe("orderbook_delta", *tickers[:3], use_yes_price=True)
        added = peer.ask("update_subscription", sid=sid, market_tickers=tickers[3:5], action="add_markets")
        assert added["msg"]["market_tickers"] == tickers[:5]
        removed = peer.ask("update_subscription", sids=[sid], market_tickers=tickers[:2], action="delete_markets")
        assert removed["msg"]["market_tickers"] == tickers[2:5]
        peer.send("update_subscription", sid=sid, market_tickers=tickers[2:4], action="get_snapshot")
        peer.collect(0.5)
    last = peer.of("unsubscribed")[0]
    assert peer.seqs(sid) == list(range(1, last["seq"] + 1)) and last["seq"] > 20
    asked = [frame["msg"]["market_ticker"] for frame in peer.of("orderbook_snapshot") if frame.get("id") == 4]
    assert asked == tickers[2:4]


def test_no_delta_of_a_market_before_its_snapshot(client: Any, tickers: list[str]) -> None:
    with client() as peer:
        sid = peer.subscribe("orderbook_delta", *tickers[:4])
        peer.ask("update_subscription", sid=sid, market_tickers=tickers[4:8], action="add_markets")
        peer.collect(0.5)
    seen = set()
    for frame in peer.frames:
        if frame["type"] == "orderbook_snapshot":
            seen.add(frame["msg"]["market_ticker"])
        elif frame["type"] == "orderbook_delta":
            assert frame["msg"]["market_ticker"] in seen
    assert seen == set(tickers[:8])


def test_removed_markets_fall_silent(client: Any, tickers: list[str]) -> None:
    with client() as peer:
        sid = peer.subscribe("orderbook_delta", *tickers[:2])
        peer.until(lambda frame: frame["type"] == "orderbook_delta")
        peer.ask("update_subscription", sid=sid, market_tickers=tickers[:1], action="delete_markets")
        start = len(peer.frames)
        peer.collect(0.4)
    later = {frame["msg"]["market_ticker"] for frame in peer.frames[start:] if frame["type"] == "orderbook_delta"}
    assert later <= {tickers[1]}


def test_subscribing_again_adds_to_the_same_sid(client: Any, tickers: list[str]) -> None:
    with client() as peer:
        sids = [peer.subscribe("orderbook_delta", name) for name in tickers[:2]]
        assert sids == [1, 1]
        assert peer.subscribe("trade") == 2 and peer.subscribe("market_lifecycle_v2") == 3
        listed = peer.ask("list_subscriptions")["msg"]
        assert [(row["channel"], row["sid"]) for row in listed] == [("orderbook_delta", 1), ("trade", 2), ("market_lifecycle_v2", 3)]
        peer.until(lambda frame: frame["type"] == "orderbook_delta" and frame["msg"]["market_ticker"] == tickers[1])


def test_several_channels_are_acknowledged_one_by_one(client: Any, tickers: list[str]) -> None:
    with client() as peer:
        peer.ask("subscribe", channels=["orderbook_delta", "trade"], market_ticker=tickers[0])
        second = peer.until(lambda frame: frame.get("id") == 1 and frame["msg"]["channel"] == "trade")
        assert second == {"id": 1, "type": "subscribed", "msg": {"channel": "trade", "sid": 2}}


def test_tickers_have_no_numbers_and_begin_when_asked(client: Any, tickers: list[str]) -> None:
    with client() as peer:
        peer.subscribe("ticker", *tickers[:5], send_initial_snapshot=True)
        peer.until(lambda _: {frame["msg"]["market_ticker"] for frame in peer.of("ticker")} == set(tickers[:5]))
        assert all("seq" not in frame for frame in peer.of("ticker"))


def test_markets_by_id_on_tickers(client: Any, get: Any, tickers: list[str]) -> None:
    with client() as peer:
        peer.subscribe("ticker", tickers[0], send_initial_snapshot=True)
        market_id = peer.until(lambda frame: frame["type"] == "ticker")["msg"]["market_id"]
    with client() as peer:
        peer.ask("subscribe", channels=["ticker"], market_ids=[market_id], send_initial_snapshot=True)
        assert peer.until(lambda frame: frame["type"] == "ticker")["msg"]["market_ticker"] == tickers[0]


ERRORS = {
    2: ("subscribe", None),
    3: ("subscribe", {"market_ticker": "X"}),
    4: ("unsubscribe", {"sids": []}),
    5: ("sing", {"a": 1}),
    7: ("unsubscribe", {"sids": [99]}),
    8: ("subscribe", {"channels": ["gossip"]}),
    11: ("subscribe", {"channels": ["trade"], "market_tickers": [7]}),
    12: ("update_subscription", {"sids": [1, 2], "action": "add_markets"}),
    13: ("update_subscription", {"sid": 1, "action": "dance", "market_ticker": "X"}),
    14: ("subscribe", {"channels": ["orderbook_delta"]}),
    15: ("update_subscription", {"sid": 1, "market_ticker": "X"}),
}


@pytest.mark.parametrize("code", ERRORS)
def test_errors_say_their_code(client: Any, tickers: list[str], code: int) -> None:
    cmd, params = ERRORS[code]
    with client() as peer:
        peer.subscribe("trade", tickers[0])
        answer = peer.ask(cmd, **(params or {}))
    assert (answer["type"], answer["msg"]["code"]) == ("error", code)


def test_an_error_about_a_subscription_takes_a_number(client: Any, tickers: list[str]) -> None:
    with client() as peer:
        sid = peer.subscribe("orderbook_delta", tickers[0])
        answer = peer.ask("update_subscription", sid=sid, action="dance", market_ticker=tickers[0])
        assert answer["sid"] == sid
        peer.collect(0.2)
    assert peer.seqs(sid) == list(range(1, len(peer.seqs(sid)) + 1))


def test_nonsense_is_answered(client: Any) -> None:
    with client() as peer:
        peer.socket.send("{")
        assert peer.receive()["msg"]["code"] == 1
        peer.socket.send('"subscribe"')
        assert peer.receive()["msg"]["code"] == 1


def test_heartbeats_are_pings_with_that_body(launch: Any, poll: Any) -> None:
    """The library answers them; one that did not would lose its socket."""
    _, client = launch("--ping-seconds", "1")
    with client() as peer:
        heard: list[bytes] = []
        protocol = peer.socket.protocol
        received = protocol.recv_frame
        protocol.recv_frame = lambda frame: (heard.append(bytes(frame.data)), received(frame))[1]
        poll(lambda: len(heard) == 4)
        assert peer.ask("list_subscriptions")["msg"] == []
    assert heard[:4] == [b"heartbeat"] * 4
