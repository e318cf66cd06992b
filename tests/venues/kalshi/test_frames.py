"""Kalshi's messages into rows, and what is numbered, left out or put aside."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.records import BOOK_CHANGES, BOOK_CLAIMS, BOOK_SNAPSHOTS, BOOK_STATES, RESOLUTIONS, TICKERS, TRADES
from core.venue import Decoded, Frames
from tests.venues.conftest import RECEIVED_US
from tests.venues.kalshi.messages import AT_MS, BOOK, MARKET, UUID, delta, frame, lifecycle, lists, snapshot, ticker, trade
from venues.kalshi import VENUE
from venues.kalshi.frames import decode, number_of

AT_US = AT_MS * 1000


def one(batch: Any, body: bytes, **options: Any) -> Decoded:
    return decode("orderbook_delta", batch([body]), **options)


@pytest.mark.parametrize(("channel", "message"), [("orderbook_delta", snapshot(seq=1)), ("trade", trade(seq=1)), ("ticker", ticker())])
def test_a_channel_is_numbered_as_it_is_declared(channel: str, message: bytes, batch: Any) -> None:
    declared = next(one.numbered for one in VENUE.channels if one.name == channel)
    assert (decode(channel, batch([message])).numbered is not None) == declared


# --- books


def test_a_snapshot_is_a_state_and_its_levels(batch: Any) -> None:
    rows = one(batch, snapshot(seq=9)).rows
    head = {"symbol": [MARKET], "event_at": [AT_US + 5000], "received_at": [RECEIVED_US], "frame": [0]}
    assert lists(rows[BOOK_STATES]) == {**head, "update_id": [0]}, "it comes before every change of its time"
    levels = lists(rows[BOOK_SNAPSHOTS.name])
    numbered = {**head, "update_id": [9]}
    assert {name: levels[name] for name in numbered} == {name: value * 3 for name, value in numbered.items()}
    assert list(zip(levels["side"], levels["price"], levels["quantity"], strict=True)) == [
        (1, 0.44, 100.1),
        (1, 0.45, 2074.0),
        (-1, 0.52, 169.74),
    ]


def test_an_empty_book_is_told_too(batch: Any) -> None:
    """As when a market closes."""
    decoded = one(batch, snapshot(yes_dollars_fp=None, no_dollars_fp=None))
    assert set(decoded.rows) == {BOOK_STATES} and not decoded.rejected


def test_a_side_without_orders_has_no_key(batch: Any) -> None:
    assert lists(one(batch, snapshot(no_dollars_fp=None)).rows[BOOK_SNAPSHOTS.name])["side"] == [1, 1]


def test_a_book_that_does_not_say_when_it_was_sent_is_as_old_as_its_arrival(batch: Any) -> None:
    assert lists(one(batch, snapshot(sent_ms=None)).rows[BOOK_STATES])["event_at"] == [RECEIVED_US // 1000 * 1000]


def test_a_delta_is_a_signed_change(batch: Any) -> None:
    assert lists(one(batch, delta()).rows[BOOK_CHANGES]) == {
        "symbol": [MARKET],
        "event_at": [AT_US],
        "received_at": [RECEIVED_US],
        "frame": [0],
        "side": [-1],
        "price": [0.49],
        "change": [-0.1],
    }


@pytest.mark.parametrize(("side", "yes_price", "row"), [("yes", True, (1, 0.49)), ("no", True, (-1, 0.49)), ("no", False, (-1, 0.51))])
def test_bids_for_no_are_asks_for_yes(batch: Any, side: str, yes_price: bool, row: tuple[int, float]) -> None:
    found = lists(one(batch, delta(side=side), yes_price=yes_price).rows[BOOK_CHANGES])
    assert (found["side"][0], found["price"][0]) == row


def test_a_book_in_prices_of_no_is_the_same_book(batch: Any) -> None:
    levels = lists(one(batch, snapshot(), yes_price=False).rows[BOOK_SNAPSHOTS.name])
    assert list(zip(levels["side"], levels["price"], strict=True)) == [(1, 0.44), (1, 0.45), (-1, 0.48)]


def test_a_price_of_no_becomes_the_venues_own_decimal(batch: Any) -> None:
    frames = [delta(price_dollars=f"{ten_thousandth / 10_000:.4f}") for ten_thousandth in range(10_001)]
    prices = decode("orderbook_delta", batch(frames), yes_price=False).rows[BOOK_CHANGES]["price"]
    assert prices.tolist() == [float(f"{(10_000 - n) / 10_000:.4f}") for n in range(10_001)]


# --- tickers


def test_a_ticker_is_a_row_and_the_venues_word_on_the_top(batch: Any) -> None:
    rows = one(batch, ticker()).rows
    assert lists(rows[BOOK_CLAIMS]) == {
        "symbol": [MARKET],
        "event_at": [AT_US],
        "received_at": [RECEIVED_US],
        "frame": [0],
        "bid_price": [0.45],
        "ask_price": [0.52],
    }
    found = lists(rows[TICKERS.name])
    assert [found[name] for name in ("last_price", "open_interest", "bid_price", "bid_quantity", "ask_price", "ask_quantity")] == [
        [0.999],
        [618700.14],
        [0.45],
        [2074.0],
        [0.52],
        [169.74],
    ]
    assert "volume" not in found, "what traded since the listing is no volume of 24 hours"


def test_no_bid_no_ask_and_no_trade_are_absent(batch: Any) -> None:
    empty = {"price_dollars": "0.0000", "yes_bid_dollars": "0.0000", "yes_ask_dollars": "1.0000", "yes_ask_size_fp": "0.00"}
    rows = one(batch, ticker(**empty)).rows
    found = lists(rows[TICKERS.name])
    assert [found[name] for name in ("last_price", "bid_price", "bid_quantity", "ask_price", "ask_quantity")] == [None] * 5
    claims = lists(rows[BOOK_CLAIMS])
    assert (claims["bid_price"], claims["ask_price"]) == ([0.0], [0.0])


def test_an_old_ticker_has_seconds_only(batch: Any) -> None:
    assert lists(one(batch, ticker(ts_ms=None)).rows[TICKERS.name])["event_at"] == [AT_MS // 1000 * 1_000_000]


# --- trades


def test_a_trade(batch: Any) -> None:
    found = lists(one(batch, trade()).rows[TRADES.name])
    assert found == {
        "symbol": [MARKET],
        "event_at": [AT_US],
        "received_at": [RECEIVED_US],
        "frame": [0],
        "trade_id": [0x2D4334AA51123253 >> 1],
        "venue_trade_id": [UUID],
        "price": [0.47],
        "quantity": [228.27],
        "side": [-1],
        "flags": [0],
    }


@given(st.uuids())
def test_the_number_of_a_trade_is_its_first_63_bits(uuid: Any) -> None:
    assert number_of(str(uuid)) == uuid.int >> 65 < 2**63


@pytest.mark.parametrize(
    ("changes", "side", "flags"),
    [
        ({"taker_outcome_side": "yes"}, 1, 0),
        ({"taker_outcome_side": None, "taker_side": "yes", "is_block_trade": None}, 1, None),
        ({"is_block_trade": True}, -1, 2),
    ],
    ids=["bought", "frames before 2026-05", "block"],
)
def test_sides_and_flags(batch: Any, changes: dict[str, Any], side: int, flags: int | None) -> None:
    found = lists(one(batch, trade(**changes)).rows[TRADES.name])
    assert (found["side"], found["flags"]) == ([side], [flags])


# --- results


def test_a_determination_is_a_row(batch: Any) -> None:
    assert lists(one(batch, lifecycle()).rows[RESOLUTIONS.name]) == {
        "symbol": [MARKET],
        "event_at": [1784501722 * 1_000_000],
        "received_at": [RECEIVED_US],
        "frame": [0],
        "source": ["kalshi"],
        "status": ["determined"],
        "payout": [0.0],
    }


@pytest.mark.parametrize("event", ["created", "activated", "deactivated", "close_date_updated", "settled", "metadata_updated"])
def test_what_else_happens_to_a_market_is_left_out_by_name(batch: Any, event: str) -> None:
    decoded = one(batch, lifecycle(event_type=event))
    assert (decoded.rows, dict(decoded.ignored), list(decoded.rejected)) == ({}, {event: 1}, [])


def test_combos_have_a_channel_of_their_own(batch: Any) -> None:
    both = [
        lifecycle("multivariate_market_lifecycle", market_ticker="KXMVE-A"),
        lifecycle(market_ticker="B"),
        lifecycle(event_type="created"),
    ]
    decoded = decode("multivariate_market_lifecycle", batch(both))
    assert decoded.rows[RESOLUTIONS.name]["symbol"] == ["KXMVE-A", "B"] and dict(decoded.ignored) == {"created": 1}


# --- what is counted, left out, put aside

OK = frame("ok", {"market_tickers": [MARKET]}, seq=3, id=4)


def test_numbers_count_over_books_and_answers_alike(batch: Any) -> None:
    decoded = decode("orderbook_delta", batch([snapshot(1), delta(2), OK, ticker(), delta(4)]))
    assert decoded.numbered is not None
    assert decoded.numbered.frames.tolist() == [0, 1, 2, 4]
    assert (decoded.numbered.scopes.tolist(), decoded.numbered.numbers.tolist()) == ([1] * 4, [1, 2, 3, 4])
    assert (dict(decoded.ignored), list(decoded.rejected)) == ({"ok": 1}, [])


def test_tickers_alone_are_not_numbered(batch: Any) -> None:
    assert decode("ticker", batch([ticker(), ticker()])).numbered is None


def test_rows_know_their_frames(batch: Any) -> None:
    decoded = decode("orderbook_delta", batch([b"{", snapshot(1), ticker(), delta(2)]))
    assert {name: columns["frame"].tolist() for name, columns in decoded.rows.items()} == {
        BOOK_STATES: [1],
        BOOK_SNAPSHOTS.name: [1, 1, 1],
        BOOK_CHANGES: [3],
        TICKERS.name: [2],
        BOOK_CLAIMS: [2],
    }
    assert decoded.rows[BOOK_CHANGES]["received_at"].tolist() == [RECEIVED_US + 300]
    assert [rejected.frame for rejected in decoded.rejected] == [0]


@pytest.mark.parametrize("type", ["subscribed", "event_lifecycle", "event_fee_update", "fill", "cfbenchmarks_value"])
def test_known_and_left_out(batch: Any, type: str) -> None:
    decoded = one(batch, frame(type, {"anything": 1}, seq=None))
    assert (decoded.rows, dict(decoded.ignored), decoded.numbered) == ({}, {type: 1}, None)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (frame("unheard_of", {}), "unknown type 'unheard_of'"),
        (delta()[:-20], "JSON is malformed|truncated"),
        (delta(delta_fp="NaN"), "Expected `float`"),
        (delta(delta_fp="much"), "Expected `float`"),
        (delta(delta_fp=""), "Expected `float`"),
        (delta(delta_fp="1e999"), "out of range"),
        (delta(price_dollars="1.2"), "<= 1"),
        (delta(side="maybe"), "Invalid enum value"),
        (delta(ts_ms=1786407333), "Expected `int`"),
        (snapshot(yes_dollars_fp=[["0.5", "-1.00"]]), ">= 0"),
        (trade(yes_price_dollars="0.0000"), "Expected `float` > 0"),
        (trade(count_fp="0.00"), "Expected `float` > 0"),
        (trade(trade_id="77"), "regex"),
        (lifecycle(event_type="melted"), "Invalid enum value 'melted'"),
        (delta(market_ticker="A\0B"), "NUL character"),
        (b"[]", "Expected `object`"),
        (b'{"sid":1}', "missing required field `type`"),
    ],
)
def test_put_aside(batch: Any, body: bytes, why: str) -> None:
    decoded = one(batch, body)
    assert (decoded.rows, decoded.ignored) == ({}, {})
    (rejected,) = decoded.rejected
    assert any(part in rejected.reason for part in why.split("|")), rejected.reason


def test_new_fields_change_nothing(batch: Any) -> None:
    novel = delta()[:-1] + b',"novelty":{"of":[1,"2",null]}}'
    assert lists(one(batch, novel).rows[BOOK_CHANGES]) == lists(one(batch, delta()).rows[BOOK_CHANGES])


# --- what a frame means does not depend on its company

BODIES = st.sampled_from(
    [
        *(snapshot(1), snapshot(2, no_dollars_fp=None), snapshot(3, sent_ms=None), delta(4), delta(5, side="yes", ts_ms=None), ticker()),
        *(ticker(yes_ask_dollars="1.0000"), trade(), trade(None, is_block_trade=None), lifecycle(), lifecycle(event_type="created")),
        *(
            lifecycle("multivariate_market_lifecycle"),
            OK,
            frame("error", {"code": 13, "msg": "x"}, seq=8),
            frame("subscribed", {}, seq=None),
        ),
        *(b"{", b"[]", frame("unheard_of", {}), delta(delta_fp="x"), json.dumps({"type": "ok"}).encode()),
    ]
)


@given(st.lists(BODIES, max_size=12))
@settings(max_examples=200, deadline=None)
def test_a_batch_says_what_its_frames_say_one_by_one(batch: Any, frames: list[bytes]) -> None:
    whole = batch(frames)
    together = decode("orderbook_delta", whole)
    alone = [decode("orderbook_delta", Frames(body, 1, whole.received_us[i : i + 1], lines=True)) for i, body in enumerate(frames)]
    for kind in {name for single in alone for name in single.rows} | set(together.rows):
        parts = [single.rows[kind] for single in alone if kind in single.rows]
        found = lists(together.rows[kind])
        for name in found:
            if name == "frame":
                assert found[name] == [i for i, single in enumerate(alone) for _ in single.rows.get(kind, {}).get("symbol", ())]
                continue
            said: list[Any] = []
            for part in parts:
                column = lists(part)[name]
                said += [None] * len(part["symbol"]) if column is None else column
            assert (found[name] if found[name] is not None else [None] * len(said)) == said
    assert [one.frame for one in together.rejected] == [i for i, single in enumerate(alone) if single.rejected]
    numbers = [] if together.numbered is None else together.numbered.numbers.tolist()
    assert numbers == [int(n) for single in alone if single.numbered is not None for n in single.numbered.numbers]
    assert sum(together.ignored.values()) == sum(sum(single.ignored.values()) for single in alone)


def test_no_side_key_is_as_good_as_an_empty_one(batch: Any) -> None:
    empty, absent = (one(batch, snapshot(no_dollars_fp=levels)).rows for levels in ([], None))
    assert {name: lists(columns) for name, columns in empty.items()} == {name: lists(columns) for name, columns in absent.items()}
    assert np.array_equal(empty[BOOK_SNAPSHOTS.name]["quantity"], [float(count) for _, count in BOOK["yes_dollars_fp"]])  # type: ignore[misc]
