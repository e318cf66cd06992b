"""Candidates among recorded metadata: the pairs that people had found, and nothing else above them."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from core.records import Market
from paper.matching import Candidate, Listed, candidates
from venues import VENUES

# A venue's folder may be deleted.
wire_rest = pytest.importorskip("venues.kalshi.wire_rest")
described = pytest.importorskip("venues.kalshi.markets").described
listing = pytest.importorskip("venues.polymarket.listings").listing

#: ticker -> beginning of the condition id, of the markets that are about the same thing (2026-07-06 and 2026-07-20)
SAME = {
    "KXATP-26WIM-AUG": "0x4c6fb4e6",
    "KXATP-26WIM-DJO": "0x8ba7dc2b",
    "KXATP-26WIM-FRI": "0xec3dc5cf",
    "KXATP-26WIM-SIN": "0x16b3e96f",
    "KXATPMATCH-26JUL06DECOB-DE": "0xcf8482eb",
    "KXATPMATCH-26JUL06DIMFER-DIM": "0xaa9814ea",
    "KXATPMATCH-26JUL06FRIBUB-FRI": "0x84ceac32",
    "KXFEDDECISION-26JUL-C25": "0x4ede078c",
    "KXFEDDECISION-26JUL-H0": "0x8bf1c153",
    "KXWCADVANCE-26JUL06PORESP-POR": "0x3c995fa8",
    "KXWCADVANCE-26JUL06USABEL-USA": "0x83d646ac",
    "KXWCADVANCE-26JUL07ARGEGY-ARG": "0x7f481c96",
    "KXWCADVANCE-26JUL07SUICOL-SUI": "0x6d621f9a",
    "KXWCADVANCE-26JUL09FRAMAR-FRA": "0x9918c9f4",
    "KXWCBESTHOST-26-USA": "0x5a947653",
    "KXWCSTAGEOFELIM-26ARG-FW": "0x0c4cd205",
    "KXWCSTAGEOFELIM-26ENG-FW": "0x375409bc",
    "KXWCSTAGEOFELIM-26FRA-FW": "0x9b6fef24",
    "KXWCSTAGEOFELIM-26NOR-FW": "0x7b52405a",
    "KXWCSTAGEOFELIM-26USA-FW": "0xcdb1f040",
    "KXWTA-26WIM-OSA": "0x6e751a03",
    "KXBALLONDOR-26-HKAN": "0x12dc2b61",
    "KXBALLONDOR-26-LYAM": "0xa34edb6c",
    "KXBALLONDOR-26-RODR": "0x30f729ef",
    "KXNEXTTEAMNBA-26LJAM-GSW": "0xaf12bd1a",
    "KXNEXTTEAMNBA-26LJAM-NYK": "0xecb23b1b",
    "KXNEXTTEAMNBA-26LJAM-SAS": "0x06866503",
}


def listed(venue: str, key: int, market: Market) -> Listed:
    question = VENUES[venue].question
    assert question is not None
    said = question(market.attributes or {})
    return Listed(key, market.title, market.outcomes, market.closes_at_us or 0, said.context, said.unfit, said.cautions)


def body(path: Path) -> Any:
    raw = path.read_bytes()
    found = json.loads(gzip.decompress(raw) if path.suffix == ".gz" else raw)["body"]
    return json.loads(found) if isinstance(found, str) else found


@pytest.fixture(scope="module")
def tickers(captures: Path) -> dict[str, Listed]:
    """Markets of the first house that people had paired, and two hundred others."""
    raws = [body(path)["market"] for path in sorted((captures / "kalshi").glob("rest_2026-07-*/market_*.json"))]
    raws += body(captures / "kalshi" / "rest_demo_2026-06" / "markets__status_open.json.gz")["markets"]
    found = {}
    for key, raw in enumerate(raws):
        market, _ = described(wire_rest.Event(raw["event_ticker"], ""), {}, json.dumps(raw).encode())
        found[market.market_id] = listed("kalshi", key, market)
    return found


@pytest.fixture(scope="module")
def conditions(captures: Path) -> dict[str, Listed]:
    """Those of the other, among some hundred more."""
    raws = [body(path)[0] for path in sorted((captures / "polymarket").glob("rest_2026-07-*/gamma_market_*.json"))]
    raws += body(captures / "polymarket" / "rest_gamma_markets_btc_5m_2026-07-24_a.json.gz")
    raws += body(captures / "polymarket" / "rest_gamma_events_democratic_nominee.json")[0]["markets"]
    found = {}
    for key, raw in enumerate(raws, 10_000):
        _, market = listing(json.dumps(raw).encode(), None)
        found[market.market_id] = listed("polymarket", key, market)
    return found


@pytest.fixture(scope="module")
def found(tickers: dict[str, Listed], conditions: dict[str, Listed]) -> list[Candidate]:
    return list(candidates(list(tickers.values()), list(conditions.values())).candidates)


def test_every_pair_that_people_had_found_is_proposed(found: list[Candidate], tickers: Any, conditions: Any) -> None:
    names = {one.market_key: name for name, one in (*tickers.items(), *conditions.items())}
    proposed = {(names[one.market_key_a], names[one.market_key_b][:10]) for one in found}
    assert set(SAME.items()) - proposed == set()


def test_the_right_one_stands_before_the_others_of_its_market(found: list[Candidate], tickers: Any, conditions: Any) -> None:
    names = {one.market_key: name for name, one in (*tickers.items(), *conditions.items())}
    best: dict[str, str] = {}
    for one in found:
        best.setdefault(names[one.market_key_a], names[one.market_key_b][:10])
    assert {name: best.get(name) for name in SAME} == SAME


def test_what_is_proposed_besides_is_little(found: list[Candidate]) -> None:
    assert len(found) <= 2 * len(SAME)


def test_yes_is_the_outcome_that_the_ticker_is_about(found: list[Candidate], tickers: Any, conditions: Any) -> None:
    names = {one.market_key: name for name, one in (*tickers.items(), *conditions.items())}
    called = {symbol: name for one in conditions.values() for symbol, name in one.outcomes}
    right = [one for one in found if SAME.get(names[one.market_key_a]) == names[one.market_key_b][:10]]
    told = {names[one.market_key_a]: called[one.yes_b or ""] for one in right}
    expected = dict.fromkeys(SAME, "Yes") | {
        "KXATPMATCH-26JUL06DECOB-DE": "Alex de Minaur",
        "KXATPMATCH-26JUL06DIMFER-DIM": "Grigor Dimitrov",
        "KXATPMATCH-26JUL06FRIBUB-FRI": "Taylor Fritz",
        "KXWCADVANCE-26JUL06PORESP-POR": "Portugal",
        "KXWCADVANCE-26JUL06USABEL-USA": "United States",
        "KXWCADVANCE-26JUL07ARGEGY-ARG": "Argentina",
        "KXWCADVANCE-26JUL07SUICOL-SUI": "Switzerland",
        "KXWCADVANCE-26JUL09FRAMAR-FRA": "France",
    }
    assert told == expected
