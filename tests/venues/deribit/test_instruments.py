"""What Deribit trades: the list into instruments with their units, and the choice of what to record."""

import json

import numpy as np
import pytest

from core.venue import Reply, Wanted
from venues import VENUES
from venues.deribit import instruments
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
    attributes = parse([entry]).instruments[0].attributes
    assert tuple(attributes[name] for name in ("amount_unit", "price_unit", "settlement")) == expected


def test_the_worth_of_a_coin_settled_option() -> None:
    assert usd_value(0.0425, 2000.0) == 85.0
    assert usd_value(np.array([0.1, 0.2]), np.array([1000.0, 500.0])).tolist() == [100.0, 100.0]


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


# --- the choice


def option(name: str, **fields):
    return OPTION | {"instrument_name": name} | fields


def summary(name: str, interest, **fields):
    return {"instrument_name": name, "creation_timestamp": 1766332040000, "open_interest": interest, "underlying_price": 2000.0} | fields


def rank(listed, summaries) -> list[str]:
    return list(VENUE.universe.rank([reply(listed), reply(summaries, {"currency": "ETH"}, "get_book_summary_by_currency")], Wanted(99)))


def test_the_requests_of_the_choice() -> None:
    assert [(request.poll, dict(request.params)) for request in VENUE.universe.requests(Wanted(99))] == [
        ("get_instruments", ALL),
        ("get_book_summary_by_currency", {"currency": "ETH"}),
    ]


def test_perpetuals_then_futures_by_expiry_then_options_by_open_interest() -> None:
    listed = [
        option("ETH-25DEC26-1-C"),
        option("ETH-25DEC26-2-C"),
        option("ETH-25DEC26-3-C"),
        option("ETH_USDC-25DEC26-4-C", quote_currency="USDC"),
        PERPETUAL | {"instrument_name": "ETH-26MAR27", "settlement_period": "month", "expiration_timestamp": 1806048000000},
        PERPETUAL | {"instrument_name": "ETH-25DEC26", "settlement_period": "month", "expiration_timestamp": 1798185600000},
        PERPETUAL | {"instrument_name": "ETH_USDC-PERPETUAL"},
        PERPETUAL,
    ]
    summaries = [
        summary("ETH-25DEC26-1-C", 5.0),
        summary("ETH-25DEC26-2-C", None),
        summary("ETH-25DEC26-3-C", 7.5e2, underlying_price=None),
    ]
    assert rank(listed, summaries) == [
        "ETH-PERPETUAL",
        "ETH_USDC-PERPETUAL",
        "ETH-25DEC26",
        "ETH-26MAR27",
        "ETH-25DEC26-3-C",
        "ETH-25DEC26-1-C",
        "ETH-25DEC26-2-C",
        "ETH_USDC-25DEC26-4-C",
    ]


def test_what_is_not_open_or_not_of_the_currency_or_a_combo_is_not_chosen() -> None:
    listed = [
        option("A"),
        option("B", state="settlement"),
        option("C", is_active=False),
        option("D", base_currency="BTC"),
        option("E", kind="option_combo"),
        option("F", kind="spot"),
        option("G\0"),
        {"instrument_name": "H"},
    ]
    assert rank(listed, [summary("A", 1.0), {"broken": True}]) == ["A"]


def test_two_currencies_are_ranked_by_worth(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instruments, "CURRENCIES", ("ETH", "BTC"))
    listed = [
        option("E1"),
        option("E2"),
        option("B1", base_currency="BTC"),
        PERPETUAL | {"instrument_name": "BTC-PERPETUAL", "base_currency": "BTC"},
        PERPETUAL,
    ]
    replies = [
        reply(listed),
        reply([summary("E1", 100.0), summary("E2", 9.0)], {}, "get_book_summary_by_currency"),
        reply([summary("B1", 1.0, underlying_price=80_000.0)], {}, "get_book_summary_by_currency"),
    ]
    assert instruments.rank(replies, Wanted(99)) == ["ETH-PERPETUAL", "BTC-PERPETUAL", "E1", "B1", "E2"]


@pytest.mark.parametrize(
    ("listed", "summaries"),
    [([OPTION], []), ([OPTION], [summary("A", None)]), ([OPTION | {"base_currency": "BTC"}], [summary("A", 1.0)])],
    ids=["no summary", "no interest known", "nothing of the currency"],
)
def test_a_choice_among_nothing_is_bad(listed, summaries) -> None:
    with pytest.raises(BadReply):
        rank(listed, summaries)


def test_a_choice_without_the_summaries_is_bad() -> None:
    with pytest.raises(BadReply):
        VENUE.universe.rank([reply([OPTION])], Wanted(99))


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
        units = tuple(one.attributes[name] for name in ("amount_unit", "price_unit", "settlement"))
        return one.tick_size, one.lot_size, one.expires_at_us, *units

    assert facts("BTC-PERPETUAL") == ("0.5", "10.0", None, "USD", "USD", "BTC")
    assert facts("BTC-24JUN22") == ("0.5", "10.0", 1656057600000000, "USD", "USD", "BTC")
    assert facts("BTC-24JUN22-30000-C") == ("0.0005", "0.1", 1656057600000000, "BTC", "BTC", "BTC")
    assert facts("ETH_USDC-PERPETUAL")[2:] == (None, "ETH", "USDC", "USDC")
