"""What the venue claims of the top of a book, and what it proves of ours."""

import pytest

from tasks.order_book import DOUBT_CLAIMS, DOUBT_US, Doubt, Trust
from tasks.replay import take
from tests.tasks.said import CLAIM, DELTA, SECOND, Said, batch, doubts, known, state, tops


@pytest.mark.parametrize(
    ("at", "doubted"),
    [
        pytest.param([0, DOUBT_US], False, id="too seldom"),
        pytest.param([0, 1, 2, DOUBT_US - 1], False, id="too short"),
        pytest.param([0, 1, DOUBT_US], True, id="long and often"),
    ],
)
def test_a_top_that_contradicts_the_venue_for_long_is_doubted_from_its_beginning(at: list[int], doubted: bool) -> None:
    claims = [(frame, SECOND + us, CLAIM, (0.41, 0.60)) for frame, us in enumerate(at)]
    taken = take(known({0.40: 5}, {0.60: 5}), "c", batch(*claims))
    assert [d.since_us for d in doubts(taken)] == ([SECOND] if doubted else [])


@pytest.mark.parametrize(("bid", "stale"), [(0.41, True), (0.40, False)], ids=["it was right", "it was not"])
def test_a_whole_state_proves_a_contradiction_however_short_it_was(bid: float, stale: bool) -> None:
    said = [(0, 20, CLAIM, (0.41, 0.60)), *state(1, 30, {bid: 5}, {0.60: 5})]
    taken = take(known({0.40: 5}, {0.60: 5}), "c", batch(*said))
    assert taken.told == ([Doubt(7, "its top is not what the venue says", 20, alone=True), Trust(7, 30)] if stale else [])


@pytest.mark.parametrize("stale", [True, False], ids=["the twin too", "the twin told it"])
def test_a_contradiction_of_one_that_its_twin_has_not_is_no_gap(stale: bool) -> None:
    books = known({0.40: 5}, {0.60: 5})
    take(books, "twin", batch(*state(0, 1, {0.40 if stale else 0.41: 5}, {0.60: 5})))
    take(books, "twin", batch((0, 20, CLAIM, (0.41, 0.60))))
    said = [(0, 20, CLAIM, (0.41, 0.60)), *state(1, 30, {0.41: 5}, {0.60: 5})]
    assert bool(doubts(take(books, "c", batch(*said)))) == stale


def moved(frame: int, event_us: int, price: float, quantity: float, says: float) -> list[Said]:
    """A frame that changes a bid, and says what the best one is then."""
    return [(frame, event_us, DELTA, (frame, 1, price, quantity)), (frame, event_us, CLAIM, (says, 0.60))]


def test_a_top_that_its_own_frame_belies_is_doubted_until_a_frame_agrees() -> None:
    said = [*moved(0, 20, 0.41, 7, says=0.39), *moved(1, 30, 0.42, 7, says=0.42)]
    taken = take(known({0.40: 5}, {0.60: 5}), "c", batch(*said))
    assert taken.told == [Doubt(7, "its top is not what the venue says", 20, alone=True), Trust(7, 30)]


def test_frames_of_one_moment_may_speak_of_its_end() -> None:
    said = [*moved(0, 20, 0.41, 7, says=0.42), *moved(1, 20, 0.42, 7, says=0.42)]
    taken = take(known({0.40: 5}, {0.60: 5}), "c", batch(*said))
    assert (taken.told, [top[2] for top in tops(taken)]) == ([], [0.41, 0.42])


def test_a_top_that_its_own_frame_belies_is_left_to_the_twin_that_knows_better() -> None:
    books = known({0.40: 5}, {0.60: 5})
    take(books, "twin", batch(*state(0, 1, {0.39: 5}, {0.60: 5})))
    said = [*moved(0, 20, 0.40, 7, says=0.39), *moved(1, 30, 0.42, 7, says=0.42)]
    taken = take(books, "c", batch(*said))
    assert (taken.told, [top[2] for top in tops(taken)]) == ([], [0.42])


def test_a_book_that_misled_until_its_connection_ended_is_doubted_from_there() -> None:
    books = known({0.40: 5}, {0.60: 5})
    take(books, "twin", batch(*state(0, 1, {0.39: 5}, {0.60: 5})))
    books.of("twin")[7].doubted = True
    take(books, "c", batch(*moved(0, 20, 0.41, 7, says=0.39), *moved(1, 25, 0.43, 7, says=0.39)))
    assert [(d.since_us, d.alone) for d in books.keep_only(["twin"])] == [(20, True)]


def test_one_claim_that_agrees_clears_the_suspicion() -> None:
    claims: list[Said] = [(i, SECOND + i * DOUBT_US, CLAIM, (0.41, 0.60)) for i in range(DOUBT_CLAIMS - 1)]
    claims += [(8, 9 * SECOND, CLAIM, (0.40, 0.60)), (9, 99 * SECOND, CLAIM, (0.41, 0.60))]
    assert doubts(take(known({0.40: 5}, {0.60: 5}), "c", batch(*claims))) == []


def test_a_claim_is_held_against_the_book_after_the_frame_it_came_in() -> None:
    said: list[Said] = []
    for frame in range(DOUBT_CLAIMS):
        price = 0.41 + frame / 100
        said += [(frame, frame * DOUBT_US, CLAIM, (price, 0.60)), (frame, frame * DOUBT_US, DELTA, (frame, 1, price, 1))]
    assert doubts(take(known({0.40: 5}, {0.60: 5}), "c", batch(*said))) == []
