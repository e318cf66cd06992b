"""What the farm's decoders read of a pair on either venue is one question, its books and its result: two readings of the same documents."""

import json
import time
from typing import Any

import numpy as np
import pytest

from core.venue import Decoded, Frames, Reply, Request
from venues import VENUES

pytestmark = pytest.mark.skipif(not {"kalshi", "polymarket"} <= set(VENUES), reason="a folder of theirs is deleted")
UNIT = 10_000
#: Prices of the levels by which a book shows that it lives.
ALIVE = (100, 9_900)


def ask(pairs: Any, venue: str, poll: str, request: Request) -> list[Decoded]:
    """All pages of a request, as the farm reads them."""
    one, found, following = VENUES[venue].poll(poll), [], request
    while following is not None:
        path, params = following.target()
        query = "&".join(f"{name}={value}" for name, value in params.items())
        status, body, _ = pairs.running.ask(f"/{venue}{path}{'&' if '?' in path else '?'}{query}", following.body)
        assert status == 200, body
        reply = Reply(poll, following.params, json.dumps(body).encode(), time.time_ns() // 1000)
        found.append(one.parse(reply))
        assert not found[-1].rejected
        following = one.follow(reply) if one.follow else None
    return found


def walk(pairs: Any, venue: str, poll: str, symbols: list[str]) -> list[Decoded]:
    requests = VENUES[venue].poll(poll).requests(symbols, time.time_ns() // 1000)
    return [decoded for request in requests for decoded in ask(pairs, venue, poll, request)]


def test_markets_of_both_venues_are_one_question_each(pairs: Any) -> None:
    kalshi = {market.market_id: market for decoded in walk(pairs, "kalshi", "events", []) for market in decoded.markets}
    polymarket = {market.market_id: market for decoded in walk(pairs, "polymarket", "markets", []) for market in decoded.markets}
    series = {row.symbol: row.attributes for decoded in walk(pairs, "kalshi", "series", []) for row in decoded.instruments}
    for pair in pairs.all():
        one, other = kalshi[pair["kalshi"]["market"]], polymarket[pair["polymarket"]["market"]]
        assert (one.title, other.title) == (pair["kalshi"]["title"], pair["polymarket"]["title"])
        assert one.status == other.status == "active" and one.rules and other.rules and one.rules != other.rules
        assert [symbol for symbol, _ in one.outcomes] == [pair["kalshi"]["symbol"]]
        assert [token for token, _ in other.outcomes] == pair["polymarket"]["tokens"]
        assert (one.closes_at_us, other.closes_at_us) == (pair["kalshi"]["closes_us"], pair["polymarket"]["closes_us"])
        assert abs((one.closes_at_us or 0) - (other.closes_at_us or 0)) < 86_400_000_000
        assert series[one.series_id]["fee_type"].startswith("quadratic")
        assert ("feeSchedule" in other.attributes) == (pair["topic"] != "border")


def shown(rows: Any, symbol: str) -> dict[str, list[list[int]]]:
    """Levels of a symbol's snapshots, the best first."""
    found: dict[int, dict[int, int]] = {1: {}, -1: {}}
    for place, name in enumerate(rows["symbol"]):
        if name == symbol and round(rows["price"][place] * UNIT) not in ALIVE:
            found[int(rows["side"][place])][round(rows["price"][place] * UNIT)] = int(rows["quantity"][place])
    sides = (("bids", 1), ("asks", -1))
    return {name: [[price, found[side][price]] for price in sorted(found[side], reverse=side > 0)] for name, side in sides}


def decoded_frames(venue: str, channel: str, texts: list[str]) -> Decoded:
    module = VENUES[venue]
    frames = [text.encode() for text in texts]
    controls = [module.stream.control(frame) for frame in frames]
    kept = [frame for frame, control in zip(frames, controls, strict=True) if control is None or control.keep]
    decoded = module.decode(channel, Frames(b"\n".join(kept), len(kept), np.arange(len(kept)) + 1, lines=True))
    assert not decoded.rejected
    return decoded


def test_frames_of_books_are_read_and_cross_as_the_truth_says(pairs: Any) -> None:
    every = pairs.all()
    with pairs.on_kalshi() as kalshi, pairs.on_polymarket() as polymarket:
        module = VENUES["kalshi"]
        channel = next(one for one in module.channels if one.name == "orderbook_delta")
        for command in module.stream.subscribe(channel, [pair["kalshi"]["symbol"] for pair in every], 1):
            kalshi.socket.send(command)
        polymarket.subscribe(*(pair["polymarket"]["symbol"] for pair in every))
        kalshi.until(lambda _: len(kalshi.of("orderbook_snapshot")) == len(every))
        polymarket.collect(0.2)
    levels = decoded_frames("kalshi", "orderbook_delta", kalshi.texts).rows["book_snapshots"]
    books = decoded_frames("polymarket", "market", polymarket.texts).rows["book_snapshots"]
    for pair in every:
        truth = pair["phases"][pair["phase"]]["books"]
        assert shown(levels, pair["kalshi"]["symbol"]) == truth["kalshi"]
        assert shown(books, pair["polymarket"]["symbol"]) == truth["polymarket"]


def test_results_are_read_and_two_sources_of_polymarket_agree(mortal_pairs: Any, poll: Any) -> None:
    chosen = [pair for kind in ("clear", "void", "dispute") for pair in mortal_pairs.all(kind)[:2]]
    mortal_pairs.act("resolve", *(pair["pair"] for pair in chosen))
    payouts = {"yes": 1.0, "no": 0.0, "void": 0.5}

    def told(venue: str, polled: str) -> set[tuple[str, str, str, float | None]]:
        rows = set()
        for decoded in walk(mortal_pairs, venue, polled, [pair[venue]["market"] for pair in chosen]):
            found = decoded.rows.get("resolutions")
            for place, symbol in enumerate(found["symbol"] if found else ()):
                payout = found["payout"][place]
                rows.add((symbol, found["source"][place], found["status"][place], None if np.ma.is_masked(payout) else float(payout)))
        return rows

    final = [(pair["kalshi"]["symbol"], "kalshi", "resolved", payouts[pair["results"]["kalshi"]]) for pair in chosen]
    poll(lambda: set(final) <= told("kalshi", "settlements"), 30)
    final = [
        (pair["polymarket"]["symbol"], source, "resolved", payouts[pair["results"]["polymarket"]])
        for pair in chosen
        for source in ("gamma", "clob")
    ]
    poll(lambda: set(final) <= told("polymarket", "resolutions"), 30)
