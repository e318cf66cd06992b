"""Markets are listed, get a finer tick, are proposed, disputed and resolved, and the sources say so one after the other."""

import json
import time
from typing import Any

import pytest

GAMMA, CLOB, DATA = "/polymarket/gamma", "/polymarket/clob", "/polymarket/data"


def of_token(sandbox: Any, token: str, **params: Any) -> dict[str, Any] | None:
    """What Gamma shows of a market, open or closed."""
    for closed in ("false", "true"):
        found = sandbox.get(f"{GAMMA}/markets/keyset?clob_token_ids={token}&closed={closed}")["markets"]
        if found:
            return dict(found[0])
    return None


def resolution(sandbox: Any, condition: str) -> dict[str, Any]:
    return dict(sandbox.get(f"{DATA}/v2/resolutions?condition_id={condition}")["data"][0])


def lines_of(sandbox: Any, condition: str) -> list[dict[str, Any]]:
    return [line for line in sandbox.lines("lifecycle.jsonl") if line["condition"] == condition]


def stages_of(sandbox: Any, condition: str) -> list[str]:
    return [line["event"] for line in lines_of(sandbox, condition)]


#: a token for each scenario, of markets that are no part of a neg-risk event
TOKENS = {"plain": 18, "silent": 28, "disputed": 46, "fifty": 20, "void": 22}
ENDS = {
    "plain": ["ending", "proposed", "resolved"],
    "silent": ["ending", "proposed", "resolved"],
    "disputed": ["ending", "proposed", "disputed", "reproposed", "resolved"],
    "fifty": ["ending", "proposed", "resolved"],
    "void": ["ending", "proposed", "resolved"],
}


@pytest.mark.parametrize("scenario", TOKENS)
def test_a_market_ends(sandbox: Any, client: Any, poll: Any, scenario: str) -> None:
    token = sandbox.symbols()[TOKENS[scenario]]
    before = of_token(sandbox, token)
    assert before is not None and not before["closed"] and "umaResolutionStatus" not in before
    condition = before["conditionId"]
    with client() as peer:
        peer.subscribe(sandbox.symbols()[0], custom=True)
        sandbox.fault(kind="end_market", symbol=token, scenario=scenario)
        poll(lambda: "resolved" in stages_of(sandbox, condition), 20)
        peer.collect(0.3)
        told = peer.of("market_resolved")
    assert [stage for stage in stages_of(sandbox, condition) if stage != "tick_size"] == ENDS[scenario]
    (last,) = [line for line in lines_of(sandbox, condition) if line["event"] == "resolved"]
    assert len(told) == last["delivered"] == (1 if scenario in ("plain", "disputed") else 0), "global, or never told at all"
    payouts = last["payouts"]
    full = sandbox.get(f"{CLOB}/markets/{condition}")
    assert full["closed"] and [row["price"] for row in full["tokens"]] == payouts
    assert [row["winner"] for row in full["tokens"]] == [payout == 1 for payout in payouts]
    assert sandbox.ask(f"{CLOB}/book?token_id={token}")[0] == 404
    assert resolution(sandbox, condition)["status"] != "resolved", "the Data API is the last to know"
    if told:
        assert told[0]["winning_asset_id"] == told[0]["assets_ids"][payouts.index(1.0)]
    found = poll(lambda: (row := of_token(sandbox, token)) and row["closed"] and row, 10)
    assert [float(price) for price in json.loads(found["outcomePrices"])] == payouts and found["closedTime"].endswith("+00")
    assert ("umaResolutionStatus" in found) == (scenario != "void")
    final = poll(lambda: (row := resolution(sandbox, condition))["status"] == "resolved" and row, 10)
    assert [float(payout) for payout in final["payouts"]] == payouts and final["was_disputed"] == (scenario == "disputed")
    assert payouts == {"fifty": [0.5, 0.5], "void": [0.0, 0.0]}.get(scenario, payouts) and sum(payouts) in (0, 1)


def test_a_dispute_turns_the_proposal_round(sandbox: Any, poll: Any) -> None:
    condition = of_token(sandbox, sandbox.symbols()[24])["conditionId"]
    sandbox.fault(kind="end_market", symbol=sandbox.symbols()[24], scenario="disputed")
    poll(lambda: "resolved" in stages_of(sandbox, condition), 20)
    sides = {line["event"]: line.get("side") for line in lines_of(sandbox, condition)}
    assert sides["reproposed"] == 1 - sides["proposed"]
    assert lines_of(sandbox, condition)[-1]["payouts"][sides["reproposed"]] == 1


