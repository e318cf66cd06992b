"""What Deribit trades: the list into instruments with their units."""

import json

import numpy as np
import pytest

from core.venue import Reply
from venues import VENUES
from venues.deribit.units import usd_value
from venues.errors import BadReply

VENUE = VENUES["deribit"]
NOW_US = 1_795_335_605_500_000
ALL = {"currency": "any", "expired": "false"}

OPTION = {
    "instrument_name": "ETH-25DEC26-3000-C",
    "instrument_id": 555,
    "kind": "option",
    "base_currency": "ETH",
    "quote_currency": "ETH",
    "counter_currency": "USD",
    "settlement_currency": "ETH",
    "settlement_period": "month",
    "instrument_type": "reversed",
    "option_type": "call",
    "strike": 3000.0,
    "creation_timestamp": 1766332040000,
    "expiration_timestamp": 1798185600000,
    "tick_size": 0.0001,
    "tick_size_steps": [{"above_price": 0.005, "tick_size": 0.0005}],
    "contract_size": 1.0,
    "min_trade_amount": 1.0,
    "maker_commission": 0.0003,
    "taker_commission": 0.0003,
    "price_index": "eth_usd",
    "state": "open",
    "is_active": True,
    "novelty": {"deep": []},
}
PERPETUAL = {
    **{
        name: OPTION[name] for name in ("instrument_id", "base_currency", "settlement_currency", "creation_timestamp", "is_active", "state")
    },
    "instrument_name": "ETH-PERPETUAL",
    "kind": "future",
    "quote_currency": "USD",
    "settlement_period": "perpetual",
    "instrument_type": "reversed",
    "expiration_timestamp": 32503708800000,
    "tick_size": 5e-2,
    "min_trade_amount": 1,
}


def reply(rows, params=None, poll: str = "get_instruments") -> Reply:
    body = rows if isinstance(rows, bytes) else json.dumps({"jsonrpc": "2.0", "result": rows, "usIn": 1, "usOut": 2}).encode()
    return Reply(poll, ALL if params is None else params, body, NOW_US)


def parse(rows, params=None):
    return VENUE.poll("get_instruments").parse(reply(rows, params))


def test_the_whole_list_is_asked_for() -> None:
    (request,) = VENUE.poll("get_instruments").requests([], NOW_US)
    assert (request.path, dict(request.params), request.weight) == ("/api/v2/public/get_instruments", ALL, 10_000)


def test_an_option() -> None:
    (one,) = parse([OPTION]).instruments
    assert (one.symbol, one.status, one.contract_type) == ("ETH-25DEC26-3000-C", "open", "option")
    assert (one.base_asset, one.quote_asset, one.tick_size, one.lot_size) == ("ETH", "ETH", "0.0001", "1.0")
    assert (one.listed_at_us, one.expires_at_us) == (1766332040000000, 1798185600000000)
    assert one.attributes is not None
    assert {name: one.attributes[name] for name in ("option_type", "strike", "price_index", "tick_size_steps")} == {
        "option_type": "call",
        "strike": 3000.0,
        "price_index": "eth_usd",
        "tick_size_steps": [{"above_price": 0.005, "tick_size": 0.0005}],
    }
    assert not {"novelty", "is_active", "state"} & set(one.attributes)


def test_a_perpetual_has_no_end_and_a_step_without_exponent() -> None:
    (one,) = parse(json.dumps({"result": [PERPETUAL]}).replace("0.05", "5E-2").encode()).instruments
    assert (one.contract_type, one.expires_at_us, one.tick_size, one.lot_size) == ("perpetual", None, "0.05", "1")


@pytest.mark.parametrize("state", ["open", "settlement", "delivered", "inactive", "locked", "halted", "archivized", "something new"])
def test_any_state_is_kept_as_the_venue_writes_it(state: str) -> None:
    assert parse([OPTION | {"state": state}]).instruments[0].status == state


@pytest.mark.parametrize(("active", "status"), [(True, "open"), (False, "inactive")])
def test_lists_of_before_2026_say_only_whether_it_is_active(active: bool, status: str) -> None:
    old = {name: value for name, value in OPTION.items() if name != "state"} | {"is_active": active}
    assert parse([old]).instruments[0].status == status


# --- units

