"""Deribit notifications into rows: what each field becomes, what is ignored, what cannot be read."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.venues.deribit.frames import BOOK, INDEX, OPTION, QUOTE, TRADE, lists, sent, without
from venues.deribit import frames
from venues.deribit.frames import decode

OWN = {
    "quote": sent("quote.ETH-PERPETUAL", QUOTE),
    "ticker": sent("ticker.BTC-25DEC26-76000-C.100ms", OPTION),
    "trades": sent("trades.ETH-26DEC26-3000-C.100ms", [TRADE]),
    "book": sent("book.ETH-PERPETUAL.100ms", BOOK),
    "deribit_price_index": sent("deribit_price_index.eth_usd", INDEX),
}


def rows(channel: str, kind: str, batch, *sent_frames: bytes) -> dict:
    decoded = decode(channel, batch(sent_frames))
    assert not decoded.rejected and not decoded.ignored
    return lists(decoded.rows[kind])


# --- rows


def test_a_quote(batch) -> None:
    found = rows("quote", "quotes", batch, OWN["quote"])
    number = found.pop("update_id")[0]
    assert found == {
        "symbol": ["ETH-PERPETUAL"],
        "event_at": [1765541767174000],
        "received_at": [1_795_300_000_000_000],
        "bid_price": [2288.0],
        "bid_quantity": [133440.0],
        "ask_price": [2288.5],
        "ask_quantity": [99470.0],
    }
    assert 0 < number < 2**63


def test_an_empty_side_of_a_quote_is_zero(batch) -> None:
    empty = QUOTE | {"best_bid_price": None, "best_bid_amount": 0.0, "best_ask_price": 0.0, "best_ask_amount": None}
    found = rows("quote", "quotes", batch, sent("quote.ETH-PERPETUAL", empty))
    assert [found[name] for name in ("bid_price", "bid_quantity", "ask_price", "ask_quantity")] == [[0.0]] * 4


def test_a_quote_is_numbered_by_its_values_alone() -> None:
    def number(*values: float) -> int:
        return int(frames.identity([np.array([9.0, value]) for value in values])[1])

    assert number(1.0, 2.0, 3.0, 4.0) == 7772593189669467736, "numbers in the tables would no longer meet those of a new copy"
    assert number(0.0, 2.0, 3.0, 4.0) == number(-0.0, 2.0, 3.0, 4.0)
    assert len({number(*values) for values in ((1, 2, 3, 4), (2, 1, 3, 4), (3, 4, 1, 2), (1, 2, 3, 4.5), (0, 0, 0, 0), (0, 0, 0, 1))}) == 6


def test_numbers_of_many_quotes_differ() -> None:
    prices = np.arange(100_000) / 20
    numbers = frames.identity([prices, np.full(100_000, 10.0), prices + 0.05, np.full(100_000, 10.0)])
    assert len(np.unique(numbers)) == 100_000 and (numbers >= 0).all()


def test_the_ticker_of_an_option(batch) -> None:
    assert rows("ticker", "tickers", batch, OWN["ticker"]) == {
        "symbol": ["BTC-25DEC26-76000-C"],
        "event_at": [1790755217219000],
        "received_at": [1_795_300_000_000_000],
        "mark_price": [0.1296],
        "index_price": [83250.78],
        "settlement_price": [83250.78],
        "funding_rate": None,
        "last_price": [0.133],
        "bid_price": [0.1255],
        "bid_quantity": [29.3],
        "ask_price": [0.133],
        "ask_quantity": [29.3],
        "open_interest": [480.6],
        "volume": [7.5],
        "underlying_price": [84222.23],
        "mark_iv": [38.25],
        "bid_iv": [35.6],
        "ask_iv": [40.38],
        "delta": [0.74092],
        "gamma": [2.0e-5],
        "vega": [132.3649],
        "theta": [-29.43212],
        "rho": [121.30652],
    }


ABSENT = [
    pytest.param(without(OPTION, "greeks"), {"delta": [None, 0.74092], "rho": [None, 121.30652]}, id="no greeks"),
    pytest.param(OPTION | {"greeks": None}, {"gamma": [None, 2.0e-5]}, id="greeks null"),
    pytest.param(OPTION | {"greeks": {"delta": 1, "vega": None}}, {"delta": [1.0, 0.74092], "vega": [None, 132.3649]}, id="some greeks"),
    pytest.param(without(OPTION, "stats"), {"volume": [None, 7.5]}, id="no stats"),
    pytest.param(OPTION | {"stats": {"volume": None}}, {"volume": [None, 7.5]}, id="volume null"),
    pytest.param(
        OPTION | {"bid_iv": 0.0, "ask_iv": 0, "mark_iv": None},
        {"bid_iv": [None, 35.6], "ask_iv": [None, 40.38], "mark_iv": [None, 38.25]},
        id="iv",
    ),
    pytest.param(
        OPTION | {"best_bid_price": None, "best_bid_amount": 0.0, "best_ask_price": 0.0},
        {"bid_price": [None, 0.1255], "bid_quantity": [None, 29.3], "ask_price": [None, 0.133], "ask_quantity": [None, 29.3]},
        id="no bid, no ask",
    ),
    pytest.param(OPTION | {"last_price": None}, {"last_price": [None, 0.133]}, id="never traded"),
    pytest.param(OPTION | {"estimated_delivery_price": "expired"}, {"settlement_price": [None, 83250.78]}, id="expired"),
    pytest.param(
        OPTION | {"estimated_delivery_price": "expired", "delivery_price": 83000.5},
        {"settlement_price": [83000.5, 83250.78]},
        id="delivered",
    ),
    pytest.param(OPTION | {"current_funding": 1.423e-4}, {"funding_rate": [0.0001423, None]}, id="a perpetual has funding"),
    pytest.param(OPTION | {"state": "frozen", "novelty": [{}]}, {"mark_price": [0.1296, 0.1296]}, id="an unknown state and field"),
]


@pytest.mark.parametrize(("data", "expected"), ABSENT)
def test_what_a_ticker_may_lack(data, expected, batch) -> None:
    found = rows("ticker", "tickers", batch, sent("ticker.A.100ms", data), OWN["ticker"])
    assert {name: found[name] for name in expected} == expected


def test_numbers_in_exponent_form(batch) -> None:
    frame = (
        OWN["ticker"]
        .replace(b'"mark_price":0.1296', b'"mark_price":1.296e-1')
        .replace(b'"open_interest":480.6', b'"open_interest":4.806E2')
    )
    found = rows("ticker", "tickers", batch, frame)
    assert (found["mark_price"], found["open_interest"]) == ([0.1296], [480.6])


def test_a_trade(batch) -> None:
    assert rows("trades", "trades", batch, OWN["trades"]) == {
        "symbol": ["ETH-26DEC26-3000-C"],
        "event_at": [1616321478553000],
        "received_at": [1_795_300_000_000_000],
        "trade_id": [92836831],
        "price": [0.0425],
        "quantity": [12.0],
        "side": [1],
        "mark_price": [0.0421],
        "index_price": [2173.74],
        "implied_volatility": [61.5],
        "flags": [0],
    }


def test_a_frame_of_several_trades_is_as_many_rows_of_one_receive_time(batch) -> None:
    frame = sent("trades.A.100ms", [TRADE, TRADE | {"trade_seq": 92836832, "direction": "sell"}])
    found = rows("trades", "trades", batch, frame, sent("trades.A.100ms", [TRADE | {"trade_seq": 92836833}]))
    assert found["trade_id"] == [92836831, 92836832, 92836833]
    assert found["side"] == [1, -1, 1]
    assert found["received_at"] == [1_795_300_000_000_000, 1_795_300_000_000_000, 1_795_300_000_000_100]


@pytest.mark.parametrize(
    ("fields", "flags"),
    [
        ({}, 0),
        ({"liquidation": "T"}, 1),
        ({"liquidation": "MT"}, 1),
        ({"liquidation": None}, 0),
        ({"block_trade_id": "154", "block_trade_leg_count": 2}, 2),
        ({"combo_id": "BTC-FS-25DEC26_PERP", "combo_trade_id": "244343034"}, 4),
        ({"combo_id": "BTC-FS-25DEC26_PERP", "combo_trade_id": 3.5, "block_trade_id": "1", "liquidation": "M"}, 7),
    ],
    ids=str,
)
def test_liquidations_block_trades_and_legs_of_combos_are_flagged(fields, flags: int, batch) -> None:
    assert rows("trades", "trades", batch, sent("trades.A.100ms", [TRADE | fields]))["flags"] == [flags]


def test_what_a_trade_may_lack(batch) -> None:
    found = rows("trades", "trades", batch, sent("trades.A.100ms", [without(TRADE, "mark_price", "iv", "contracts", "trade_id")]))
    assert (found["mark_price"], found["implied_volatility"]) == (None, None)
    combo = TRADE | {"price": -13.5, "starbase_match_id": "x", "starbase_timestamp": 1, "iv": 0}
    assert rows("trades", "trades", batch, sent("trades.A.100ms", [combo]))["price"] == [-13.5]


def test_an_index_price(batch) -> None:
    assert rows("deribit_price_index", "index_prices", batch, OWN["deribit_price_index"]) == {
        "symbol": ["eth_usd"],
        "event_at": [1790755217000000],
        "received_at": [1_795_300_000_000_000],
        "price": [2526.12],
    }


def test_a_strike_keeps_its_lower_case_point(batch) -> None:
    name = "XRP_USDC-30JUN26-0d62-C"
    assert rows("quote", "quotes", batch, sent(f"quote.{name}", QUOTE | {"instrument_name": name}))["symbol"] == [name]


def test_columns_have_the_types_the_tables_have(batch) -> None:
    columns = decode("trades", batch([OWN["trades"]] * 3)).rows["trades"]
    assert {name: column.dtype for name, column in columns.items() if name != "symbol"} == {
        **dict.fromkeys(("event_at", "received_at", "trade_id"), np.int64),
        **dict.fromkeys(("price", "quantity", "mark_price", "index_price", "implied_volatility"), np.float64),
        **dict.fromkeys(("side", "flags"), np.int16),
    }


@pytest.mark.parametrize("channel", OWN)
@pytest.mark.parametrize("shape", ["as sent", "other order", "sized", "in company"])
def test_rows_do_not_depend_on_the_shape_or_the_company_of_a_frame(channel: str, shape: str, batch) -> None:
    frame = OWN[channel]
    document = json.loads(frame)
    shaped = {
        "as sent": [frame],
        "other order": [json.dumps({**dict(reversed(document.items())), "params": dict(reversed(document["params"].items()))}).encode()],
        "sized": [json.dumps(document, indent=1).encode()],
        "in company": [frame, b"{}"],
    }[shape]
    plain, found = decode(channel, batch([frame])), decode(channel, batch(shaped))
    assert (frames._decode_alike(channel, batch([frame])) is None, frames._decode_alike(channel, batch(shaped)) is None) == (
        False,
        shape in ("sized", "in company"),
    )
    assert {kind: lists(columns) for kind, columns in found.rows.items()} == {kind: lists(columns) for kind, columns in plain.rows.items()}


# --- ignored on purpose


@pytest.mark.parametrize("channel", OWN)
@pytest.mark.parametrize(
    ("frame", "ignored"),
    [
        pytest.param(sent("chart.trades.A.1", {"tick": 1}), "chart", id="candle"),
        pytest.param(sent("perpetual.A.100ms", {}), "perpetual", id="funding"),
        pytest.param(sent("platform_state", {"locked": True}), "platform_state", id="platform"),
        pytest.param(sent("instrument.state.any.any", {"state": "settlement"}), "instrument", id="instrument"),
        pytest.param(sent("announcements", {}), "announcements", id="announcement"),
        pytest.param(b'{"jsonrpc":"2.0","id":0,"result":["quote.A"]}', "ack", id="ack"),
        pytest.param(b'{"method":"heartbeat","params":{"type":"heartbeat"}}', "heartbeat", id="heartbeat"),
        pytest.param(b'{"id":1,"error":{"code":10028,"message":"too_many_requests"}}', "error", id="error"),
    ],
)
def test_a_known_frame_without_a_row_is_counted_by_name(channel: str, frame: bytes, ignored: str, batch) -> None:
    decoded = decode(channel, batch([OWN[channel], frame, OWN[channel]]))
    assert (decoded.ignored, decoded.rejected) == ({ignored: 1}, [])
    assert {len(columns["event_at"]) for columns in decoded.rows.values()} <= {2, 4, 6}


@pytest.mark.parametrize("channel", OWN)
@pytest.mark.parametrize("other", OWN)
def test_a_frame_of_another_channel_is_ignored_under_its_name(channel: str, other: str, batch) -> None:
    if channel != other:
        assert decode(channel, batch([OWN[other]])).ignored == {other: 1}


def test_a_ticker_holds_all_that_a_quote_does_and_is_none(batch) -> None:
    assert decode("quote", batch([sent("ticker.A.100ms", QUOTE)])).ignored == {"ticker": 1}


@pytest.mark.parametrize("data", [b"[]", b"[ ]"])
def test_a_frame_of_no_trades_is_counted(data: bytes, batch) -> None:
    frame = sent("trades.A.100ms", [TRADE]).partition(b'"data":')[0] + b'"data":' + data + b"}}"
    assert decode("trades", batch([frame])).ignored == {"no trades": 1}


# --- what cannot be read

BAD = [
    pytest.param("quote", QUOTE | {"best_bid_price": "2288.0"}, id="a price as text"),
    pytest.param("quote", without(QUOTE, "instrument_name"), id="no instrument"),
    pytest.param("quote", QUOTE | {"instrument_name": "A\0"}, id="NUL"),
    pytest.param("quote", QUOTE | {"timestamp": 1765541767}, id="seconds"),
    pytest.param("quote", QUOTE | {"timestamp": None}, id="no time"),
    pytest.param("quote", QUOTE | {"best_ask_amount": -1}, id="an amount below 0"),
    pytest.param("ticker", OPTION | {"mark_price": True}, id="a price that is true"),
    pytest.param("ticker", OPTION | {"greeks": [1]}, id="greeks as a list"),
    pytest.param("ticker", OPTION | {"instrument_name": ""}, id="an empty name"),
    pytest.param("trades", [TRADE, TRADE | {"price": 0.0}], id="one of two at price 0"),
    pytest.param("trades", [TRADE | {"amount": 0}], id="amount 0"),
    pytest.param("trades", [TRADE | {"direction": "zero"}], id="an unknown direction"),
    pytest.param("trades", [TRADE | {"trade_seq": 2**63}], id="beyond int64"),
    pytest.param("trades", TRADE, id="no list"),
    pytest.param("book", BOOK | {"type": "update"}, id="an unknown type"),
    pytest.param("book", BOOK | {"bids": [["modify", 1.0, 1.0]]}, id="an unknown action"),
    pytest.param("book", BOOK | {"bids": [["new", 1.0]]}, id="no amount"),
    pytest.param("book", without(BOOK, "asks"), id="a side is missing"),
    pytest.param("deribit_price_index", INDEX | {"price": 0}, id="index price 0"),
    pytest.param("deribit_price_index", INDEX | {"index_name": "a\0"}, id="NUL in an index"),
]


@pytest.mark.parametrize(("channel", "data"), BAD)
def test_a_frame_that_cannot_be_read_is_rejected_whole_and_its_neighbours_stand(channel: str, data, batch) -> None:
    decoded = decode(channel, batch([OWN[channel], sent(f"{channel}.A.100ms", data), OWN[channel]]))
    assert [rejected.frame for rejected in decoded.rejected] == [1]
    alone = decode(channel, batch([OWN[channel], OWN[channel]]))
    assert {kind: len(columns["symbol"]) for kind, columns in decoded.rows.items()} == {
        kind: len(columns["symbol"]) for kind, columns in alone.rows.items()
    }


@pytest.mark.parametrize("channel", [*OWN, "platform_state"])
@pytest.mark.parametrize(
    "frame",
    [b"", b"{", b"[]", b"{}", b'{"method":"subscription"}', sent("novelty.A", {}), sent("", {}), OWN["quote"][:-9], b"\xff", b"1e400"],
    ids=repr,
)
def test_a_frame_that_is_none_is_rejected(channel: str, frame: bytes, batch) -> None:
    decoded = decode(channel, batch([frame]))
    assert (decoded.rows, [rejected.frame for rejected in decoded.rejected]) == ({}, [0])


# --- any values

numbers = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=3)
levels = st.lists(st.tuples(st.sampled_from(["new", "change", "delete", "x"]), numbers, numbers), max_size=3)


@given(
    st.lists(st.tuples(st.sampled_from(sorted(OWN)), st.sampled_from(sorted(OPTION | TRADE | BOOK | INDEX)), numbers | levels), max_size=6)
)
@settings(max_examples=200, deadline=None)
def test_any_field_of_any_value_makes_rows_or_a_reason(batch, changes) -> None:
    bodies = []
    for channel, field, value in changes:
        document = json.loads(OWN[channel])
        data = document["params"]["data"]
        (data[0] if channel == "trades" else data)[field] = value
        bodies.append(json.dumps(document, separators=(",", ":")).encode())
    for channel in OWN:
        decoded = decode(channel, batch(bodies))
        own = [i for i, (name, _, _) in enumerate(changes) if name == channel]
        told = {rejected.frame for rejected in decoded.rejected}
        assert told <= set(own)
        assert sum(decoded.ignored.values()) == len(bodies) - len(own)
        times = {int(time) for columns in decoded.rows.values() for time in columns["received_at"]}
        assert len(times) == len(own) - len(told), "each frame that is not rejected has rows"
        for columns in decoded.rows.values():
            assert len({len(column) for column in columns.values() if column is not None}) == 1
