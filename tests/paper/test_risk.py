"""What keeps the engine from a lock that the books offer: books that are not to be relied on, halts, limits."""

from dataclasses import replace

import pytest

from paper.events import BookMoved, Halted, Heard, MarketSaid, PairsSet, ResultSaid, Resumed, VenuePaused
from paper.rules import Latency, Limits, Rules
from tests.paper.market import RULES, SECOND, START_US, Trader, book, d, levels, pair, terms

SOON = 5.0  # seconds: every order has arrived


@pytest.fixture
def trader() -> Trader:
    return Trader(pair())


# --- books that are not to be relied on -----------------------------------------------------------------------------------
def test_a_stale_book_ends_the_opportunity_and_a_book_that_is_heard_does_not(trader: Trader) -> None:
    trader.tell(Halted(trader.now, "all", "to look on"))
    trader.offer()
    trader.wait(29)
    for venue, number in (("east", 11), ("west", 12)):
        trader.tell(Heard(trader.now, venue, (number,)))
    trader.wait(29)
    assert trader.row("opportunities")["ended_at"] is None
    assert trader.engine.wakes_us == trader.now + SECOND + 1
    trader.wait(2)
    trader.wait(1)
    assert trader.row("opportunities")["end_reason"] == "stale book"
    assert set(trader.halts()) == {"all"}, "an old book by itself halts nothing"
    trader.tell(Heard(trader.now, "east", (11,)))
    trader.tell(Heard(trader.now, "west", (12,)))
    assert len(trader.rows("opportunities")) == 2, "it is good again as soon as it is heard"


@pytest.mark.parametrize(
    ("event", "why"),
    [
        (MarketSaid(START_US, 1200, "closed"), "market closed"),
        (VenuePaused(START_US, "west", "maintenance"), "venue paused"),
        (ResultSaid(START_US, 12, "one", "determined", d(1)), "result said"),
        (BookMoved(START_US, 12, book((), (), START_US, trusted=False)), "book not trusted"),
        (PairsSet(START_US, ()), "pair withdrawn"),
        (PairsSet(START_US, (pair(east=terms(blocked=("no price",))),)), "terms changed"),
    ],
)
def test_what_ends_an_opportunity_is_said(trader: Trader, event: MarketSaid, why: str) -> None:
    trader.tell(Halted(trader.now, "all", "to look on"))
    trader.offer()
    trader.tell(event)
    trader.wait(1)
    assert trader.row("opportunities")["end_reason"] == why


def test_a_market_of_which_nothing_was_said_is_not_traded() -> None:
    trader = Trader(rules=RULES)
    trader.tell(PairsSet(trader.now, (pair(),)))
    trader.offer()
    assert trader.rows("opportunities") == []


def test_a_book_that_grows_stale_with_an_order_under_way_halts_the_pair() -> None:
    slow = Trader(pair(), rules=replace(RULES, any_latency=Latency(20_000.0, 20_000.0), max_book_age_seconds=10.0))
    slow.offer()
    slow.wait(21)
    assert slow.halts() == {"pair 1": ["stale book with an order under way"]}
    assert [row["state"] for row in slow.rows("orders")] == ["missed", "missed"]


def test_terms_that_make_no_sense_halt_their_pair_and_no_other() -> None:
    trader = Trader(pair(1, west=terms(lot=0)), pair(2))
    trader.offer(number=1)
    trader.offer(number=2)
    assert trader.halts() == {"pair 1": ["terms make no sense: no venue has lots of 0 shares and a rate of 0"]}
    assert {row["pair_id"] for row in trader.rows("orders")} == {2}


def test_levels_that_no_venue_can_mean_are_passed_over(trader: Trader) -> None:
    trader.offer(shares=10)
    trader.book(11, (), levels(("-0.10", 5), ("0", 5), ("0.40", -3), ("0.40", 4)))
    trader.wait(SOON)
    assert [row["quantity"] for row in trader.rows("fills") if row["venue"] == "east"] == [4]


def test_a_book_that_comes_late_is_as_old_as_its_last_frame(trader: Trader) -> None:
    trader.offer(ask="0.60")
    trader.tell(BookMoved(trader.now, 11, book((), levels(("0.40", 10)), trader.now - 31 * SECOND)))
    assert len(trader.rows("opportunities")) == 1, "as something newer was heard of it"
    late = Trader(pair())
    late.book(12, levels(("0.50", 100)), ())
    late.tell(BookMoved(late.now, 11, book((), levels(("0.40", 10)), late.now - 31 * SECOND)))
    assert late.rows("opportunities") == []


# --- halts ----------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("scope", ["all", "venue east", "venue west", "pair 1"])
def test_a_person_halts_and_a_person_lifts_it(trader: Trader, scope: str) -> None:
    trader.tell(Halted(trader.now, scope, "a bad feeling"))
    trader.offer()
    assert trader.rows("orders") == []
    assert trader.row("opportunities")["reasons"] == [f"halted: {scope}"]
    trader.wait(1)
    trader.tell(Resumed(trader.now, scope, "me"))
    assert len(trader.rows("orders")) == 2, "what is still offered is taken at once"
    assert trader.notes("resume") == [{"by": "me", "lifted": ["a bad feeling"]}]


@pytest.mark.parametrize("scope", ["venue north", "pair 2"])
def test_a_halt_of_another_scope_changes_nothing(trader: Trader, scope: str) -> None:
    trader.tell(Halted(trader.now, scope, ""))
    trader.offer()
    assert len(trader.rows("orders")) == 2


