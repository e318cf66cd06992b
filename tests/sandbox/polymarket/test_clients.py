"""The official Python client works against the sandbox with nothing changed but its host."""

import json
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

from tests.sandbox.conftest import until

pytestmark = pytest.mark.filterwarnings("ignore")  # the library's own

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from py_clob_client_v2.client import ClobClient
    from py_clob_client_v2.clob_types import BookParams, PricesHistoryParams
    from py_clob_client_v2.exceptions import PolyApiException


@pytest.fixture(scope="module")
def still(sandbox_process: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A sandbox that has traded and stands still, so that two answers can be compared."""
    running = sandbox_process(
        tmp_path_factory.mktemp("still"), "--rate", "800", "--markets", "1500", "--market-seconds", "0", venue="polymarket"
    )
    until(lambda: len(running.records("trades")) >= 200)
    running.ask("/control/rate", {"rate": 0})
    yield running
    running.stop()


@pytest.fixture(scope="module")
def official(still: Any) -> Any:
    return ClobClient(f"{still.http}/polymarket/clob", chain_id=137)


def test_books(still: Any, official: Any) -> None:
    names = still.symbols()
    for token in names[:10]:
        book = official.get_order_book(token)
        assert book == still.get(f"/polymarket/clob/book?token_id={token}")
        assert official.get_order_book_hash(dict(book)) == book["hash"], "the library's own recipe"
    books = official.get_order_books([BookParams(token_id=token) for token in names[:500]])
    assert [book["asset_id"] for book in books] == names[:500]
    assert books[3] == official.get_order_book(names[3])


def test_prices(official: Any, still: Any) -> None:
    token = still.symbols()[0]
    book = official.get_order_book(token)
    bid, ask = book["bids"][-1]["price"], book["asks"][-1]["price"]
    assert official.get_price(token, "BUY")["price"] == bid and official.get_price(token, "SELL")["price"] == ask
    assert float(official.get_midpoint(token)["mid"]) == pytest.approx((float(bid) + float(ask)) / 2)
    asked = [BookParams(token_id=token, side="BUY")]
    assert official.get_prices(asked) == {token: {"BUY": bid}}
    assert official.get_midpoints(asked) == {token: official.get_midpoint(token)["mid"]}
    assert official.get_spreads(asked) == {token: official.get_spread(token)["spread"]}
    assert official.get_last_trade_price(token)["price"] == book["last_trade_price"]
    assert official.get_last_trades_prices(asked)[0]["token_id"] == token
    # So few dollars that what is left of the best level is enough.
    assert official.calculate_market_price(token, "BUY", 0.0001) == float(ask)
    assert official.get_prices_history(PricesHistoryParams(market=token, interval="1h", fidelity=1))["history"]


def test_markets(still: Any, official: Any) -> None:
    found: list[Any] = []
    cursor = "MA=="
    while cursor != "LTE=":
        page = official.get_markets(next_cursor=cursor)
        found += page["data"]
        cursor = page["next_cursor"]
    assert len(found) == 1500
    assert [row["token_id"] for market in found for row in market["tokens"]] == still.symbols()
    gamma = still.get(f"/polymarket/gamma/markets/keyset?condition_ids={found[9]['condition_id']}")["markets"][0]
    assert json.loads(gamma["clobTokenIds"]) == [row["token_id"] for row in found[9]["tokens"]]
    assert (gamma["question"], gamma["negRisk"]) == (found[9]["question"], found[9]["neg_risk"])
    one = official.get_market(found[9]["condition_id"])
    assert one == found[9]
    for reads in (official.get_simplified_markets, official.get_sampling_markets, official.get_sampling_simplified_markets):
        assert reads()["data"][9]["condition_id"] == found[9]["condition_id"]
    assert official.get_current_rewards() == []


def test_parameters(official: Any, still: Any) -> None:
    token = still.symbols()[0]
    condition = official.get_order_book(token)["market"]
    info = official.get_clob_market_info(condition)
    assert [row["t"] for row in info["t"]] == still.symbols()[:2]
    assert official.get_tick_size(token) == "0.001" and official.get_neg_risk(token) is True
    assert official.get_fee_rate_bps(token) == 1000 and official.get_fee_exponent(token) == 1
    assert official.get_tick_size(still.symbols()[16]) == "0.01" and official.get_neg_risk(still.symbols()[16]) is False
    assert official.get_fee_exponent(still.symbols()[40]) in (0, 1)
    assert official.get_ok() == "OK" and isinstance(official.get_server_time(), int) and official.get_version() == 2


def test_what_has_no_book_raises(official: Any) -> None:
    with pytest.raises(PolyApiException) as raised:
        official.get_order_book("1" * 77)
    assert raised.value.status_code == 404
