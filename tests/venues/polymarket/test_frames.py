"""Frames of the market channel in, columns out."""

import hashlib
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.records import Instrument, Market
from tests.venues.conftest import RECEIVED_US
from tests.venues.polymarket.frames import BOOK, HASH, MARKET, MS, NO, RESOLVED, TICK, TOP, TRADE, YES, change, changes, lists, sent
from venues.polymarket import frames
from venues.polymarket.frames import decode
from venues.polymarket.identity import print_number

NUMBER = int(HASH[:16], 16) >> 1


def rows(batch: Any, *bodies: bytes) -> dict[str, dict[str, Any]]:
    decoded = decode("market", batch(list(bodies)))
    assert not decoded.rejected, decoded.rejected
    return {kind: lists(columns) for kind, columns in decoded.rows.items()}


def test_a_change_of_prices_is_a_row_a_token_and_a_claim_on_each(batch) -> None:
    frame = sent(changes(change(), change(NO, "BUY", ".075", "23403.29", hash="03" * 20, best_bid="0.075", best_ask="0.076")))
    assert rows(batch, frame) == {
        "book_deltas": {
            "symbol": [YES, NO],
            "event_at": [MS * 1000] * 2,
            "received_at": [RECEIVED_US] * 2,
            "frame": [0, 0],
            "update_id": [NUMBER, 0x0303030303030303 >> 1],
            "previous_id": None,
            "side": [-1, 1],
            "price": [0.925, 0.075],
            "quantity": [23403.29, 23403.29],
        },
        "book_claims": {
            "symbol": [YES, NO],
            "event_at": [MS * 1000] * 2,
            "received_at": [RECEIVED_US] * 2,
            "frame": [0, 0],
            "bid_price": [0.924, 0.075],
            "ask_price": [0.925, 0.076],
        },
    }


def test_a_book_is_a_state_and_a_row_a_level(batch) -> None:
    found = rows(batch, sent(BOOK))
    head = {"event_at": [MS * 1000], "received_at": [RECEIVED_US], "frame": [0], "update_id": [NUMBER]}
    assert found["book_states"] == {"symbol": [YES], **head}
    levels = list(zip(*(found["book_snapshots"][name] for name in ("symbol", "update_id", "side", "price", "quantity")), strict=True))
    assert levels == [
        (YES, NUMBER, 1, 0.923, 2256.83),
        (YES, NUMBER, 1, 0.924, 24514.9),
        (YES, NUMBER, -1, 0.926, 818.1),
        (YES, NUMBER, -1, 0.925, 23403.29),
    ]


def test_the_first_answer_is_an_array_of_books(batch) -> None:
    other = BOOK | {"asset_id": NO, "asks": [], "hash": "f" * 40}
    found = rows(batch, sent(TOP), sent(BOOK, other))
    assert (found["book_states"]["symbol"], found["book_states"]["frame"]) == ([YES, NO], [1, 1])
    assert found["book_snapshots"]["symbol"] == [YES] * 4 + [NO] * 2
    assert found["book_snapshots"]["received_at"] == [RECEIVED_US + 100] * 6


def test_an_empty_book_is_on_record(batch) -> None:
    found = rows(batch, sent(BOOK | {"bids": [], "asks": []}))
    assert found["book_states"]["symbol"] == [YES]
    snapshot = found["book_snapshots"]
    assert (snapshot["side"], snapshot["price"], snapshot["quantity"]) == ([1], [0.0], [0.0])


def test_a_print_is_a_trade_known_by_what_identifies_it(batch) -> None:
    identity = f"{TRADE['transaction_hash']}:{YES}:BUY:216.216215:0.925"
    assert rows(batch, sent(TRADE)) == {
        "trades": {
            "symbol": [YES],
            "event_at": [1784578733812000],
            "received_at": [RECEIVED_US],
            "frame": [0],
            "trade_id": [int(hashlib.sha256(identity.encode()).hexdigest()[:16], 16) >> 1],
            "price": [0.925],
            "quantity": [216.216215],
            "side": [1],
            "venue_trade_id": [TRADE["transaction_hash"]],
        }
    }


def test_prints_of_one_transaction_differ_by_token_side_size_and_price() -> None:
    one = ("0xAB", YES, "BUY", 5.0, 0.5)
    others = [
        ("0xab", NO, "BUY", 5.0, 0.5),
        ("0xab", YES, "SELL", 5.0, 0.5),
        ("0xab", YES, "BUY", 5.01, 0.5),
        ("0xab", YES, "BUY", 5.0, 0.51),
    ]
    assert print_number(*one) == print_number("0xab", YES, "BUY", 5.00, 0.50)
    assert len({print_number(*row) for row in [one, *others]}) == 5
    assert print_number("", YES, "BUY", 5.0, 0.5, otherwise="1") != print_number("", YES, "BUY", 5.0, 0.5, otherwise="2")
    assert all(0 <= print_number(*row) < 2**63 for row in [one, *others])


