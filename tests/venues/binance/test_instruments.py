"""exchangeInfo into instruments, and the choice of the most traded."""

import json

import pytest

from core.venue import Reply, Wanted
from venues import VENUES
from venues.errors import BadReply

VENUE = VENUES["binance"]
PARSE = VENUE.poll("exchangeInfo").parse


def entry(symbol: str, **changes) -> dict:
    base = {
        "symbol": symbol,
        "pair": symbol,
        "contractType": "PERPETUAL",
        "status": "TRADING",
        "deliveryDate": 4133404800000,
        "onboardDate": 1569398400000,
    }
    base |= {"baseAsset": symbol[:3], "quoteAsset": "USDT", "marginAsset": "USDT", "pricePrecision": 2}
    base["filters"] = [
        {"filterType": "PRICE_FILTER", "tickSize": "0.10", "minPrice": "1"},
        {"filterType": "LOT_SIZE", "stepSize": "0.001"},
        {"filterType": "MARKET_LOT_SIZE", "stepSize": "5"},
    ]
    return {**base, **changes}


def info(*entries) -> Reply:
    return Reply("exchangeInfo", {}, json.dumps({"timezone": "UTC", "symbols": list(entries)}).encode(), 1)


def tickers(volumes: dict) -> Reply:
    return Reply("ticker24hr", {}, json.dumps([{"symbol": s, "quoteVolume": v} for s, v in volumes.items()]).encode(), 1)


def test_an_instrument() -> None:
    decoded = PARSE(
        info(entry("BTCUSDT", somethingNew={"x": 1}), entry("ETHUSDT_261225", contractType="CURRENT_QUARTER", deliveryDate=1798185600000))
    )
    first, second = decoded.instruments
    assert decoded.complete and not decoded.rejected
    assert (first.symbol, first.status, first.base_asset, first.quote_asset, first.contract_type) == (
        "BTCUSDT",
        "TRADING",
        "BTC",
        "USDT",
        "PERPETUAL",
    )
    assert (first.tick_size, first.lot_size) == ("0.10", "0.001")
    assert (first.listed_at_us, first.expires_at_us) == (1569398400000000, None)
    assert second.expires_at_us == 1798185600000000
    assert first.attributes is not None and set(first.attributes) == {"pair", "marginAsset", "pricePrecision", "filters"}


@pytest.mark.parametrize(
    "changes",
    [{"status": "PENDING_TRADING"}, {"contractType": "TRADIFI_PERPETUAL"}, {"contractType": ""}, {"filters": []}, {"onboardDate": 0}],
)
def test_values_never_seen_before_are_taken(changes) -> None:
    decoded = PARSE(info(entry("BTCUSDT", **changes)))
    assert decoded.complete and len(decoded.instruments) == 1


BROKEN = [
    {"symbol": "ETHUSDT"},
    {},
    "ETHUSDT",
    None,
    entry("ETHUSDT", status=5),
    entry("", status="TRADING"),
    entry("ETH\0USDT"),
    entry("ETHUSDT", marginAsset="\0"),
    entry("ETHUSDT", filters=[{"filterType": "PRICE_FILTER", "tickSize": 0.1}]),
    entry("ETHUSDT", filters="none"),
    entry("BTCUSDT"),
]


@pytest.mark.parametrize("broken", BROKEN, ids=range(len(BROKEN)))
def test_a_broken_entry_is_rejected_and_the_list_is_not_complete(broken) -> None:
    decoded = PARSE(info(entry("BTCUSDT"), broken, entry("XRPUSDT")))
    assert [instrument.symbol for instrument in decoded.instruments] == ["BTCUSDT", "XRPUSDT"]
    assert [rejected.frame for rejected in decoded.rejected] == [1]
    assert not decoded.complete


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"symbols":null}',
        b'{"symbols":{}}',
        b'{"symbols":[]}',
        b'{"symbols":[{"symbol":"A"',
        b'{"code":-1003,"msg":"x"}',
    ],
)
def test_a_reply_without_a_list_is_bad(body: bytes) -> None:
    with pytest.raises(BadReply):
        PARSE(Reply("exchangeInfo", {}, body, 1))


def test_coin_m_contracts_are_left_out_of_a_complete_list() -> None:
    decoded = PARSE(info(entry("BTCUSDT", st=1), entry("BTCUSD_PERP", st=2)))
    assert [instrument.symbol for instrument in decoded.instruments] == ["BTCUSDT"]
    assert decoded.complete and decoded.ignored == {"coin_m": 1}


def test_nothing_but_coin_m_is_not_complete() -> None:
    assert not PARSE(info(entry("BTCUSD_PERP", st=2))).complete


def test_the_recorded_list(captures) -> None:
    body = json.loads((captures / "binance/rest_exchangeInfo_2021-07-21.json").read_text())["body"]
    decoded = PARSE(Reply("exchangeInfo", {}, json.dumps(body).encode(), 1))
    assert decoded.complete and len(decoded.instruments) == 122
    found = {instrument.symbol: instrument for instrument in decoded.instruments}
    assert (found["BTCUSDT"].tick_size, found["BTCUSDT"].lot_size) == ("0.01", "0.001")
    assert sum(instrument.expires_at_us is not None for instrument in decoded.instruments) == 2


def test_the_most_traded_come_first_and_the_unknown_last() -> None:
    listed = info(
        *(entry(s) for s in ["AA", "BB", "CC", "DD", "EE", "FF"]),
        entry("OFF", status="BREAK"),
        entry("USDC", marginAsset="USDC"),
        {"symbol": 5},
    )
    volumes = {"AA": "5.5", "BB": "nan", "CC": "1e9", "DD": "inf", "EE": None, "OFF": "9e9", "USDC": "9e9", "ZZ": "9e9", "XX": {}}
    assert list(VENUE.universe.rank([tickers(volumes), listed], Wanted(99))) == ["CC", "AA", "BB", "DD", "EE", "FF"]


def test_dated_and_traditional_contracts_are_not_chosen() -> None:
    listed = info(entry("AA"), entry("AA_261225", contractType="CURRENT_QUARTER"), entry("TSLA", contractType="TRADIFI_PERPETUAL"))
    assert list(VENUE.universe.rank([listed, tickers({"AA": "1", "TSLA": "2"})], Wanted(99))) == ["AA"]


@pytest.mark.parametrize(
    "replies",
    [
        pytest.param([info(entry("AA"))], id="no volumes"),
        pytest.param([tickers({"AA": "1"})], id="no list"),
        pytest.param([info(entry("AA", status="BREAK")), tickers({"AA": "1"})], id="nothing trades"),
        pytest.param([info(entry("AA")), tickers({})], id="empty volumes"),
        pytest.param([info(entry("AA")), tickers({"AA": "nan"})], id="no usable volume"),
        pytest.param([info(entry("AA")), Reply("ticker24hr", {}, b'{"code":-1003}', 1)], id="volumes are an error"),
    ],
)
def test_a_choice_from_half_the_facts_is_refused(replies) -> None:
    with pytest.raises(BadReply):
        VENUE.universe.rank(replies, Wanted(99))


def test_the_choice_costs_what_the_documents_say() -> None:
    assert [(request.path, request.weight) for request in VENUE.universe.requests(Wanted(99))] == [
        ("/fapi/v1/exchangeInfo", 1),
        ("/fapi/v1/ticker/24hr", 40),
    ]


def test_a_list_of_a_hundred_megabytes_is_not_read() -> None:
    assert all(
        request.max_bytes < 32 << 20 for request in (*VENUE.universe.requests(Wanted(99)), *VENUE.poll("exchangeInfo").requests([], 0))
    )
