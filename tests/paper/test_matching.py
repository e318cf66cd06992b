"""Candidates: markets of two houses that perhaps ask one question, and which outcome is YES of it."""

import random

import pytest

from paper.matching import ALONE, LEAST_SCORE, MOST_OF_A_MARKET, Candidate, Found, Listed, candidates

YES_NO = (("y", "Yes"), ("n", "No"))
DAY_US = 86_400_000_000


def one(key: int, title: str, name: str = "Yes", **more: object) -> Listed:
    """A market of the house that has one instrument a market."""
    return Listed(key, title, ((f"T{key}", name),), **more)  # type: ignore[arg-type]


def two(key: int, title: str, names: tuple[str, str] = ("Yes", "No"), **more: object) -> Listed:
    """A market of the house that has a token for either outcome."""
    return Listed(key, title, ((f"{key}-0", names[0]), (f"{key}-1", names[1])), **more)  # type: ignore[arg-type]


def only(found: Found) -> Candidate:
    (candidate,) = found.candidates
    return candidate


BOTH = ("Yes", "No")
SAME = [
    (
        "Will Jannik Sinner win the Wimbledon Men's Singles?",
        "Jannik Sinner",
        "Will Jannik Sinner be the 2026 Men’s Wimbledon winner?",
        BOTH,
        0,
    ),
    ("Who will win the Ballon d'Or in 2026?", "Harry Kane", "Will Harry Kane win the 2026 Ballon d'Or?", BOTH, 0),
    ("Bitcoin price on Nov 23, 2026?", "$90,000 or above", "Will Bitcoin be above $90,000 on November 23?", BOTH, 0),
    ("Bitcoin price on Nov 23, 2026?", "$94,999.99 or above", "Bitcoin above 95k on November 23?", BOTH, 0),
    (
        "Will the Fed cut rates by 25bps at their December 2026 meeting?",
        "Cut 25bps",
        "Fed decreases interest rates by 25 bps after December 2026 meeting?",
        BOTH,
        0,
    ),
    ("USA vs Belgium: To Advance", "USA advances", "United States vs. Belgium: Team to Advance", ("United States", "Belgium"), 0),
    (
        "Will Flavio Cobolli win the de Minaur vs Cobolli: Round Of 16 match?",
        "Flavio Cobolli",
        "Wimbledon ATP: Alex de Minaur vs Flavio Cobolli",
        ("Alex de Minaur", "Flavio Cobolli"),
        1,
    ),
    (
        "Will Grigor Dimitrov win the Dimitrov vs Fery: Round Of 16 match?",
        "Grigor Dimitrov",
        "Wimbledon ATP: Grigor Dimitrov vs Arthur Fery",
        ("Grigor Dimitrov", "Arthur Fery"),
        0,
    ),
    (
        "Will Taylor Fritz win the Fritz vs Bublik: Round Of 16 match?",
        "Taylor Fritz",
        "Wimbledon ATP: Taylor Fritz vs Alexander Bublik",
        ("Taylor Fritz", "Alexander Bublik"),
        0,
    ),
]


@pytest.fixture(scope="module")
def found() -> dict[int, Candidate]:
    """The best of each of these, all of them listed at once."""
    ours = [one(place, title, name) for place, (title, name, *_) in enumerate(SAME)]
    theirs = [two(100 + place, other, names) for place, (_, _, other, names, _) in enumerate(SAME)]
    return {candidate.market_key_a: candidate for candidate in reversed(candidates(ours, theirs).candidates)}


@pytest.mark.parametrize("place", range(len(SAME)), ids=[row[2][:40] for row in SAME])
def test_one_question_in_the_words_of_two_houses(found: dict[int, Candidate], place: int) -> None:
    best = found[place]
    assert (best.market_key_b, best.yes_a, best.yes_b) == (100 + place, f"T{place}", f"{100 + place}-{SAME[place][4]}")
    assert best.score > LEAST_SCORE and best.why


DIFFERENT = [
    ("Bitcoin price on Nov 23, 2026?", "$90,000 or above", "Will Bitcoin be above $95,000 on November 23?"),
    ("Bitcoin price on Nov 23, 2026?", "$90,000 or above", "Will Bitcoin be above $90,000 on November 25?"),
    ("Bitcoin price on Nov 23, 2026 at 5pm EST?", "$90,000 or above", "Bitcoin above $90,000 on November 23, 12PM ET?"),
    ("Who will win the Ballon d'Or in 2026?", "Harry Kane", "Will Rodri win the 2026 Ballon d'Or?"),
    (
        "Will the Fed cut rates by 25bps at their July 2026 meeting?",
        "Cut 25bps",
        "Will the Fed cut rates by 25 bps after the September 2026 meeting?",
    ),
    ("Will Harry Kane win the Ballon d'Or in 2026?", "Harry Kane", "Will Harry Kane win the Ballon d'Or in 2027?"),
    ("Highest temperature in NYC on Jul 6?", "85° or above", "Will it snow in Paris in January?"),
]


@pytest.mark.parametrize(("title", "name", "other"), DIFFERENT, ids=[row[2][:40] for row in DIFFERENT])
def test_two_questions_are_no_candidate(title: str, name: str, other: str) -> None:
    assert candidates([one(1, title, name)], [two(2, other)]).candidates == ()


