"""Whatever happens, in whatever order: no cent is lost, no limit broken, nothing is decided twice, and the same is decided again."""

from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paper.audit import Entry, verify
from paper.desk import DAY_US
from paper.engine import Engine
from paper.payoffs import STATES, payoff
from paper.state import Changes, Scope
from tests.paper.market import RULES, d, events

ZERO = Decimal(0)
CENT = d("0.01")
Rows = dict[str, dict[Any, dict[str, Any]]]


def merge(rows: Rows, changes: Changes) -> None:
    for table, found in changes.rows.items():
        for key, row in found.items():
            if row is None:
                rows[table].pop(key, None)
            else:
                rows[table][key] = row


def lived(seed: int, count: int = 900) -> Iterator[tuple[Engine, Rows]]:
    """The engine and its rows after each of many events."""
    engine, rows = Engine(RULES), defaultdict(dict)
    for event in events(seed, count):
        engine.handle(event)
        merge(rows, engine.take())
        yield engine, rows


def flows(rows: Rows, column: str) -> dict[Any, Decimal]:
    """Cash by venue or pair, from prices, amounts and fees alone."""
    found: dict[Any, Decimal] = defaultdict(Decimal)
    for fill in rows["fills"].values():
        sign = 1 if fill["action"] == "sell" else -1
        found[fill[column]] += sign * fill["price"] * fill["quantity"] - fill["fee"]
    for paid in rows["paper_settlements"].values():
        found[paid[column]] += paid["quantity"] * paid["payout"]
    return found


def check_sums(engine: Engine, rows: Rows) -> None:
    state, begin = engine.state, RULES.cash
    by_venue, by_pair = flows(rows, "venue"), flows(rows, "pair_id")
    for name, scope in state.scopes.items():
        kind, _, which = name.partition(" ")
        held = [one for one in state.positions.values() if kind == "all" or which == (one.venue if kind == "venue" else str(one.pair_id))]
        sent = [one for one in state.orders.values() if kind == "all" or which == (one.leg.venue if kind == "venue" else str(one.pair_id))]
        waiting = [one for one in sent if one.state == "under way"]
        assert scope.bound == sum(one.cost for one in held)
        assert scope.reserved == sum(one.reserved for one in waiting)
        assert scope.bound_days == sum(one.bound_days for one in held) + sum(one.reserved_days for one in waiting)
        if kind == "venue":
            assert scope.cash == begin.get(which, ZERO) + by_venue[which] == begin.get(which, ZERO) + scope.realised - scope.bound
            assert scope.cash >= 0
        elif kind == "pair":
            assert by_pair[int(which)] == scope.realised - scope.bound
        elif scope.cash:
            assert scope.cash == sum(begin.values()) + scope.realised - scope.bound
    for position in state.positions.values():
        assert position.quantity > 0
        assert 0 <= position.unmatched <= position.quantity
    assert all(0 < one.quantity <= one.shown for taken in state.taken.values() for one in taken), "no level gives more than it showed"


def check_limits(scopes: dict[str, Scope]) -> None:
    limits = RULES.limits
    for name, scope in scopes.items():
        most = {"all": limits.total, "pair": limits.per_pair, "venue": limits.per_venue}[name.partition(" ")[0]]
        assert scope.bound + scope.reserved <= most + CENT
        if name == "all":
            assert scope.spent + scope.reserved <= limits.per_day + CENT
            assert scope.bound_days <= limits.capital_days + CENT


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32))
def test_cash_and_positions_add_up_after_each_event(seed: int) -> None:
    for engine, rows in lived(seed):
        check_sums(engine, rows)
        check_limits(engine.state.scopes)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32))
def test_the_chain_of_decisions_holds_and_rows_agree_with_the_state(seed: int) -> None:
    *_, (engine, rows) = lived(seed)
    chain = [_entry(row) for row in rows["audit_logs"].values()]
    head = engine.state.head[""]
    assert verify(chain, (head.audits, head.hash)).broken is None
    assert set(rows["open_positions"]) == set(engine.state.positions)
    for key, position in engine.state.positions.items():
        assert rows["open_positions"][key]["cost"] == position.cost
    for name, scope in engine.state.scopes.items():
        if name in rows["risk_states"]:
            assert rows["risk_states"][name]["cash"] == scope.cash


def _entry(row: dict[str, Any]) -> Entry:
    return Entry(row["number"], row["at"], *(row[name] for name in ("kind", "subject", "details", "previous", "hash")))


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32))
def test_each_lock_that_is_taken_pays_its_claim_in_every_state_but_those_it_names(seed: int) -> None:
    *_, (_, rows) = lived(seed)
    for row in rows["audit_logs"].values():
        if row["kind"] != "take":
            continue
        told = row["details"]
        shares, claim = d(told["shares"]), d(told["edge"])
        outlay = d(told["cost"]) + d(told["fees"])
        named = rows["opportunities"][int(row["subject"].split()[1])]["breaks"]
        for state in STATES:
            earned = shares * payoff(told["yes_leg"], state) - outlay
            assert earned >= claim or state in named
        assert claim >= RULES.min_edge * shares


@pytest.mark.parametrize("seed", range(5))
def test_what_was_spent_and_won_on_each_day_is_the_sum_of_its_fills_and_settlements(seed: int) -> None:
    for engine, rows in lived(seed):
        scope = engine.state.scopes.get("all")
        if scope is None:
            continue
        sold = [(row["filled_at"], row["realised"]) for row in rows["fills"].values()]
        paid = [(row["settled_at"], row["realised"]) for row in rows["paper_settlements"].values()]
        bought = [
            (row["filled_at"], row["price"] * row["quantity"] + row["fee"]) for row in rows["fills"].values() if row["action"] == "buy"
        ]
        assert scope.spent == sum((spent for at, spent in bought if at // DAY_US == scope.day), ZERO)
        assert scope.won == sum((won for at, won in sold + paid if at // DAY_US == scope.day), ZERO)


@pytest.mark.parametrize("seed", range(3))
def test_the_same_events_give_the_same_bytes_however_often_they_are_taken(seed: int) -> None:
    often: Rows = defaultdict(dict)
    state: dict[str, str | None] = {}
    engine = Engine(RULES)
    for event in events(seed, 900):
        engine.handle(event)
        changes = engine.take()
        merge(often, changes)
        state.update(changes.state)
    once: Rows = defaultdict(dict)
    engine = Engine(RULES)
    for event in events(seed, 900):
        engine.handle(event)
    changes = engine.take()
    merge(once, changes)
    assert repr({table: rows for table, rows in often.items() if rows}) == repr({table: rows for table, rows in once.items() if rows})
    assert {key: value for key, value in state.items() if value} == {key: value for key, value in changes.state.items() if value}