@pytest.mark.parametrize(
    ("bid", "ask", "claimed"),
    [("0.73", "0.77", (0.73, 0.77)), ("0", "0.77", (0, 0.77)), ("0.73", "1", (0.73, 0)), ("0", "0", (0, 0)), (".73", ".77", (0.73, 0.77))],
)
def test_an_empty_side_is_no_price(batch, bid: str, ask: str, claimed: tuple[float, float]) -> None:
    for body in (sent(TOP | {"best_bid": bid, "best_ask": ask}), sent(changes(change(best_bid=bid, best_ask=ask)))):
        claims = rows(batch, body)["book_claims"]
        assert (claims["bid_price"], claims["ask_price"]) == ([claimed[0]], [claimed[1]])


def test_claims_of_changes_and_of_tops_come_in_the_order_of_the_frames(batch) -> None:
    claims = rows(batch, sent(changes(change())), sent(TOP | {"best_bid": "0.9"}), sent(changes(change(best_bid="0.91"))))["book_claims"]
    assert (claims["frame"], claims["bid_price"]) == ([0, 1, 2], [0.924, 0.9, 0.91])


def test_two_changes_of_a_token_in_a_frame_claim_once_and_last(batch) -> None:
    """The first claim holds between the two, where no reader of whole frames ever stands."""
    swept = changes(change(price="0.925", size="0", best_ask="0.926"), change(NO), change(price="0.926", size="8", best_ask="0.927"))
    found = rows(batch, sent(swept))
    assert len(found["book_deltas"]["symbol"]) == 3
    assert (found["book_claims"]["symbol"], found["book_claims"]["ask_price"]) == ([NO, YES], [0.925, 0.927])


def test_a_change_may_claim_nothing(batch) -> None:
    row = {name: value for name, value in change().items() if not name.startswith("best")}
    assert set(rows(batch, sent(changes(row)))) == {"book_deltas"}


def test_a_state_without_a_hash_is_numbered_by_its_values(batch) -> None:
    def numbers(*bodies: dict[str, Any]) -> list[int]:
        found = rows(batch, *map(sent, bodies))
        return [number for kind in ("book_deltas", "book_states") if kind in found for number in found[kind]["update_id"]]

    bare, torn = change(), change(hash="no hexadecimal at all")
    del bare["hash"]
    assert numbers(changes(bare)) == numbers(changes(bare | {"hash": ""}))
    assert len(set(numbers(changes(bare), changes(bare | {"size": "1"}), changes(bare, ms=MS + 1), changes(change())))) == 4
    assert numbers(changes(torn)) == numbers(changes(change(hash=HASH)), changes(torn))[1:] == numbers(changes(bare))
    books = [BOOK | {"hash": ""}, BOOK | {"hash": "", "asks": []}, BOOK | {"hash": "", "asset_id": NO}]
    assert len(set(numbers(*books))) == 3 and numbers(books[0]) == numbers(books[0])


def test_a_resolved_market_pays_each_token(batch) -> None:
    found = rows(batch, sent(TOP), sent(RESOLVED))["resolutions"]
    assert (found["symbol"], found["payout"], found["frame"]) == ([YES, NO], [0.0, 1.0], [1, 1])
    assert (set(found["source"]), set(found["status"]), set(found["event_at"])) == ({"market channel"}, {"resolved"}, {MS * 1000})
    assert decode("market", batch([sent(RESOLVED)])).of_known == ("resolutions",), "it is told of every market of the venue"


def test_a_new_market_is_described_with_its_tokens(batch) -> None:
    frame = {
        "event_type": "new_market",
        "market": MARKET,
        "question": "Will “it” be?",
        "description": "It will.",
        "assets_ids": [YES, NO],
        "outcomes": ["Yes", "No"],
        "event_message": {"id": "125819", "slug": "x"},
        "timestamp": str(MS),
        "order_price_min_tick_size": "0.0100",
    }
    decoded = decode("market", batch([sent(frame)]))
    assert (decoded.rows, decoded.rejected, decoded.ignored) == ({}, [], {})
    assert decoded.markets == [Market(MARKET, "Will “it” be?", "active", ((YES, "Yes"), (NO, "No")), rules="It will.", event_id="125819")]
    about = {"quote_asset": "USDC", "contract_type": "outcome", "tick_size": "0.01"}
    assert decoded.instruments == [
        Instrument(token, "active", **about, attributes={"market_id": MARKET, "outcome": name})
        for token, name in ((YES, "Yes"), (NO, "No"))
    ]
    assert not decoded.complete and decoded.provisional, "the list of markets knows more"


def test_another_tick_size_begins_another_epoch_of_the_book(batch) -> None:
    found = rows(batch, sent(TOP), sent(TICK))["book_epochs"]
    assert found == {
        "symbol": [TICK["asset_id"]],
        "event_at": [int(TICK["timestamp"]) * 1000],
        "received_at": [RECEIVED_US + 100],
        "frame": [1],
    }


IGNORED = [
    (b"PONG", "pong"),
    (b"[]", "nothing"),
    (b'{"event_type":"market_paused","x":1}', "unknown event market_paused"),
    (b'[{"event_type":"novelty"}]', "unknown event novelty"),
]


