"""What the engine does when it is told something: from two books to a lock, and everything that keeps it from one."""

from dataclasses import replace
from decimal import Decimal

import pytest

from paper.events import Clock, Halted, PairsSet, ResultSaid
from paper.rules import Latency
from tests.paper.market import FEES, RULES, SECOND, START_US, Trader, d, levels, pair, terms

SOON = 5.0  # seconds: every order has arrived


@pytest.fixture
def trader() -> Trader:
    return Trader(pair())


# --- taken ----------------------------------------------------------------------------------------------------------------
def test_a_lock_is_bought_with_as_many_shares_on_both_legs(trader: Trader) -> None:
    trader.offer(ask="0.40", bid="0.50", shares=100)
    trader.wait(SOON)
    bought = [(row["venue"], row["action"], row["outcome"], row["price"], row["quantity"]) for row in trader.rows("fills")]
    assert sorted(bought) == [("east", "buy", "yes", d("0.40"), 100), ("west", "buy", "no", d("0.50"), 100)]
    assert trader.cash() == {"east": 960, "west": 950}
    held = {(row["venue"], row["outcome"]): (row["quantity"], row["cost"]) for row in trader.rows("open_positions")}
    assert held == {("east", "yes"): (100, 40), ("west", "no"): (100, 50)}
    assert {row["state"] for row in trader.rows("orders")} == {"filled"}
    one = trader.row("opportunities")
    assert (one["taken"], one["best_edge"], one["capacity"], one["end_reason"]) == (True, 10, 100, "taken")
    assert one["ended_at"] == min(row["filled_at"] for row in trader.rows("fills"))


def test_it_is_bought_the_other_way_around_too(trader: Trader) -> None:
    trader.book(11, levels(("0.50", 10)), ())
    trader.book(12, (), levels(("0.40", 10)))
    trader.wait(SOON)
    assert sorted((row["venue"], row["outcome"]) for row in trader.rows("fills")) == [("east", "no"), ("west", "yes")]
    assert trader.row("opportunities")["yes_leg"] == "b"


@pytest.mark.parametrize(("bid", "seen"), [("0.41", 1), ("0.4099", 0), ("0.39", 0)])
def test_what_does_not_clear_the_least_edge_is_no_opportunity(trader: Trader, bid: str, seen: int) -> None:
    trader.offer(ask="0.40", bid=bid)
    assert len(trader.rows("opportunities")) == seen


def test_fees_of_both_venues_are_charged() -> None:
    trader = Trader(pair(east=terms(FEES[1]), west=terms(FEES[3])))
    trader.offer(ask="0.40", bid="0.50", shares=100)
    trader.wait(SOON)
    # 0.07 × 100 × 0.4 × 0.6 = 1.68; 0.05 × 100 × 0.5 × 0.5 = 1.25
    assert [(row["venue"], row["fee"]) for row in sorted(trader.rows("fills"), key=lambda row: row["venue"])] == [
        ("east", d("1.68")),
        ("west", d("1.25")),
    ]
    assert trader.row("opportunities")["best_edge"] == 10 - d("1.68") - d("1.25")


def test_fees_that_nobody_said_are_flagged() -> None:
    trader = Trader(pair(west=terms(FEES[4])))
    trader.offer()
    one = trader.row("opportunities")
    assert (one["fees_known"], one["note"]) == (False, "nobody said")


def test_what_was_taken_stays_taken_until_the_level_shows_another_amount(trader: Trader) -> None:
    trader.offer(shares=100)
    trader.wait(SOON)
    assert sum(row["quantity"] for row in trader.rows("fills")) == 200
    trader.offer(shares=100)
    trader.wait(SOON)
    assert len(trader.rows("orders")) == 2, "the same hundred shares are shown, and they are ours"
    trader.offer(shares=30)
    trader.wait(SOON)
    assert [row["quantity"] for row in trader.rows("orders")] == [100, 100, 30, 30]


def test_a_whole_new_state_shows_everything_anew(trader: Trader) -> None:
    trader.offer(shares=10)
    trader.wait(SOON)
    for number, bids, asks in ((11, (), levels(("0.40", 10))), (12, levels(("0.50", 10)), ())):
        trader.book(number, bids, asks, trusted=False)
        trader.book(number, bids, asks)
    trader.wait(SOON)
    assert [row["quantity"] for row in trader.rows("orders")] == [10, 10, 10, 10]


