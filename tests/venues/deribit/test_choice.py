"""What of Deribit is recorded: which requests say it, how it is ranked, and options that cannot be used."""

import json

import pytest

from core.venue import Reply, Wanted
from tests.venues.deribit.test_instruments import ALL, NOW_US, OPTION, PERPETUAL
from venues import VENUES
from venues.errors import BadReply

VENUE = VENUES["deribit"]
BOTH = {"currencies": ["ETH", "BTC"]}


def reply(rows, poll: str = "get_instruments") -> Reply:
    return Reply(poll, ALL, json.dumps({"jsonrpc": "2.0", "result": rows, "usIn": 1, "usOut": 2}).encode(), NOW_US)


def option(name: str, **fields):
    return OPTION | {"instrument_name": name} | fields


def summary(name: str, interest, **fields):
    return {"instrument_name": name, "creation_timestamp": 1766332040000, "open_interest": interest, "underlying_price": 2000.0} | fields


LINEAR = [summary("ETH_USDC-25DEC26-4-C", 6.0)]


def rank(listed, *summaries, top: int = 99, linear=LINEAR, **wanted) -> list[str]:
    chains = [reply(rows, "get_book_summary_by_currency") for rows in (*summaries, linear)]
    return list(VENUE.universe.rank([reply(listed), *chains], Wanted(top, wanted)))


@pytest.mark.parametrize(("wanted", "currencies"), [({}, ["ETH", "USDC"]), (BOTH, ["ETH", "BTC", "USDC"])], ids=["ETH", "both"])
def test_the_requests_of_the_choice(wanted, currencies) -> None:
    assert [(request.poll, dict(request.params)) for request in VENUE.universe.requests(Wanted(99, wanted))] == [
        ("get_instruments", ALL),
        *(("get_book_summary_by_currency", {"currency": currency}) for currency in currencies),
    ]


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        ({"currencies": []}, r"currencies = \[\]: give one or more of BTC, ETH"),
        ({"currencies": ["ETH", "DOGE"]}, r"give one or more of BTC, ETH"),
        ({"currencies": "ETH"}, r"currencies = 'ETH': give a list of texts"),
        ({"by": "luck"}, r"by = 'luck': give open_interest or volume"),
        ({"currency": ["ETH"]}, r"currency: no such option; there are: currencies, by"),
    ],
)
def test_an_option_that_cannot_be_used_is_a_sentence(wanted, says) -> None:
    with pytest.raises(ValueError, match=says):
        VENUE.universe.requests(Wanted(99, wanted))


def test_more_instruments_than_the_connections_of_an_address_carry_are_refused() -> None:
    assert VENUE.universe.requests(Wanted(1_200))
    with pytest.raises(ValueError, match="top = 1201: 1200 at most"):
        VENUE.universe.requests(Wanted(1_201))


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
    ranked = [
        "ETH-PERPETUAL",
        "ETH_USDC-PERPETUAL",
        "ETH-25DEC26",
        "ETH-26MAR27",
        "ETH-25DEC26-3-C",
        "ETH_USDC-25DEC26-4-C",
        "ETH-25DEC26-1-C",
        "ETH-25DEC26-2-C",
    ]
    assert rank(listed, summaries) == ranked
    assert rank(listed, summaries, top=5) == ranked[:5]


def test_options_may_be_ranked_by_volume() -> None:
    summaries = [summary("A", 9.0, volume=1.0), summary("B", 1.0, volume=9.0), summary("C", 5.0, volume=None)]
    assert rank([option("A"), option("B"), option("C")], summaries, linear=[summary("X", 1.0, volume=0.0)], by="volume") == ["B", "A", "C"]


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


def test_two_currencies_are_ranked_by_worth() -> None:
    listed = [
        option("ETH-1-C"),
        option("ETH-2-C"),
        option("BTC-1-C", base_currency="BTC"),
        PERPETUAL | {"instrument_name": "BTC-PERPETUAL", "base_currency": "BTC"},
        PERPETUAL,
    ]
    ether = [summary("ETH-1-C", 100.0), summary("ETH-2-C", 9.0)]
    bitcoin = [summary("BTC-1-C", 1.0, underlying_price=80_000.0)]
    assert rank(listed, ether, bitcoin, **BOTH) == ["ETH-PERPETUAL", "BTC-PERPETUAL", "ETH-1-C", "BTC-1-C", "ETH-2-C"]


@pytest.mark.parametrize(
    ("listed", "summaries"),
    [([OPTION], []), ([OPTION], [summary("A", None)]), ([OPTION | {"base_currency": "BTC"}], [summary("A", 1.0)])],
    ids=["no summary", "no interest known", "nothing of the currency"],
)
def test_a_choice_among_nothing_is_bad(listed, summaries) -> None:
    with pytest.raises(BadReply):
        rank(listed, summaries)


def test_a_choice_without_the_summaries_is_bad() -> None:
    with pytest.raises(BadReply, match=r"ranking needs one get_instruments and 2 get_book_summary_by_currency"):
        VENUE.universe.rank([reply([OPTION])], Wanted(99))
