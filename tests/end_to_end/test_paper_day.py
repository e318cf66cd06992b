"""A day of two simulated venues with 200 pairs of known edges: the engine takes exactly those that clear their costs, for as much as the truth
says, and what it reports to have won is what plain SQL makes of fills and results.

The pairs are confirmed by a script that knows the truth, in the place of a person who reads both rules.
"""

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.arena import NAMES, Arena, confirmations
from tests.end_to_end.conftest import Venue, eventually
from venues import VENUES

PAIRS = 200
CENT = Decimal("0.01")
PLAYED = {"pairs": PAIRS, "rate": 40, "symbols": 10, "markets": 10, "market-seconds": 0, "resolution-seconds": 1, "read-tokens": 1_000_000}
#: What the limits are for is tested elsewhere: here nothing but the edge decides.
COLLECTED = """
[venues.kalshi]
channels = ["orderbook_delta", "market_lifecycle_v2"]
top = 240
[venues.kalshi.universe]
by = "volume_24h"
[venues.polymarket]
top = 240
[venues.polymarket.universe]
by = "volume"
[paper]
min_edge = "0.005"
max_shares = 100_000
max_daily_loss = 1_000_000
max_book_age_seconds = 120
max_silence_seconds = 600
[paper.limits]
per_pair = 1_000_000
per_venue = 1_000_000
total = 2_000_000
per_day = 2_000_000
capital_days = 1_000_000_000
[paper.cash]
kalshi = 1_000_000
polymarket = 1_000_000
"""

pytestmark = [
    pytest.mark.skipif(not set(NAMES) <= set(VENUES), reason="a folder of theirs is deleted"),
    pytest.mark.timeout(900),
]


class Day:
    """The farm, and which of its pairs is which of the truth."""

    def __init__(self, farm: Venue, arena: Arena, file: Path) -> None:
        self.farm, self.arena, self._file = farm, arena, file
        self.numbers: dict[int, int] = {}  # of the truth -> contract_matches

    def polled(self, venue: str, *polls: str) -> None:
        for poll in polls:
            self.farm.send_task("tasks.snapshots.poll", venue, poll)

    def know(self, pairs: list[dict[str, Any]]) -> dict[str, str]:
        """Market -> hash of its rules, once the farm has all markets of all pairs."""
        markets = [pair[name]["market"] for pair in pairs for name in NAMES]
        listed = ", ".join(f"'{market}'" for market in markets)
        sql = (
            "SELECT market_id, rules_sha256 FROM markets m WHERE rules_sha256 IS NOT NULL AND status = 'active' AND EXISTS (SELECT FROM "
            f"instruments i WHERE i.venue = m.venue AND i.symbol = m.outcomes->0->>0) AND market_id IN ({listed})"
        )
        self.polled("kalshi", "series", "events")
        self.polled("polymarket", "markets")
        found = eventually(lambda: len(rows := self.farm.psql(sql)) == len(markets) and rows, lambda: len(self.farm.psql(sql)))
        return dict(found)

    def confirm(self, pairs: list[dict[str, Any]], rules: dict[str, str]) -> None:
        self._file.write_text(json.dumps(confirmations(pairs, rules)))  # JSON is YAML
        done = self.farm.run("match", "import", str(self._file), "--by", "script")
        assert done.returncode == 0, done.stdout + done.stderr
        found = self.farm.psql(
            "SELECT k.market_id, pair_id FROM contract_matches m JOIN markets k ON k.market_key = m.market_key_a WHERE m.state = 'confirmed'"
        )
        numbers = {market: int(number) for market, number in found}
        self.numbers = {pair["pair"]: numbers[pair["kalshi"]["market"]] for pair in pairs}

    def taken(self) -> dict[int, Decimal]:
        """Pair of the truth -> shares of the locks that were ordered."""
        names = {number: pair for pair, number in self.numbers.items()}
        rows = self.farm.psql("SELECT pair_id, sum(taken_shares) FROM opportunities WHERE taken GROUP BY 1")
        return {names[int(number)]: Decimal(shares) for number, shares in rows}

    def still(self) -> bool:
        return self.farm.psql("SELECT count(*) FROM orders WHERE state = 'under way'") == [["0"]]