def test_of_many_alike_the_right_one_stands_first() -> None:
    strikes = [85_000 + 500 * place for place in range(40)]
    ours = [one(place, "Bitcoin price on Nov 23, 2026?", f"${strike:,} or above") for place, strike in enumerate(strikes)]
    theirs = [two(1000 + place, f"Will Bitcoin be above ${strike:,} on November 23?") for place, strike in enumerate(strikes)]
    found = candidates(ours, theirs).candidates
    assert [(row.market_key_a, row.market_key_b - 1000) for row in found] == [(place, place) for place in range(40)]


def test_above_here_and_below_there_is_the_other_outcome() -> None:
    found = only(candidates([one(1, "Bitcoin above $90,000 on Nov 23, 2026?")], [two(2, "Will Bitcoin be below $90,000 on November 23?")]))
    assert (found.yes_a, found.yes_b) == ("T1", "2-1")
    assert any("opposite" in caution for caution in found.cautions)


def test_opposed_questions_without_an_instrument_for_the_other_answer_are_no_pair() -> None:
    assert (
        candidates([one(1, "Bitcoin above $90,000 on Nov 23?")], [one(2, "Will Bitcoin be below $90,000 on November 23?")]).candidates == ()
    )


def test_outcomes_that_tell_nothing_are_left_to_the_person() -> None:
    b = two(2, "Lakers vs Celtics overtime game, Nov 23", ("Over", "Under"))
    found = only(candidates([one(1, "Will the Lakers vs Celtics game on Nov 23 go to overtime?")], [b]))
    assert (found.yes_a, found.yes_b) == ("T1", None)


def test_what_is_no_question_of_its_own_is_left_out_and_counted() -> None:
    title = "Will Harry Kane win the 2026 Ballon d'Or?"
    unfit = [
        two(2, title, unfit="a combo of several markets"),
        Listed(3, title, tuple((str(n), str(n)) for n in range(3))),
        two(4, "2026?"),
    ]
    found = candidates([one(1, title)], unfit)
    assert found.candidates == () and found.left_out == {"a combo of several markets": 1, "3 outcomes": 1, "no words": 1, ALONE: 1}


def test_cautions_of_both_markets_and_of_their_ends_are_told() -> None:
    a = one(1, "Will Harry Kane win the Ballon d'Or in 2026?", closes_us=70 * DAY_US, cautions=("may close early",))
    b = two(2, "Will Harry Kane win the 2026 Ballon d'Or?", closes_us=9 * DAY_US, cautions=("one of a set",))
    assert only(candidates([a], [b])).cautions == ("they end 61 days apart", "may close early", "one of a set")


def test_a_title_of_the_event_explains_words_that_the_question_lacks() -> None:
    a = one(1, "What will be LeBron James's next team?", "Golden State")
    b = "Will LeBron James play for the Golden State Warriors in 2026-27?"
    alone, told = (only(candidates([a], [two(2, b, context=context)])).score for context in ("", "NBA: LeBron James Next Team"))
    assert told > alone > LEAST_SCORE


def test_no_market_is_proposed_too_often_and_a_bound_that_is_met_is_told() -> None:
    theirs = [two(100 + place, "Will Harry Kane win the 2026 Ballon d'Or?") for place in range(10)]
    ours = [one(place, "Will Harry Kane win the Ballon d'Or in 2026?") for place in range(10)]
    found = candidates(ours, theirs, most=4)
    assert len(found.candidates) == 4 and found.dropped > 0
    assert len(candidates(ours[:1], theirs).candidates) == len(candidates(ours, theirs[:1]).candidates) == MOST_OF_A_MARKET


def test_a_crowd_that_says_all_the_same_is_told_and_not_held_against_itself() -> None:
    ours, theirs = ([make(place, "Will it rain in Oslo?") for place in range(1000)] for make in (one, two))
    assert candidates(ours, theirs) == Found((), {ALONE: 1000})


def test_in_a_crowd_the_number_and_the_day_are_what_is_rare() -> None:
    """A thousand markets of a ladder: each word of theirs is common, and so are the number and the day by themselves."""
    rungs = [(80_000 + 250 * strike, day) for strike in range(50) for day in range(1, 21)]
    ours = [one(place, f"Bitcoin price on Nov {day}, 2026?", f"${strike:,} or above") for place, (strike, day) in enumerate(rungs)]
    theirs = [two(5000 + place, f"Will Bitcoin be above ${strike:,} on November {day}?") for place, (strike, day) in enumerate(rungs)]
    best: dict[int, int] = {}
    for row in candidates(ours, theirs, most=100_000).candidates:
        best.setdefault(row.market_key_a, row.market_key_b - 5000)
    assert [best[place] for place in range(1000)] == list(range(1000))


def test_the_order_of_the_markets_does_not_matter() -> None:
    ours = [one(place, title, name) for place, (title, name, *_) in enumerate(SAME)]
    theirs = [two(100 + place, other, names) for place, (_, _, other, names, _) in enumerate(SAME)]
    found = candidates(ours, theirs)
    random.Random(1).shuffle(ours)
    random.Random(2).shuffle(theirs)
    assert candidates(ours, theirs) == found
