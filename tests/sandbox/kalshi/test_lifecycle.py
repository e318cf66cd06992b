"""Markets open and close by the clock without a word, are determined, disputed, settled, and some vanish."""

from decimal import Decimal
from typing import Any

from tests.sandbox.kalshi.test_streams import replayed

ROLLING = "KXBTC15M"


def told(peer: Any, event_type: str, name: str = "") -> list[dict[str, Any]]:
    types = ("market_lifecycle_v2", "multivariate_market_lifecycle")
    found = [frame["msg"] for frame in peer.frames if frame["type"] in types]
    return [message for message in found if message["event_type"] == event_type and message["market_ticker"].startswith(name)]


def created(peer: Any) -> dict[str, Any]:
    """The next short market that trades."""
    frame = peer.until(lambda frame: frame.get("msg", {}).get("event_type") == "created" and frame["msg"]["market_ticker"].endswith("-00"))
    message: dict[str, Any] = frame["msg"]
    return message


def test_the_life_of_a_short_market(client: Any, get: Any, ask: Any) -> None:
    with client() as peer:
        peer.subscribe("market_lifecycle_v2")
        market = created(peer)
        name = market["market_ticker"]
        assert peer.of("event_lifecycle")[-1]["msg"]["event_ticker"] == market["additional_metadata"]["event_ticker"]
        peer.subscribe("orderbook_delta", name)
        peer.subscribe("trade", name)
        peer.until(lambda _: told(peer, "settled", name), seconds=20)
        peer.collect(0.1)
    assert [
        message["event_type"] for message in (frame["msg"] for frame in peer.of("market_lifecycle_v2")) if message["market_ticker"] == name
    ] == [
        "created",
        "determined",
        "settled",
    ]
    snapshots = [frame["msg"] for frame in peer.of("orderbook_snapshot") if frame["msg"]["market_ticker"] == name]
    assert set(snapshots[-1]) == {"market_ticker", "market_id"}, "closing empties the book"
    row = get(f"/markets/{name}")["market"]
    determined = told(peer, "determined", name)[0]
    assert (row["status"], row["result"]) == ("finalized", determined["result"])
    assert row["settlement_value_dollars"] == determined["settlement_value"] in ("0.0000", "1.0000")
    last = peer.of("orderbook_delta")[-1]["msg"]["ts_ms"]
    assert last / 1000 <= market["close_ts"] + 1.2


def test_who_has_seen_a_market_before_it_opens_is_told_of_every_order(client: Any) -> None:
    with client() as peer:
        peer.subscribe("market_lifecycle_v2")
        name = created(peer)["market_ticker"]
        sid = peer.subscribe("orderbook_delta", name)
        peer.until(lambda _: len(peer.of("orderbook_delta")) > 3)
        peer.send("update_subscription", sid=sid, market_tickers=[name], action="get_snapshot")
        peer.until(lambda _: len(peer.of("orderbook_snapshot")) == 2)
    assert replayed(peer.frames)[name]


def test_a_provisional_market_vanishes(client: Any, ask: Any, get: Any, poll: Any) -> None:
    with client() as peer:
        peer.subscribe("market_lifecycle_v2")
        name = created(peer)["market_ticker"].replace("-00", "-01")
        assert poll(lambda: (found := ask(f"/markets/{name}"))[0] == 200 and found[1])["market"]["is_provisional"] is True
        peer.until(lambda _: told(peer, "determined", name), seconds=20)
    poll(lambda: ask(f"/markets/{name}")[0] == 404)
    assert get(f"/markets?tickers={name}")["markets"] == []