UNITS = [
    pytest.param(OPTION, ("ETH", "ETH", "ETH"), id="coin-settled option"),
    pytest.param(PERPETUAL, ("USD", "USD", "ETH"), id="inverse perpetual"),
    pytest.param(
        PERPETUAL | {"instrument_type": None, "future_type": "reversed"}, ("USD", "USD", "ETH"), id="inverse perpetual, by its old field"
    ),
    pytest.param(
        PERPETUAL | {"instrument_type": "linear", "quote_currency": "USDC", "settlement_currency": "USDC"},
        ("ETH", "USDC", "USDC"),
        id="linear perpetual",
    ),
    pytest.param(
        OPTION | {"instrument_type": "linear", "quote_currency": "USDC", "settlement_currency": None},
        ("ETH", "USDC", "USDC"),
        id="linear option",
    ),
    pytest.param(PERPETUAL | {"kind": "future_combo"}, ("USD", "USD", "ETH"), id="combo of inverse futures"),
]


@pytest.mark.parametrize(("entry", "expected"), UNITS)
def test_units_stand_with_the_instrument(entry, expected) -> None:
    (one,) = parse([entry]).instruments
    assert (one.amount_unit, one.price_unit, (one.attributes or {})["settlement"]) == expected


def test_the_worth_of_a_price() -> None:
    assert usd_value(0.0425, "ETH", 2000.0) == 85.0
    assert usd_value(0.0425, "USDC", 2000.0) == 0.0425
    assert usd_value(np.array([0.1, 0.2]), "BTC", np.array([1000.0, 500.0])).tolist() == [100.0, 100.0]


# --- what is whole


def test_only_the_list_of_all_currencies_is_complete() -> None:
    assert parse([OPTION]).complete
    for params in ({"currency": "ETH"}, {"currency": "any"}, {**ALL, "kind": "option"}, {**ALL, "expired": "true"}, {}):
        assert not parse([OPTION], params).complete


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param({}, id="empty"),
        pytest.param(OPTION | {"tick_size": None}, id="no step"),
        pytest.param(OPTION | {"tick_size": "NaN"}, id="a step that is no number"),
        pytest.param(OPTION | {"tick_size": 1e99}, id="a step that is none"),
        pytest.param(OPTION | {"instrument_name": "A\0"}, id="NUL"),
        pytest.param(OPTION | {"instrument_name": "B"}, id="listed twice"),
        pytest.param([], id="list"),
    ],
)
def test_a_broken_entry_is_rejected_and_the_list_is_not_complete(broken) -> None:
    decoded = parse([OPTION, OPTION | {"instrument_name": "B"}, broken])
    assert ([one.symbol for one in decoded.instruments], decoded.complete) == (["ETH-25DEC26-3000-C", "B"], False)
    assert [rejected.frame for rejected in decoded.rejected] == [2]


@pytest.mark.parametrize(
    "body", [[], b"", b"null", b'{"result":null}', b'{"error":{"code":10028,"message":"too_many_requests"}}'], ids=repr
)
def test_a_list_that_is_none_is_bad(body) -> None:
    with pytest.raises(BadReply):
        parse(body)


# --- recorded


def test_the_recorded_lists(captures) -> None:
    found = {}
    for name in ("btc_2021-07-22", "usdc_2022-05-27plus"):
        entry = json.loads((captures / "deribit" / f"rest_get_instruments_{name}.json").read_text(), parse_float=None)
        decoded = VENUE.poll("get_instruments").parse(reply(json.dumps(entry["body"]).encode(), entry["request"]["params"]))
        assert not decoded.rejected and not decoded.complete
        found |= {one.symbol: one for one in decoded.instruments}
    assert len(found) == 398 + 16
    types = [one.contract_type for one in found.values()]
    assert {name: types.count(name) for name in set(types)} == {"option": 390, "future": 7, "perpetual": 17}

    def facts(symbol: str):
        one = found[symbol]
        return one.tick_size, one.lot_size, one.expires_at_us, one.amount_unit, one.price_unit, one.attributes["settlement"]

    assert facts("BTC-PERPETUAL") == ("0.5", "10.0", None, "USD", "USD", "BTC")
    assert facts("BTC-24JUN22") == ("0.5", "10.0", 1656057600000000, "USD", "USD", "BTC")
    assert facts("BTC-24JUN22-30000-C") == ("0.0005", "0.1", 1656057600000000, "BTC", "BTC", "BTC")
    assert facts("ETH_USDC-PERPETUAL")[2:] == (None, "ETH", "USDC", "USDC")