def test_exactly_one_of_a_neg_risk_event_wins(sandbox: Any, poll: Any) -> None:
    event = next(e for e in sandbox.get(f"{GAMMA}/events/keyset?limit=100")["events"] if e["negRisk"] and len(e["markets"]) == 2)
    for market in event["markets"]:
        sandbox.fault(kind="end_market", symbol=json.loads(market["clobTokenIds"])[0])
        poll(lambda condition=market["conditionId"]: "resolved" in stages_of(sandbox, condition), 20)
    wins = [lines_of(sandbox, market["conditionId"])[-1]["payouts"][0] for market in event["markets"]]
    assert sorted(wins) == [0.0, 1.0]


def test_near_the_end_the_tick_becomes_finer(sandbox: Any, client: Any, poll: Any) -> None:
    token = sandbox.symbols()[26]
    assert sandbox.get(f"{CLOB}/tick-size?token_id={token}") == {"minimum_tick_size": 0.01}
    with client() as peer:
        peer.subscribe(*sandbox.symbols()[26:28])
        peer.read()
        sandbox.fault(kind="end_market", symbol=token)
        first = peer.until(lambda event: event["event_type"] == "tick_size_change", 20)
        assert (first["old_tick_size"], first["new_tick_size"]) == ("0.01", "0.001")
        second = peer.until(lambda event: event["event_type"] == "tick_size_change")
        assert {first["asset_id"], second["asset_id"]} == set(sandbox.symbols()[26:28])


def test_a_new_market_is_told_twice_and_opens_a_little_later(sandbox: Any, client: Any, poll: Any) -> None:
    with client() as peer, client() as other:
        peer.subscribe(sandbox.symbols()[0], custom=True)
        other.subscribe(sandbox.symbols()[0])
        other.read()
        peer.read()
        sandbox.ask("/control/universe", {"venue": "polymarket", "list": ["will-this-be-listed"]})
        began = time.monotonic()
        told = peer.until(lambda event: event["event_type"] == "new_market")
        assert told["slug"] == "will-this-be-listed" and told["clob_token_ids"] == told["assets_ids"]
        young = sandbox.get(f"{GAMMA}/markets/{told['id']}")
        assert "clobTokenIds" not in young and not young["acceptingOrders"]
        assert sandbox.ask(f"{CLOB}/book?token_id={told['assets_ids'][0]}")[0] == 404
        peer.until(lambda event: event["event_type"] == "new_market" and event["id"] == told["id"])
        poll(lambda: "clobTokenIds" in sandbox.get(f"{GAMMA}/markets/{told['id']}"))
        assert time.monotonic() - began > 1
        peer.operate("subscribe", *told["assets_ids"])
        peer.until(lambda event: event.get("asset_id") == told["assets_ids"][0])
        other.collect(0)
        assert not other.of("new_market"), "only for who asked for custom features"
    for bad in ("Upper", "", "a b", "will-this-be-listed"):
        assert sandbox.ask("/control/universe", {"list": [bad]})[0] == 400


def test_the_turn_lists_and_ends_markets_by_itself(launch: Any, poll: Any) -> None:
    running, _ = launch("--rate", "100", "--markets", "40", "--market-seconds", "0.5", "--resolution-seconds", "0.2")
    poll(lambda: {"listed", "resolved"} <= {line["event"] for line in running.lines("lifecycle.jsonl")}, 20)
    assert len(running.get(f"{GAMMA}/markets/keyset?limit=100&closed=false")["markets"]) > 30


def test_a_restart_goes_on_where_the_ledger_ends(launch: Any, poll: Any) -> None:
    running, open_client = launch("--rate", "300", "--markets", "8", "--market-seconds", "0", "--resolution-seconds", "0.1")
    names = running.symbols()
    running.fault(kind="end_market", symbol=names[-1])
    poll(lambda: "resolved" in {line["event"] for line in running.lines("lifecycle.jsonl")})
    poll(lambda: len(running.records("trades")) > 20)
    running.stop()
    old, running.options = running.records("trades"), ("--rate", "0", *running.options[2:])
    running.start()
    assert running.symbols() == names and running.ask(f"{CLOB}/book?token_id={names[-1]}")[0] == 404
    last = {int(row["symbol"]) // 2: float(row["price"]) for row in old}
    for market in (0, 1):
        book = running.get(f"{CLOB}/book?token_id={names[2 * market]}")
        assert book["last_trade_price"] == (f"{last[market]:.3f}" if market in last else "")
    running.ask("/control/rate", {"rate": 300})
    with open_client() as peer:
        peer.subscribe(*names[:8])
        peer.until(lambda event: event["event_type"] == "last_trade_price")
    both = running.records("trades")
    assert len(both) > len(old) and len(set(both["sequence"])) == len(both) == both["sequence"].max()
    assert len(set(both["id"])) == len(both)
    first = "0x" + bytes(old[0]["transaction"]).hex()
    poll(lambda: [row["transaction_hash"] for row in running.get(f"{DATA}/v2/trades?limit=1000")["data"]][-1:] == [first])