def test_a_dispute_turns_the_result(sandbox: Any, client: Any, get: Any, poll: Any) -> None:
    with client() as peer:
        peer.subscribe("market_lifecycle_v2")
        fault = sandbox.fault(kind="dispute")
        peer.until(lambda _: sandbox.injected(fault) and told(peer, "determined"), seconds=20)
        message = told(peer, "determined")[-1]
        name = message["market_ticker"]
        seen = [poll(lambda status=status: _status(get, name) == status and status) for status in ("disputed", "amended", "finalized")]
    assert seen == ["disputed", "amended", "finalized"]
    row = get(f"/markets/{name}")["market"]
    assert row["result"] != message["result"]
    assert Decimal(row["settlement_value_dollars"]) == 1 - Decimal(message["settlement_value"])


def _status(get: Any, name: str) -> str:
    rows = get(f"/markets?tickers={name}")["markets"]
    return str(rows[0]["status"]) if rows else ""


def test_a_pause_is_told_and_stops_the_market(sandbox: Any, client: Any, get: Any, tickers: list[str]) -> None:
    with client() as peer:
        peer.subscribe("market_lifecycle_v2")
        sid = peer.subscribe("orderbook_delta", tickers[0])
        sandbox.fault(kind="pause", symbol=tickers[0], seconds=1)
        peer.until(lambda _: told(peer, "deactivated", tickers[0]))
        assert get(f"/markets/{tickers[0]}")["market"]["status"] == "inactive"
        start = len(peer.frames)
        peer.until(lambda _: told(peer, "activated", tickers[0]))
        assert not [frame for frame in peer.frames[start:] if frame.get("sid") == sid and frame["type"] == "orderbook_delta"]
        peer.until(lambda frame: frame.get("sid") == sid)


def test_an_early_close_is_told(sandbox: Any, client: Any, tickers: list[str], get: Any, poll: Any) -> None:
    with client() as peer:
        peer.subscribe("market_lifecycle_v2")
        sandbox.fault(kind="close_early", symbol=tickers[20])
        peer.until(lambda _: told(peer, "close_date_updated", tickers[20]))
    poll(lambda: _status(get, tickers[20]) in ("closed", "determined", "finalized"))


def test_amended_rules_grids_and_fees_are_told(sandbox: Any, client: Any, get: Any, tickers: list[str]) -> None:
    before = get(f"/markets/{tickers[1]}")["market"]
    with client() as peer:
        peer.subscribe("market_lifecycle_v2")
        sandbox.fault(kind="amend", symbol=tickers[1])
        peer.until(lambda _: told(peer, "metadata_updated", tickers[1]))
        sandbox.fault(kind="regrid")
        peer.until(lambda _: told(peer, "price_level_structure_updated"))
        sandbox.fault(kind="fee_override", seconds=0.3)
        peer.until(lambda _: len(peer.of("event_fee_update")) == 2)
    after = get(f"/markets/{tickers[1]}")["market"]
    assert after["rules_primary"] != before["rules_primary"] and after["updated_time"] > before["updated_time"]
    finer = told(peer, "price_level_structure_updated")[0]
    assert get(f"/markets/{finer['market_ticker']}")["market"]["price_ranges"] == finer["price_ranges"]
    override, cleared = (frame["msg"] for frame in peer.of("event_fee_update"))
    assert override["fee_multiplier_override"] == 0.5 and cleared["fee_multiplier_override"] is None
    changes = get("/events/fee_changes")["event_fee_changes"]
    assert [row["fee_multiplier_override"] for row in changes] == [None, 0.5]


def test_combos_have_a_lifecycle_channel_of_their_own(sandbox: Any, client: Any) -> None:
    with client() as peer:
        peer.subscribe("multivariate_market_lifecycle")
        peer.subscribe("market_lifecycle_v2")
        sandbox.ask("/control/universe", {"venue": "kalshi", "list": ["KXMVESPORTS-S9999-E1"]})
        frame = peer.until(lambda frame: frame.get("msg", {}).get("market_ticker") == "KXMVESPORTS-S9999-E1")
    assert frame["type"] == "multivariate_market_lifecycle" and frame["msg"]["event_type"] == "created"
