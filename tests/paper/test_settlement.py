"""When a market's end is believed, and what is paid then."""

from dataclasses import replace
from decimal import Decimal

import pytest

from paper.events import ResultSaid
from paper.rules import Latency
from paper.values import Level
from tests.paper.market import RULES, Trader, d, levels, pair

#: At east one source is enough, at west there have to be two.
BOUGHT_FOR = {"east": 4, "west": 5}


@pytest.fixture
def holder() -> Trader:
    """Holds ten YES at east and ten NO at west, which cost 4 and 5."""
    trader = Trader(pair())
    trader.offer(shares=10)
    trader.wait(5)
    return trader


def say(trader: Trader, number: int, source: str, status: str, payout: object = None) -> None:
    trader.tell(ResultSaid(trader.now, number, source, status, None if payout is None else d(payout)))


def paid(trader: Trader) -> list[tuple[str, Decimal, Decimal]]:
    return [(row["venue"], row["payout"], row["realised"]) for row in trader.rows("paper_settlements")]


@pytest.mark.parametrize(
    ("east", "west", "won"),
    [
        (("resolved", 1), ("resolved", 1), 1),
        (("resolved", 0), ("resolved", 0), 1),
        (("resolved", 1), ("resolved", 0), 11),
        (("resolved", 0), ("resolved", 1), -9),
        (("void", None), ("resolved", 1), -4),
        (("void", None), ("void", None), 1),
        (("void", "0.3"), ("void", "0.5"), -1),
        (("resolved", "0.25"), ("resolved", "0.25"), 1),
    ],
)
def test_each_end_pays_what_it_says(holder: Trader, east: tuple[str, object], west: tuple[str, object], won: int) -> None:
    say(holder, 11, "exchange", *east)
    for source in ("oracle", "chain"):
        say(holder, 12, source, *west)
    assert sum(realised for *_, realised in paid(holder)) == won
    assert sum(holder.cash().values()) == 2000 + won
    assert holder.rows("open_positions") == []


def test_one_of_two_sources_is_not_enough(holder: Trader) -> None:
    say(holder, 12, "oracle", "resolved", 1)
    say(holder, 12, "oracle", "resolved", 1)
    assert paid(holder) == []
    say(holder, 12, "chain", "resolved", 1)
    assert paid(holder) == [("west", 0, -5)]
    assert holder.row("paper_settlements")["sources"] == ["chain", "oracle"]


@pytest.mark.parametrize("status", ["proposed", "determined", "disputed"])
def test_what_is_not_final_pays_nothing(holder: Trader, status: str) -> None:
    say(holder, 11, "exchange", status, 1)
    assert paid(holder) == []


def test_sources_that_contradict_each_other_halt_the_pair(holder: Trader) -> None:
    say(holder, 12, "oracle", "resolved", 1)
    say(holder, 12, "chain", "resolved", 0)
    assert paid(holder) == []
    assert holder.halts() == {"pair 1": ["sources disagree"]}
    say(holder, 12, "oracle", "resolved", 0)
    assert paid(holder) == [("west", 1, 5)], "a source may take its word back"


def test_a_result_that_changes_after_it_was_paid_halts_the_pair(holder: Trader) -> None:
    say(holder, 11, "exchange", "resolved", 1)
    say(holder, 11, "exchange", "resolved", 0)
    assert paid(holder) == [("east", 1, 6)]
    assert holder.halts() == {"pair 1": ["result changed after settlement"]}


@pytest.mark.parametrize("payout", ["-0.01", "1.01", "NaN", "Infinity"])
def test_a_payout_that_no_share_has_is_left_out(holder: Trader, payout: str) -> None:
    say(holder, 11, "exchange", "resolved", payout)
    assert paid(holder) == []
    assert [row["subject"] for row in holder.rows("audit_logs") if row["kind"] == "result left out"] == ["instrument 11"]


def test_so_many_sources_are_no_sources(holder: Trader) -> None:
    for number in range(40):
        say(holder, 12, f"source {number}", "proposed")
    assert len(holder.engine.state.said[12]) == 16


def test_an_order_for_a_market_whose_result_is_said_on_its_way_is_missed() -> None:
    trader = Trader(pair())
    trader.offer(shares=10)
    say(trader, 11, "exchange", "resolved", 1)
    trader.wait(5)
    assert [(row["venue"], row["state"], row["why"]) for row in trader.rows("orders")][:2] == [
        ("east", "missed", "result said"),
        ("west", "filled", ""),
    ]


@pytest.mark.parametrize("asks", [levels(), levels(("0.45", 100))], ids=["nobody sells", "somebody sells"])
def test_a_leg_that_is_paid_out_before_the_other_arrives_is_not_sold_as_well(asks: tuple[Level, ...]) -> None:
    slow = {"east": Latency(10.0, 10.0), "west": Latency(2_000.0, 2_000.0)}
    trader = Trader(pair(), rules=replace(RULES, latency=slow))
    trader.offer(shares=10)
    trader.book(12, (), asks)
    trader.wait(1)
    say(trader, 11, "exchange", "resolved", 1)
    trader.wait(5)
    assert [(row["venue"], row["purpose"], row["state"]) for row in trader.rows("orders")] == [
        ("east", "lock", "filled"),
        ("west", "lock", "missed"),
    ]
    assert trader.cash() == {"east": 1000 - 4 + 10, "west": 1000}
    assert trader.rows("open_positions") == []


@pytest.mark.parametrize("then", ["resolved", "proposed"])
def test_what_is_paid_out_while_its_sale_is_on_its_way_is_not_sold_as_well(then: str) -> None:
    slow = {"east": Latency(2_000.0, 2_000.0), "west": Latency(10.0, 10.0)}
    trader = Trader(pair(), rules=replace(RULES, latency=slow))
    trader.offer(shares=10)
    trader.book(11, levels(("0.39", 100)), levels(("0.40", 10)))
    trader.book(12, (), ())
    trader.wait(2)  # east is bought, west missed, and the sale of what east bought sent
    say(trader, 11, "exchange", "resolved", 1)
    say(trader, 11, "exchange", then, 1)
    trader.wait(5)
    assert [(row["purpose"], row["state"]) for row in trader.rows("orders")] == [
        ("lock", "filled"),
        ("lock", "missed"),
        ("unwind", "missed"),
    ]
    assert trader.cash() == {"east": 1006, "west": 1000}


def test_capital_days_are_what_was_bound_for_how_long(holder: Trader) -> None:
    opened = {row["venue"]: row["opened_at"] for row in holder.rows("open_positions")}
    holder.now = opened["east"] + 2 * 86_400_000_000
    say(holder, 11, "exchange", "resolved", 1)
    assert holder.row("paper_settlements")["capital_days"] == 2 * BOUGHT_FOR["east"]
