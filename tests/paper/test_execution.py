"""How long an order takes, and what the book then gives it."""

from statistics import median, quantiles

import pytest

from paper.execution import latency_us
from paper.liquidity import floor
from paper.rules import Latency, Limits, Rules
from tests.paper.market import RULES, Trader, d, levels, pair, terms


def test_latency_is_drawn_as_its_median_and_99th_percentile_say() -> None:
    rules = Rules(latency={"west": Latency(80.0, 500.0)}, any_latency=Latency(10.0, 10.0))
    drawn = [latency_us(rules, "west", number) / 1000 for number in range(1, 20_001)]
    assert median(drawn) == pytest.approx(80, rel=0.03)
    assert quantiles(drawn, n=100)[98] == pytest.approx(500, rel=0.06)
    assert {latency_us(rules, "east", number) for number in range(1, 50)} == {10_000}


def test_latency_depends_on_seed_and_order_alone() -> None:
    one, other = Rules(seed="one"), Rules(seed="other")
    assert [latency_us(one, "east", number) for number in (1, 2, 3)] == [latency_us(one, "west", number) for number in (1, 2, 3)]
    assert latency_us(one, "east", 1) != latency_us(other, "east", 1)
    assert latency_us(Rules(seed="tapefarm"), "east", 1) == 62_416, "the same on every machine"


@pytest.mark.parametrize(("quantity", "lot", "whole"), [("7.25", "1", "7"), ("7.25", "0.01", "7.25"), ("0.5", "1", "0"), ("12", "5", "10")])
def test_whole_lots(quantity: str, lot: str, whole: str) -> None:
    assert floor(d(quantity), d(lot)) == d(whole)


def test_an_order_takes_the_best_levels_first_up_to_its_limit() -> None:
    trader = Trader(pair())
    trader.book(11, (), levels(("0.40", 10), ("0.42", 20), ("0.47", 50)))
    trader.book(12, levels(("0.50", 25), ("0.45", 100)), ())
    trader.wait(5)
    assert [(row["venue"], row["price"], row["quantity"]) for row in sorted(trader.rows("fills"), key=lambda row: row["venue"])] == [
        ("east", d("0.40"), 10),
        ("east", d("0.42"), 20),
        ("west", d("0.50"), 25),
        ("west", d("0.55"), 5),
    ]


def test_a_better_book_at_arrival_is_taken_as_it_is() -> None:
    trader = Trader(pair())
    trader.offer(ask="0.40", bid="0.50", shares=10)
    trader.book(11, (), levels(("0.35", 4), ("0.40", 10)))
    trader.wait(5)
    east = [(row["price"], row["quantity"]) for row in trader.rows("fills") if row["venue"] == "east"]
    assert east == [(d("0.35"), 4), (d("0.40"), 6)]


def test_fractions_of_a_lot_at_the_end_are_left() -> None:
    trader = Trader(pair(west=terms(lot="0.01")))
    trader.offer(ask="0.40", bid="0.50", shares=20)
    trader.book(11, levels(("0.39", 100)), levels(("0.40", "7.25")))
    trader.wait(5)
    assert [(row["purpose"], row["filled"]) for row in trader.rows("orders")] == [("lock", 7), ("lock", 20), ("unwind", 0)]
    assert {row["venue"]: row["unmatched"] for row in trader.rows("open_positions")} == {"east": 0, "west": 13}


@pytest.mark.parametrize(
    "wrong",
    [
        {"min_edge": d(-1)},
        {"min_shares": d(0)},
        {"min_shares": d(10), "max_shares": d(5)},
        {"limits": Limits(per_day=d(0))},
        {"limits": Limits(total=d("inf"))},
        {"cash": {"east": d(-1)}},
        {"max_book_age_seconds": float("nan")},
        {"unknown_days": 0},
    ],
    ids=str,
)
def test_rules_that_make_no_sense_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="out of range"):
        Rules(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(("middle", "p99"), [(0, 1), (2, 1), (float("nan"), 1)])
def test_a_latency_that_makes_no_sense_is_refused(middle: float, p99: float) -> None:
    with pytest.raises(ValueError, match="a latency has"):
        Latency(middle, p99)


def test_rules_have_defaults_that_trade_nothing() -> None:
    assert Rules().cash == {}
    assert RULES.min_edge > 0
