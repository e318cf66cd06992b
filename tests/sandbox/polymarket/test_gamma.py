"""Gamma's walks, filters, refusals, and its JSON inside strings."""

import json
from typing import Any

import pytest

BASE = "/polymarket/gamma"


def walk(get: Any, path: str, key: str, **params: Any) -> list[list[Any]]:
    pages, cursor = [], None
    while len(pages) < 50:
        reply = get("gamma", path, **params, **({"after_cursor": cursor} if cursor else {}))
        pages.append(reply[key])
        cursor = reply.get("next_cursor")
        if cursor is None:
            return pages
    raise AssertionError("the walk does not end")


@pytest.mark.parametrize("order", [{}, {"order": "volumeNum", "ascending": "false"}, {"order": "createdAt"}])
def test_a_walk_shows_every_market_once(get: Any, order: dict[str, str]) -> None:
    pages = walk(get, "/markets/keyset", "markets", limit=30, **order)
    ids = [market["id"] for page in pages for market in page]
    assert [len(page) for page in pages] == [30, 30, 20] and len(set(ids)) == 80


def test_a_limit_that_is_too_large_is_cut_and_cursor_is_no_parameter(launch: Any) -> None:
    running, _ = launch("--rate", "0", "--markets", "120", "--market-seconds", "0")
    first = running.get(f"{BASE}/markets/keyset?limit=500")
    assert len(first["markets"]) == 100
    again = running.get(f"{BASE}/markets/keyset?limit=500&cursor={first['next_cursor']}")
    assert again["markets"][0]["id"] == first["markets"][0]["id"]
    rest = running.get(f"{BASE}/markets/keyset?limit=500&after_cursor={first['next_cursor']}")
    assert len(rest["markets"]) == 20 and "next_cursor" not in rest


def test_arrays_inside_strings_correspond(get: Any, sandbox: Any) -> None:
    (market,) = get("gamma", "/markets/keyset", clob_token_ids=sandbox.symbols()[5])["markets"]
    tokens, outcomes, prices = (json.loads(market[name]) for name in ("clobTokenIds", "outcomes", "outcomePrices"))
    assert tokens == sandbox.symbols()[4:6] and len(outcomes) == len(prices) == 2
    assert all(isinstance(price, str) for price in prices) and sum(map(float, prices)) == pytest.approx(1)
    assert isinstance(market["volume"], str) and isinstance(market["volumeNum"], float)
    assert market["endDate"].endswith("Z") and len(market["description"]) > 300 and market["events"][0]["id"]


def test_filters(get: Any) -> None:
    everything = [market for page in walk(get, "/markets/keyset", "markets", limit=100) for market in page]
    sports = get("gamma", "/markets/keyset", limit=100, tag_id=next(row["id"] for row in get("gamma", "/tags") if row["slug"] == "sports"))
    assert {market["id"] for market in sports["markets"]} == {m["id"] for m in everything if m["tags"][0]["slug"] == "sports"} != set()
    big = get("gamma", "/markets/keyset", limit=100, volume_num_min=1e6)["markets"]
    assert 0 < len(big) < 80 and all(market["volumeNum"] >= 1e6 for market in big)
    one = everything[7]
    for name, value in (
        ("id", one["id"]),
        ("slug", one["slug"]),
        ("condition_ids", one["conditionId"]),
        ("question_ids", one["questionID"]),
    ):
        (found,) = get("gamma", "/markets/keyset", **{name: value})["markets"]
        assert found["id"] == one["id"]
    assert get("gamma", f"/markets/{one['id']}")["slug"] == one["slug"]
    assert get("gamma", f"/markets/slug/{one['slug']}")["id"] == one["id"]
    assert get("gamma", "/markets", limit=3, offset=7)[0]["id"] == one["id"]


def test_events_hold_their_markets(get: Any) -> None:
    events = [event for page in walk(get, "/events/keyset", "events", limit=7) for event in page]
    assert sum(len(event["markets"]) for event in events) == 80 and max(len(event["markets"]) for event in events) == 8
    crowded = next(event for event in events if len(event["markets"]) == 8)
    assert crowded["negRisk"] and len({market["negRiskMarketID"] for market in crowded["markets"]}) == 1
    assert get("gamma", f"/events/{crowded['id']}")["slug"] == crowded["slug"]
    assert get("gamma", f"/events/slug/{crowded['slug']}")["id"] == crowded["id"]
    found = get("gamma", "/public-search", q="nominee")["events"]
    assert found and all("nominee" in event["title"] for event in found)


REFUSED = ["limit=x", "order=nonsense", "closed=perhaps", "offset=3", "after_cursor=!!", "volume_num_min=x"]


@pytest.mark.parametrize("query", [*REFUSED, f"condition_ids={','.join(['0x1'] * 101)}"])
def test_bad_parameters_are_refused_with_422(sandbox: Any, query: str) -> None:
    status, body, _ = sandbox.ask(f"{BASE}/markets/keyset?{query}")
    assert status == 422 and body["type"] == "validation error" and body["error"]


def test_what_does_not_exist_is_404(sandbox: Any) -> None:
    for path in ("/markets/1", "/markets/slug/none", "/events/1", "/events/slug/none"):
        assert sandbox.ask(BASE + path)[0] == 404