def test_what_is_under_way_at_a_halt_is_ended_in_good_order(trader: Trader) -> None:
    trader.offer(ask="0.40", bid="0.50", shares=100)
    trader.tell(Halted(trader.now, "all", "kill switch"))
    trader.book(11, levels(("0.38", 500)), levels(("0.40", 100)))
    trader.book(12, (), ())
    trader.wait(SOON)
    assert [row["purpose"] for row in trader.rows("orders")] == ["lock", "lock", "unwind"]
    assert trader.rows("open_positions") == []


def test_a_venue_that_falls_silent_halts_until_a_person_has_looked(trader: Trader) -> None:
    trader.tell(Halted(trader.now, "pair 1", "to look on"))
    trader.offer()
    for _ in range(13):
        trader.wait(10)
        trader.tell(Heard(trader.now, "west", (12,)))
    assert trader.halts() == {"pair 1": ["to look on"], "venue east": ["silent"]}
    trader.offer()
    assert "venue east" in trader.halts(), "that it speaks again lifts nothing"
    trader.tell(Resumed(trader.now, "venue east", "me"))
    assert "venue east" not in trader.halts()


def test_silence_while_nobody_told_the_engine_anything_halts_nothing(trader: Trader) -> None:
    trader.offer()
    trader.now += 3600 * SECOND
    trader.tell(Heard(trader.now, "west", (12,)))
    for _ in range(20):
        trader.wait(10)
        trader.tell(Heard(trader.now, "west", (12,)))
    assert trader.halts() == {}, "east was not heard since, so that nothing has fallen silent"


def test_a_pause_of_the_exchange_halts_beyond_its_end(trader: Trader) -> None:
    trader.offer(shares=10)
    trader.tell(VenuePaused(trader.now, "west", "maintenance"))
    trader.wait(SOON)
    assert [(row["state"], row["why"]) for row in trader.rows("orders") if row["purpose"] == "lock"] == [
        ("filled", ""),
        ("missed", "venue paused"),
    ]
    trader.tell(VenuePaused(trader.now, "west", ""))
    assert trader.halts() == {"venue west": ["exchange pause"]}


@pytest.mark.parametrize("status", ["disputed"])
def test_a_disputed_market_halts_its_pairs(trader: Trader, status: str) -> None:
    trader.tell(ResultSaid(trader.now, 12, "oracle", status, None))
    assert trader.halts() == {"pair 1": ["disputed market"]}


def test_losses_of_a_day_halt_everything_and_are_taken_note_of() -> None:
    trader = Trader(pair(), rules=replace(RULES, max_daily_loss=d(2)))

    def lose() -> None:
        trader.offer(ask="0.40", bid="0.50", shares=100)
        trader.book(11, levels(("0.38", 100)), levels(("0.40", 100)))
        trader.book(12, (), ())
        trader.wait(SOON)
        trader.book(11, (), ())

    lose()
    assert trader.halts() == {"all": ["daily loss"]}
    assert trader.notes("halt") == [{"limit": "2", "lost": "2", "reason": "daily loss"}]
    trader.tell(Resumed(trader.now, "all", "me"))
    assert trader.halts() == {}
    lose()
    assert trader.halts() == {"all": ["daily loss"]}, "as much again"


# --- limits ---------------------------------------------------------------------------------------------------------------
def limited(**limits: object) -> Rules:
    return replace(RULES, limits=Limits(**{name: d(value) for name, value in limits.items()}))


#: The lock costs 0.90 a share and reserves 0.05 a leg on top; the pair closes in ten days.
@pytest.mark.parametrize(
    ("rules", "shares", "reason"),
    [
        (limited(per_pair=50), 55, "limit of the pair"),
        (limited(per_venue=25), 49, "limit of venue west"),
        (limited(total=50), 55, "limit in total"),
        (limited(per_day=50), 55, "limit of the day"),
        (limited(capital_days=500), 55, "limit of capital-days"),
        (replace(RULES, cash={"east": d(20), "west": d(1000)}), 49, "cash at east"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_limit_makes_a_lock_smaller_and_then_forbids_it(rules: Rules, shares: int, reason: str) -> None:
    trader = Trader(pair(), rules=replace(rules, max_shares=d(200), min_shares=d(2)))
    trader.offer(ask="0.40", bid="0.50", shares=100)
    trader.wait(SOON)
    first = trader.rows("orders")[0]["quantity"]
    assert shares - 1 <= first <= shares
    assert trader.row("opportunities")["reasons"] == [reason]


def test_a_venue_without_cash_is_looked_at_and_not_traded() -> None:
    trader = Trader(pair(), rules=replace(RULES, cash={"east": d(100)}))
    trader.offer()
    assert trader.row("opportunities")["reasons"] == ["cash at west"]
    assert trader.rows("orders") == []


def test_what_is_under_way_counts_as_spent() -> None:
    trader = Trader(pair(1), pair(2), rules=limited(per_day=50))
    trader.offer(shares=40, number=1)  # 36 dollars, and 0.10 for roundings
    trader.offer(shares=40, number=2)
    assert [row["quantity"] for row in trader.rows("orders")] == [40, 40, 15, 15]


def test_a_new_day_has_its_own_limit() -> None:
    trader = Trader(pair(), rules=limited(per_day=50))
    trader.offer(shares=100)
    trader.wait(SOON)
    before = len(trader.rows("orders"))
    trader.now += 86_400 * SECOND
    trader.offer(shares=100)
    assert len(trader.rows("orders")) == before + 2


def test_a_tail_that_nobody_has_named_forbids_the_pair() -> None:
    trader = Trader(pair(tails=frozenset({"no/yes", "void/yes"})))
    trader.offer()
    assert trader.rows("orders") == []
    assert trader.row("opportunities")["reasons"] == ["tails not named: no/void"]
