"""What pairs are made of: fixed shares of kinds, edges that are not in doubt, books that their venues allow, questions that differ."""

from collections import Counter
from fractions import Fraction

import pytest

from sandbox.kalshi.grids import prices
from sandbox.kalshi.paired import Paired as Kalshi
from sandbox.kalshi.wordings import series_of
from sandbox.kalshi.wordings import wording as kalshi_wording
from sandbox.pairs.costs import Book, Terms, best
from sandbox.pairs.questions import MOST, TOPICS, Question, question
from sandbox.pairs.scripts import CLEAR, ORDER, SHARES, SHORT, Script, kind_of, script
from sandbox.polymarket.paired import Paired as Polymarket
from sandbox.polymarket.paired import slug
from sandbox.polymarket.wordings import wording as polymarket_wording

STARTED_US = 1_795_300_000_000_000
COUNT, SEED = 400, 7
DOLLAR = 10_000


def asked(place: int) -> Question:
    return question(place, STARTED_US, inverted=kind_of(place) == "inverted", differs=kind_of(place) == "rules")


def terms_of(place: int) -> tuple[Terms, Terms]:
    topic = asked(place).topic
    return Kalshi.terms(None, topic), Polymarket.terms(None, topic)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def scripts() -> list[Script]:
    return [script(place, SEED, terms_of(place)) for place in range(COUNT)]


def test_kinds_have_fixed_shares_and_each_comes_early(scripts: list[Script]) -> None:
    assert sum(SHARES.values()) == 20 and Counter(one.kind for one in scripts) == {kind: 20 * share for kind, share in SHARES.items()}
    assert set(ORDER[: len(SHARES)]) == set(SHARES)


def test_the_seed_decides(scripts: list[Script]) -> None:
    assert [script(place, SEED, terms_of(place)) for place in range(40)] == scripts[:40]
    assert script(0, SEED + 1, terms_of(0)) != scripts[0]


def least(books: tuple[Book, Book], terms: tuple[Terms, Terms]) -> float:
    """Of a lock of any size from 40 shares on, what is left a share of its worst part, in ten-thousandths."""
    lock = best(books, terms)
    assert lock is not None
    found = []
    for shares in range(40, lock.shares + 1, 10):
        cut = tuple(Book(*(_first(levels, shares) for levels in book)) for book in books)
        part = best((cut[0], cut[1]), terms)
        assert part is not None and part.shares == shares
        found.append(float(part.edge / shares * DOLLAR))
    return min(found)


def _first(levels: tuple[tuple[int, int], ...], shares: int) -> tuple[tuple[int, int], ...]:
    """So many shares of a side."""
    kept = []
    for price, count in levels:
        kept.append((price, min(count, shares)))
        shares -= kept[-1][1]
    return tuple(level for level in kept if level[1])


def test_what_clears_does_so_whatever_part_is_taken_and_what_does_not_is_in_no_doubt(scripts: list[Script]) -> None:
    for place, one in enumerate(scripts):
        for phase, books in one.phases.items():
            lock = one.locks[phase]
            if one.clears(phase):
                assert least(books, terms_of(place)) >= CLEAR
            elif lock is not None:
                assert one.kind == "short" and float(lock.edge / lock.shares) * DOLLAR <= SHORT and lock.cost < lock.shares


def test_no_pair_that_is_read_rightly_looks_inverted(scripts: list[Script]) -> None:
    """Its middles are less than ten cents apart."""
    for one in scripts:
        for books in one.phases.values():
            middles = [(book.bids[0][0] + book.asks[0][0]) / 2 for book in books]
            assert abs(middles[0] - middles[1]) < 1_000


def test_which_kinds_clear_and_when(scripts: list[Script]) -> None:
    found = {(one.kind, phase, one.clears(phase)) for one in scripts for phase in one.phases}
    always = {(kind, "rest", True) for kind in ("clear", "inverted", "void", "dispute", "rules")}
    never = {(kind, "rest", False) for kind in ("short", "none", "inverted", "moving", "freeze")}
    assert found == always | never | {("moving", "cross", True), ("freeze", "wide", False), ("freeze", "away", False)}
    assert Counter(one.clears("rest") for one in scripts if one.kind == "inverted") == {True: 20, False: 20}