def test_only_a_part_of_a_level_is_taken_and_the_rest_stays() -> None:
    trader = Trader(pair(), rules=replace(RULES, max_shares=d(60)))
    trader.offer(shares=100)
    trader.wait(SOON)
    assert [row["quantity"] for row in trader.rows("orders")] == [60, 60, 40, 40]


# --- on the way -----------------------------------------------------------------------------------------------------------
def test_an_order_arrives_after_its_latency_and_the_delay_of_the_venue() -> None:
    swift = replace(RULES, any_latency=Latency(100.0, 100.0))
    trader = Trader(pair(west=terms(delay_us=250_000)), rules=swift)
    trader.offer()
    assert [row["arrives_at"] - row["sent_at"] for row in trader.rows("orders")] == [100_000, 350_000]
    assert trader.engine.wakes_us == trader.now + 100_000
    trader.wait(0.099)
    assert trader.rows("fills") == []
    trader.wait(0.001)
    assert [row["filled_at"] for row in trader.rows("fills")] == [START_US + 100_000]


def test_a_leg_that_is_missed_is_unwound_at_the_book_and_charged() -> None:
    trader = Trader(pair(east=terms(FEES[1])))
    trader.offer(ask="0.40", bid="0.50", shares=100)
    trader.book(11, levels(("0.38", 500)), levels(("0.40", 100)))
    trader.book(12, levels(("0.30", 100)), ())  # before it arrives
    trader.wait(SOON)
    orders = [(row["purpose"], row["venue"], row["action"], row["outcome"], row["state"]) for row in trader.rows("orders")]
    assert orders == [
        ("lock", "east", "buy", "yes", "filled"),
        ("lock", "west", "buy", "no", "missed"),
        ("unwind", "east", "sell", "yes", "filled"),
    ]
    # bought for 40 + 1.68, sold for 38 - 0.07 × 100 × 0.38 × 0.62 rounded up
    assert trader.rows("fills")[-1]["realised"] == d("38") - d("1.65") - d("41.68")
    assert trader.rows("open_positions") == []
    assert trader.cash() == {"east": 1000 + d("36.35") - d("41.68"), "west": 1000}


def test_a_sale_is_charged_as_a_sale() -> None:
    trader = Trader(pair(east=terms(FEES[2], lot="0.01"), west=terms(lot="0.01")))
    trader.offer(ask="0.40", bid="0.50", shares="7.1")
    trader.book(11, levels(("0.33", 500)), levels(("0.40", "7.1")))
    trader.book(12, (), ())
    trader.wait(SOON)
    # bought: 0.11928, to 1/10000 0.1193, and 2.84 + 0.1193 up to the cent; sold: 0.1098867, 0.1099, and 2.343 - 0.1099 = 2.2331 down to the cent
    assert [(row["quantity"], row["fee"]) for row in trader.rows("fills")] == [(d("7.1"), d("0.12")), (d("7.1"), d("0.113"))]
    assert trader.cash()["east"] == 1000 - d("2.96") + d("2.23")


def test_a_leg_that_is_filled_in_part_leaves_only_the_excess_to_be_unwound(trader: Trader) -> None:
    trader.offer(ask="0.40", bid="0.50", shares=100)
    trader.book(11, levels(("0.38", 500)), levels(("0.40", 100)))
    trader.book(12, levels(("0.50", 70)), ())
    trader.wait(SOON)
    unwound = trader.rows("orders")[2]
    assert (unwound["purpose"], unwound["quantity"]) == ("unwind", 30)
    assert [(row["quantity"], row["unmatched"]) for row in trader.rows("open_positions")] == [(70, 0), (70, 0)]


def test_what_nobody_takes_back_is_named(trader: Trader) -> None:
    trader.offer(ask="0.40", bid="0.50", shares=100)
    trader.book(11, levels(("0.38", 10)), levels(("0.40", 100)))
    trader.book(12, (), ())
    trader.wait(SOON)
    assert trader.row("open_positions")["unmatched"] == 90
    assert trader.notes("residual") == [{"outcome": "yes", "quantity": "90", "venue": "east"}]