@pytest.fixture
def day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Day]:
    folder = tmp_path_factory.mktemp("arena")
    (folder / "farm.toml").write_text(COLLECTED)
    arena = Arena(folder / "sandbox", PLAYED)
    farm = Venue(tmp_path_factory.mktemp("paper"), NAMES[0], FARM_TOML=str(folder / "farm.toml"), **arena.environ)
    try:
        farm.up("--venues", ",".join(NAMES))
        yield Day(farm, arena, folder / "pairs.yaml")
    finally:
        farm.run("down")
        arena.close()


def of(pairs: list[dict[str, Any]], *kinds: str) -> list[dict[str, Any]]:
    return [pair for pair in pairs if pair["kind"] in kinds]


def shares(pairs: list[dict[str, Any]], phase: str) -> dict[int, Decimal]:
    """Pair -> shares of its lock, of those that clear their costs in that phase."""
    found = [(pair["pair"], pair["phases"].get(phase)) for pair in pairs]
    return {number: Decimal(told["lock"]["shares"]) for number, told in found if told is not None and told["clears"]}


def test_a_day_of_known_edges(day: Day) -> None:
    every = day.arena.pairs()
    assert len(every) == PAIRS
    pairs = [pair for pair in every if pair["verdict"] == "confirm"]
    rules = day.know(every)
    proposed(day, every)
    day.confirm(pairs, rules)

    # What clears its costs is taken for all that it is worth, once, and nothing else is.
    expected = shares(pairs, "rest")
    assert 80 <= len(expected) < len(pairs)
    eventually(lambda: day.taken().keys() >= expected.keys() and day.still(), lambda: told_apart(day, expected))
    assert told_apart(day, expected) == {}
    promised(day, pairs, "rest")

    # A book that has fallen silent is found out before the other side moves, and what it seems to offer then is left alone.
    frozen_books_are_left_alone(day, of(pairs, "freeze"))

    # What begins to cross is taken while it lives.
    moving = of(pairs, "moving")
    expected |= shares(moving, "cross")
    eventually(lambda: crossed(day, moving), lambda: told_apart(day, expected))
    eventually(day.still)
    assert told_apart(day, expected) == {}
    promised(day, moving, "cross")

    ended(day, pairs)
    books_add_up(day, pairs)


def proposed(day: Day, every: list[dict[str, Any]]) -> None:
    """The machine finds each pair among its proposals, those too that a person then rejects."""
    done = day.farm.run("match", "propose", *NAMES)
    assert done.returncode == 0, done.stderr
    found = day.farm.psql(
        "SELECT a.market_id, b.market_id FROM contract_matches m JOIN markets a ON a.market_key = m.market_key_a "
        "JOIN markets b ON b.market_key = m.market_key_b"
    )
    missing = [pair for pair in every if [pair[name]["market"] for name in NAMES] not in found]
    assert not missing, [(pair["kalshi"]["title"], pair["polymarket"]["title"]) for pair in missing]


def crossed(day: Day, moving: list[dict[str, Any]]) -> bool:
    """Each lives again until it was seen: on a slow machine a life may be over before anybody looks."""
    taken = day.taken()
    left = [pair for pair in day.arena.pairs() if pair["pair"] in {one["pair"] for one in moving} - taken.keys()]
    if resting := [pair for pair in left if pair["phase"] == "rest"]:
        day.arena.act("cross", resting)
    return not left


def frozen_books_are_left_alone(day: Day, frozen: list[dict[str, Any]]) -> None:
    day.arena.act("freeze", frozen)
    day.arena.act("widen", frozen)
    symbols = ", ".join(f"'{pair[pair['struck']]['symbol']}'" for pair in frozen)
    doubted = f"SELECT count(DISTINCT instrument_id) FROM data_gaps JOIN instruments USING (instrument_id) WHERE symbol IN ({symbols})"

    def noticed() -> bool:
        for name in NAMES:
            day.farm.send_task("tasks.snapshots.witness", name)
        return day.farm.psql(doubted) == [[str(len(frozen))]]

    eventually(
        noticed, lambda: day.farm.psql(f"SELECT * FROM data_gaps JOIN instruments USING (instrument_id) WHERE symbol IN ({symbols})")
    )
    day.arena.act("move", frozen)


def promised(day: Day, pairs: list[dict[str, Any]], phase: str) -> None:
    """The edge that was claimed is the true one; the venues' fees may be rounded by a cent the other way."""
    rows = day.farm.psql("SELECT pair_id, max(best_edge) FROM opportunities WHERE taken GROUP BY 1")
    edges = {int(number): Decimal(edge) for number, edge in rows}
    for pair in pairs:
        if (told := pair["phases"].get(phase)) is not None and told["clears"]:
            true = Decimal(told["lock"]["edge"]) / 10_000
            assert abs(edges[day.numbers[pair["pair"]]] - true) <= CENT, (pair["pair"], pair["kind"], true)