def test_a_frozen_book_beside_one_that_moved_looks_like_an_edge_and_is_none(scripts: list[Script]) -> None:
    for place, one in enumerate(scripts):
        if one.kind == "freeze":
            assert one.struck is not None
            told = list(one.phases["away"])
            told[one.struck] = one.phases["rest"][one.struck]
            lock = best((told[0], told[1]), terms_of(place))
            assert lock is not None and lock.edge > 0 and one.locks["away"] is None


def test_an_inverted_pair_that_is_read_wrongly_looks_like_a_fortune(scripts: list[Script]) -> None:
    for place, one in enumerate(scripts):
        if one.kind == "inverted":
            lock = best((one.phases["rest"][0], one.phases["rest"][1].mirrored()), terms_of(place))
            assert lock is not None and lock.edge / lock.shares > Fraction(1, 5)


def test_of_what_moves_only_one_venue_does(scripts: list[Script]) -> None:
    moved = Counter()
    for one in scripts:
        if one.kind == "moving":
            assert one.struck is not None and one.life_seconds >= 4
            assert one.phases["rest"][1 - one.struck] == one.phases["cross"][1 - one.struck]
            assert one.phases["rest"][one.struck] != one.phases["cross"][one.struck]
            moved[one.struck] += 1
    assert len(moved) == 2


def test_results_agree_but_for_what_voids_and_what_differs(scripts: list[Script]) -> None:
    for one in scripts:
        if one.kind == "void":
            assert one.results[one.struck or 0] == "void" != one.results[1 - (one.struck or 0)]
        else:
            assert set(one.results) == {"yes", "no"} if one.kind == "rules" else len(set(one.results)) == 1


def test_books_are_those_that_the_venues_allow(scripts: list[Script]) -> None:
    for place, one in enumerate(scripts):
        kalshi, polymarket = set(prices(series_of(asked(place)).structure)), terms_of(place)[1]
        for books in one.phases.values():
            for book in books:
                for levels, sign in ((book.bids, -1), (book.asks, 1)):
                    at = [price for price, _ in levels]
                    assert at == sorted(set(at), key=lambda price: sign * price) and len(at) >= 2
                assert book.bids[0][0] < book.asks[0][0]
                assert all(size >= polymarket.least for levels in book for _, size in levels)
            assert {price for levels in books[0] for price, _ in levels} <= kalshi
            assert all(price % polymarket.step == 0 and 0 < price < DOLLAR for levels in books[1] for price, _ in levels)


def test_a_thousand_questions_differ_on_either_venue() -> None:
    every = [asked(place) for place in range(MOST)]
    tickers = [f"{told.event}-{told.code}" for told in map(kalshi_wording, every)]
    assert len(set(tickers)) == len({slug(one) for one in every}) == MOST
    assert len({(told.title, told.rules) for told in map(kalshi_wording, every)}) == MOST
    assert len({told.title for told in map(polymarket_wording, every)}) == MOST
    with pytest.raises(ValueError, match="at most 1000"):
        question(MOST, STARTED_US, inverted=False, differs=False)


@pytest.mark.parametrize("place", range(len(TOPICS)))
def test_a_topic_is_asked_the_other_way_round_and_with_rules_of_its_own(place: int) -> None:
    plain, other, apart = (
        polymarket_wording(question(place, STARTED_US, inverted=inverted, differs=differs))
        for inverted, differs in ((False, False), (True, False), (False, True))
    )
    assert (plain.yes, other.yes) == (0, 1) and plain.title != other.title
    assert other.outcomes == (plain.outcomes[::-1] if asked(place).topic == "match" else ("Yes", "No"))
    assert apart.title == plain.title and apart.rules.startswith(plain.rules) and len(apart.rules) > len(plain.rules) + 40


def test_the_questions_of_a_day_read_as_the_venues_would_put_them() -> None:
    told = [
        (kalshi_wording(asked(place)).title, polymarket_wording(question(place, STARTED_US, inverted=False, differs=False)).title)
        for place in range(7)
    ]
    assert told[0] == (
        "Will the price of Bitcoin be above $104,000 on Nov 24, 2026 at 5pm EST?",
        "Will the price of Bitcoin be above $104,000 on November 24?",
    )
    assert told[2] == ("Will Marek Dolan win the Dolan vs Ferrand match?", "Marek Dolan vs Luca Ferrand")
    assert told[5] == (
        "Will inflation in Canada be above 1.6% in November 2026?",
        "Will annual inflation in Canada be above 1.6% in November?",
    )