def test_less_than_the_venue_takes_is_not_unwound() -> None:
    trader = Trader(pair(east=terms(least=5)))
    trader.offer(ask="0.40", bid="0.50", shares=10)
    trader.book(11, levels(("0.38", 100)), levels(("0.40", 10)))
    trader.book(12, levels(("0.50", 6)), ())
    trader.wait(SOON)
    assert [row["purpose"] for row in trader.rows("orders")] == ["lock", "lock"]
    assert {row["venue"]: row["unmatched"] for row in trader.rows("open_positions")} == {"east": 4, "west": 0}


def test_nothing_new_is_sent_while_orders_of_the_same_books_are_under_way(trader: Trader) -> None:
    for _ in range(3):
        trader.offer()
    assert len(trader.rows("orders")) == 2
    assert trader.row("opportunities")["reasons"] == []


# --- rows and the clock ---------------------------------------------------------------------------------------------------
def test_an_opportunity_that_lives_is_written_once_a_second(trader: Trader) -> None:
    trader.tell(Halted(trader.now, "all", "to look on"))
    written = 0
    for number in range(10_000):
        trader.now += 200
        trader.offer(ask="0.40", bid="0.50" if number % 7 else "0.30", shares=1 + number % 90)
        written += "opportunities" in trader.engine.take().rows
    one = trader.engine.state.opportunities["1 a"]
    assert one.number == 1, "what is back within a second is the same"
    assert one.looks > 8_000
    assert one.appearances > 1_000
    assert written <= 3


def test_the_best_look_is_kept(trader: Trader) -> None:
    trader.tell(Halted(trader.now, "all", "to look on"))
    for ask, shares in (("0.45", 50), ("0.40", 20), ("0.48", 300)):
        trader.book(12, levels(("0.50", 1000)), ())
        trader.book(11, (), levels((ask, shares)))
    trader.wait(1)
    one = trader.row("opportunities")
    assert (one["best_edge"], one["best_edge_share"], one["capacity"], one["cost"]) == (d("4"), d("0.1"), 300, d("196"))


def test_a_clock_that_runs_back_a_little_stands_still_and_more_is_refused(trader: Trader) -> None:
    trader.offer()
    trader.tell(Clock(trader.now - SECOND))
    assert trader.engine.state.head[""].now_us == trader.now
    with pytest.raises(ValueError, match="the clock runs back"):
        trader.tell(Clock(trader.now - SECOND - 1))


def test_a_withdrawn_pair_keeps_what_it_holds_until_it_is_settled(trader: Trader) -> None:
    trader.offer(shares=10)
    trader.tell(PairsSet(trader.now, ()))
    trader.wait(SOON)
    assert len(trader.rows("open_positions")) == 2, "orders that were under way have arrived"
    trader.tell(ResultSaid(trader.now, 11, "exchange", "resolved", d(1)))
    for source in ("one", "two"):
        trader.tell(ResultSaid(trader.now, 12, source, "resolved", d(1)))
    assert trader.rows("open_positions") == []
    assert trader.cash() == {"east": 1000 - 4 + 10, "west": 1000 - 5}


def test_what_nobody_trades_or_holds_is_forgotten(trader: Trader) -> None:
    trader.offer(ask="0.60", bid="0.50")
    trader.tell(PairsSet(trader.now, (pair(2),)))
    state = trader.engine.state
    assert not (state.books or state.markets or state.venues["east"].heard)
    trader.book(11, (), ())
    assert not state.books, "nor is it heard"


def test_a_pair_that_is_told_twice_is_no_news(trader: Trader) -> None:
    before = len(trader.rows("audit_logs"))
    trader.tell(PairsSet(trader.now, (pair(),)))
    assert len(trader.rows("audit_logs")) == before


def test_rules_in_force_are_on_record() -> None:
    trader = Trader(pair(), rules=RULES)
    (told,) = trader.notes("rules")
    assert told["rules"]["min_edge"] == "0.01"
    again = Trader(pair(), rules=replace(RULES, min_edge=Decimal("0.02")), state=trader.engine.state)
    assert [one["rules"]["min_edge"] for one in again.notes("rules")] == ["0.02"]