def told_apart(day: Day, expected: dict[int, Decimal]) -> dict[int, Any]:
    """Pairs that were taken and should not have been, or the other way round, or for another amount: a part of a share may be left where it
    would cost a whole cent of fees."""
    taken, kinds = day.taken(), {pair["pair"]: pair["kind"] for pair in day.arena.pairs()}
    found = {number: (kinds[number], expected.get(number), taken.get(number)) for number in sorted(expected.keys() | taken.keys())}
    return {number: row for number, row in found.items() if row[1] is None or row[2] is None or not row[1] - 1 < row[2] <= row[1]}


def ended(day: Day, pairs: list[dict[str, Any]]) -> None:
    """Both venues come to their results, and the farm hears of them by its own polls."""
    day.arena.act("resolve", pairs)

    def settled() -> bool:
        day.polled("kalshi", "settlements")
        day.polled("polymarket", "markets", "resolutions")
        return day.farm.psql("SELECT count(*) FROM open_positions") == [["0"]]

    eventually(settled, lambda: day.farm.psql("SELECT * FROM open_positions"), 180)


def books_add_up(day: Day, pairs: list[dict[str, Any]]) -> None:
    """Reported, recomputed from fills and the venues' results, and promised by the truth."""
    truth, taken = {pair["pair"]: pair for pair in day.arena.pairs()}, day.taken()
    legs = [(truth[pair["pair"]][name], day.numbers[pair["pair"]]) for pair in pairs for name in NAMES]
    paid = ", ".join(f"('{leg['symbol']}', {leg['payout']}::numeric)" for leg, _ in legs)
    recomputed = day.farm.psql(
        f"WITH paid (symbol, payout) AS (VALUES {paid}), "
        "held AS (SELECT instrument_id, pair_id, outcome, sum(CASE action WHEN 'buy' THEN quantity ELSE -quantity END) AS quantity "
        "FROM fills GROUP BY 1, 2, 3), "
        "flows AS (SELECT pair_id, CASE action WHEN 'buy' THEN -1 ELSE 1 END * price * quantity - fee AS dollars FROM fills UNION ALL "
        "SELECT pair_id, quantity * CASE outcome WHEN 'yes' THEN payout ELSE 1 - payout END FROM held "
        "JOIN instruments USING (instrument_id) JOIN paid USING (symbol)) SELECT pair_id, sum(dollars) FROM flows GROUP BY 1"
    )
    dollars = {int(number): Decimal(amount) for number, amount in recomputed}
    assert dollars.keys() == {day.numbers[number] for number in taken}
    report = json.loads(day.farm.run("paper", "report", "--json").stdout)
    assert Decimal(report["total"]["realised"]).quantize(CENT) == sum(dollars.values()).quantize(CENT)
    assert {row["pair_id"]: Decimal(row["realised"]).quantize(CENT) for row in report["pairs"]} == {
        number: amount.quantize(CENT) for number, amount in dollars.items()
    }
    assert Decimal(report["total"]["shares_unmatched"]) == 0 and report["total"]["positions_open"] == 0
    # Where both results agree a lock has paid what it promised, to the cent; where one side is void it has won or lost half a dollar a share.
    for number, bought in taken.items():
        pair = truth[number]
        told = next(phase for phase in pair["phases"].values() if phase["clears"])
        lock, results = told["lock"], pair["results"]
        yes_on, (other,) = lock["yes_on"], set(NAMES) - {lock["yes_on"]}
        payoff = pair[yes_on]["payout"] + 1 - pair[other]["payout"]
        assert (payoff == 1) == (len(set(results.values())) == 1)
        won = Decimal(lock["edge"]) / 10_000 + bought * (Decimal(str(payoff)) - 1)
        assert abs(dollars[day.numbers[number]] - won) <= CENT, (number, pair["kind"], won)
    cash = dict(day.farm.psql("SELECT scope, cash FROM risk_states WHERE scope LIKE 'venue %'"))
    assert sum(map(Decimal, cash.values())) - 2_000_000 == sum(dollars.values()), "the accounts hold what was won"
    audited = day.farm.run("audit", "verify")
    assert audited.returncode == 0, audited.stdout + audited.stderr