@pytest.mark.parametrize(("frame", "reason"), IGNORED)
def test_what_is_left_out_is_counted_under_its_name(batch, frame: bytes, reason: str) -> None:
    decoded = decode("market", batch([sent(TOP), frame, sent(TOP)]))
    assert (decoded.ignored, decoded.rejected) == ({reason: 1}, [])
    assert lists(decoded.rows["book_claims"])["frame"] == [0, 2]


REJECTED = [
    sent(changes(change(price="1.01"))),
    sent(changes(change(price="-0.1"))),
    sent(changes(change(size="NaN"))),
    sent(changes(change(size="Infinity"))),
    sent(changes(change(side="HOLD"))),
    sent(changes(change(token=""))),
    sent(changes(change(token="7" * 101))),
    sent(changes(change(best_bid="much"))),
    sent(changes()),
    sent(changes(change(), ms=17)),
    sent(changes(change(token="7\0"))),
    sent(TRADE | {"price": "0"}),
    sent(TRADE | {"size": "0"}),
    sent(TRADE | {"timestamp": "soon"}),
    sent(BOOK | {"bids": [{"price": True, "size": "1"}]}),
    sent(RESOLVED | {"winning_asset_id": "7"}),
    sent(BOOK)[:-20],
    b'{"gameId":19439,"status":"InProgress"}',
    b'{"event_type":7}',
    b"",
    b"null",
    b"\xff\xfe",
    b"[" * 5000,
]


@pytest.mark.parametrize("frame", REJECTED, ids=range(len(REJECTED)))
def test_a_broken_frame_costs_none_of_its_neighbours(batch, frame: bytes) -> None:
    sound = [sent(changes(change())), sent(BOOK), sent(TRADE)]
    decoded = decode("market", batch([*sound, frame, *sound]))
    assert [rejected.frame for rejected in decoded.rejected] == [3]
    assert [len(decoded.rows[kind]["frame"]) for kind in ("book_deltas", "book_states", "trades")] == [2, 2, 2]


def test_a_broken_element_of_an_array_costs_none_of_its_neighbours(batch) -> None:
    array = sent(BOOK, BOOK | {"asset_id": NO, "timestamp": "x"}, {"event_type": "novelty"}, BOOK | {"asset_id": "7"})
    decoded = decode("market", batch([sent(TOP), array]))
    assert [(rejected.frame, "timestamp" in rejected.reason) for rejected in decoded.rejected] == [(1, True)]
    assert decoded.ignored == {"unknown event novelty": 1}
    assert lists(decoded.rows["book_states"])["symbol"] == [YES, "7"]


def test_a_field_nobody_documented_changes_nothing(batch) -> None:
    assert rows(batch, sent({"novelty": {"of": [1]}} | changes(change() | {"x": None}))) == rows(batch, sent(changes(change())))


EVENTS = [BOOK, changes(change(), change(NO)), TRADE, TOP, RESOLVED, TICK, {"event_type": "novelty"}, changes(change(price=".5"))]


@given(st.lists(st.sampled_from(EVENTS).map(sent) | st.sampled_from([b"PONG", b"{}", sent(BOOK, TOP)]), max_size=12))
@settings(max_examples=200, deadline=None)
def test_what_a_frame_means_does_not_depend_on_its_company(batch, bodies: list[bytes]) -> None:
    together = decode("market", batch(bodies))
    alone = [decode("market", batch([body])) for body in bodies]
    for kind in {kind for one in [together, *alone] for kind in one.rows}:
        parts = [(place, one.rows[kind]) for place, one in enumerate(alone) if kind in one.rows]
        whole = lists(together.rows[kind])
        assert whole["frame"] == [place for place, part in parts for _ in range(len(part["frame"]))]
        for name in set(whole) - {"frame", "received_at", "previous_id"}:
            assert whole[name] == [value for _, part in parts for value in (lists(part)[name] or [])]
    assert [rejected.frame for rejected in together.rejected] == [place for place, one in enumerate(alone) if one.rejected]
    counted = [reason for one in alone for reason, count in one.ignored.items() for _ in range(count)]
    assert together.ignored == {reason: counted.count(reason) for reason in counted}


def test_the_usual_batch_is_read_in_one_call(batch) -> None:
    usual = [sent(event) for event in EVENTS if event.get("event_type") != "novelty"]
    assert frames._decode_alike(batch(usual)) is not None
    assert frames._decode_alike(batch([*usual, b"PONG"])) is None


def test_no_other_field_loses_its_point(batch) -> None:
    frame = {
        "event_type": "new_market",
        "market": MARKET,
        "question": ".5 litres?",
        "assets_ids": [YES],
        "outcomes": ["Yes"],
        "timestamp": str(MS),
    }
    decoded = decode("market", batch([sent(frame), sent(TOP | {"best_bid": ".5"})]))
    assert decoded.markets[0].title == ".5 litres?"


def test_values_are_the_texts_digit_for_digit(batch) -> None:
    found = rows(batch, sent(changes(change(price="0.0025", size="21006065.123456"))))["book_deltas"]
    assert [repr(found["price"][0]), repr(found["quantity"][0])] == ["0.0025", "21006065.123456"]
    assert np.array(json.loads("[0.0025]"))[0] == found["price"][0]
