"""tasks.books: what a stream says of price levels, replayed; each table below is one batch in the order of its frames."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.evidence import BookDoubted, BookTrusted, NumberGap, Place
from tasks.bookkeeping import replay
from tasks.books import Books
from tasks.order_book import ANSWER_US, DOUBT_CLAIMS, DOUBT_US, Doubt, Trust
from tasks.replay import UNANSWERED, Taken, take
from tests.tasks.said import CHANGE, DELTA, EPOCH, LATER, LEVEL, SECOND, Said, batch, doubts, known, state, tops


def test_a_whole_state_and_each_move_of_the_top_is_a_quote() -> None:
    said = [
        *state(0, 10, {0.40: 5, 0.39: 1}, {0.42: 2}),
        (1, 20, DELTA, (1, 1, 0.39, 9)),  # below the top: no quote
        (2, 30, DELTA, (2, 1, 0.41, 3)),
        (3, 40, DELTA, (3, 1, 0.41, 0)),
        (4, 50, DELTA, (4, -1, 0.42, 0)),
        (5, 60, DELTA, (5, -1, 0.43, 1)),
    ]
    taken = take(Books(), "c", batch(*said))
    assert tops(taken) == [
        (10, 0, 0.40, 5, 0.42, 2),
        (30, 2, 0.41, 3, 0.42, 2),
        (40, 3, 0.40, 5, 0.42, 2),
        (50, 4, 0.40, 5, 0, 0),
        (60, 5, 0.40, 5, 0.43, 1),
    ]
    assert set(taken.rows) == {LEVEL, DELTA, "quotes"}


def test_levels_that_move_in_one_frame_are_one_quote() -> None:
    said = [(0, 20, DELTA, (1, 1, 0.40, 0)), (0, 20, DELTA, (1, 1, 0.41, 2)), (0, 20, DELTA, (1, -1, 0.42, 4))]
    assert tops(take(known({0.40: 5}, {0.42: 2}), "c", batch(*said))) == [(20, 1, 0.41, 2, 0.42, 4)]


def test_a_signed_change_becomes_what_stands_at_the_level() -> None:
    said = [(0, 20, CHANGE, (1, 0.40, 0.1)), (1, 21, CHANGE, (1, 0.40, 0.2)), (2, 22, CHANGE, (1, 0.40, -5.3))]
    taken = take(known({0.40: 5.0}, {}), "c", batch(*said))
    assert taken.rows[DELTA]["quantity"].tolist() == [5.1, 5.3, 0.0]
    assert tops(taken)[-1][2:] == (0, 0, 0, 0) and doubts(taken) == []


Key = tuple[int, int]  # (event time, number)


def keys(taken: Taken, kind: str) -> list[Key]:
    found = taken.rows.get(kind)
    return [] if found is None else list(zip(found["event_at"].tolist(), found["update_id"].tolist(), strict=True))


def test_changes_of_one_time_are_numbered_and_so_are_the_tops_they_make() -> None:
    said = [(i, at, CHANGE, (1, 0.40 + i / 100, 1)) for i, at in enumerate((20, 20, 20, 21))]
    taken = take(known({0.40: 5}, {}), "c", batch(*said))
    assert keys(taken, DELTA) == [(20, 1), (20, 2), (20, 3), (21, 1)]
    assert keys(taken, "quotes") == [(20, 1), (20, 2), (20, 3), (21, 1)]


def test_a_late_change_has_a_number_that_none_of_the_newest_time_has() -> None:
    said = [(i, at, CHANGE, (1, 0.40, 1)) for i, at in enumerate((20, 21, 20, 21))]
    assert keys(take(known({0.40: 5}, {}), "c", batch(*said)), DELTA) == [(20, 1), (21, 1), (20, 2), (21, 3)]


def test_changes_are_counted_before_the_book_is_known_and_on_through_a_state() -> None:
    said = [(0, 20, CHANGE, (1, 0.40, 1)), *state(1, 20, {0.40: 7}, {}), (2, 20, CHANGE, (1, 0.40, 1))]
    taken = take(Books(), "c", batch(*said))
    assert keys(taken, DELTA) == [(20, 2)]
    assert keys(taken, "quotes") == [(20, 1), (20, 2)], "of a state it is the number it came with"


def test_a_change_before_the_whole_state_says_nothing_and_is_counted() -> None:
    said = [(0, 20, CHANGE, (1, 0.40, 1)), *state(1, 21, {0.40: 7}, {}), (2, 22, CHANGE, (1, 0.40, 1))]
    taken = take(Books(), "c", batch(*said))
    assert taken.unknown == 1
    assert taken.rows[DELTA]["quantity"].tolist() == [8.0]


def test_a_level_below_nothing_puts_the_book_in_doubt_until_the_next_state() -> None:
    books = known({0.40: 5}, {0.60: 5})
    taken = take(books, "c", batch((0, 20, CHANGE, (1, 0.40, -6)), (1, 30, CHANGE, (-1, 0.50, 1))))
    assert [(d.instrument_id, d.since_us, d.cause) for d in doubts(taken)] == [(7, 20, "a level fell below nothing")]
    assert tops(taken) == [], "a doubted book tells no top"
    again = take(books, "c", batch(*state(0, 40, {0.30: 1}, {0.60: 5})))
    assert again.told == [Trust(7, 40)]
    assert tops(again) == [(40, 0, 0.30, 1, 0.60, 5)]


def test_an_empty_book_is_a_state_too() -> None:
    assert tops(take(known({0.40: 5}, {}), "c", batch(*state(0, 9, {}, {})))) == [(9, 0, 0, 0, 0, 0)]


def test_bids_that_reach_the_asks_are_never_told_and_doubted_when_it_lasts() -> None:
    said: list[Said] = [(i, i * DOUBT_US, DELTA, (i, 1, 0.60 + i / 100, 1)) for i in range(DOUBT_CLAIMS)]
    taken = take(known({0.40: 5}, {0.60: 5}), "c", batch(*said))
    assert tops(taken) == [] and [d.cause for d in doubts(taken)] == ["its bids reach its asks"]


def test_each_connection_has_books_of_its_own_and_a_doubt_of_one_is_none_of_its_twin() -> None:
    books = known({0.40: 5}, {})
    take(books, "twin", batch(*state(0, 1, {0.40: 5}, {})))
    taken = take(books, "c", batch((0, 20, CHANGE, (1, 0.40, -6))))
    assert [doubt.alone for doubt in doubts(taken)] == [False] and books.doubted == set()
    assert tops(take(books, "twin", batch((0, 20, CHANGE, (1, 0.40, -1))))) == [(20, 1, 0.40, 4, 0, 0)]
    last = take(books, "twin", batch((0, 30, CHANGE, (1, 0.40, -6))))
    assert [doubt.alone for doubt in doubts(last)] == [True] and books.doubted == {7}


def test_a_doubted_book_is_trusted_from_its_first_whole_state_on_any_connection() -> None:
    books = known({0.40: 5}, {})
    take(books, "c", batch((0, 20, CHANGE, (1, 0.40, -6))))
    books.keep_only([])
    assert books.unheard([7, 8]) == {7}
    assert take(books, "next", batch(*state(0, 40, {0.40: 5}, {}))).told == [Trust(7, 40)]
    assert take(books, "other", batch(*state(0, 50, {0.40: 5}, {}))).told == [] and books.unheard([7]) == set()


def test_doubt_and_trust_of_one_batch_are_told_in_their_order() -> None:
    said = [(0, 20, CHANGE, (1, 0.40, -6)), *state(1, 30, {0.40: 5}, {})]
    assert [type(one) for one in take(known({0.40: 5}, {}), "c", batch(*said)).told] == [Doubt, Trust]


def test_changes_before_the_first_whole_state_of_what_was_silent_put_its_book_in_doubt_until_then() -> None:
    books = Books()
    books.doubted = {7}
    said = [(frame, 20 + frame, DELTA, (1, 1, 0.40, 5)) for frame in range(3)]
    assert [(d.since_us, d.alone) for d in doubts(take(books, "c", batch(*said)))] == [(20, True)]
    assert take(books, "c", batch(*state(0, 40, {0.40: 5}, {}))).told == [Trust(7, 40)]
    assert take(Books(), "c", batch(*said)).told == [], "nobody asked for it here"


def test_changes_before_the_first_whole_state_of_what_was_subscribed_put_its_book_in_doubt_until_then() -> None:
    books = Books()
    books.want("c", {"subscriptions": ["W"]})
    books.want("c", {"added": ["X"], "removed": ["W"]})
    books = Books.restore(books.stored())
    said = batch((0, 20, DELTA, (1, 1, 0.40, 5)))
    assert take(books, "neighbour", said).told == [], "frames tell of neighbours that another connection has"
    assert [(d.since_us, d.alone) for d in doubts(take(books, "c", said))] == [(20, True)]
    assert take(books, "c", batch(*state(0, 40, {0.40: 5}, {}))).told == [Trust(7, 40)]
    books.keep_only(["d"])
    assert books.wanted == {}


def test_a_book_that_was_asked_for_anew_goes_on_while_the_answer_may_be_under_way() -> None:
    books = known({0.40: 5}, {})
    books.ask("c", [7, 8], 10)
    said = [(0, ANSWER_US + 8, DELTA, (1, 1, 0.40, 6)), *state(1, ANSWER_US + 9, {0.40: 7}, {}), (2, LATER, DELTA, (2, 1, 0.40, 8))]
    taken = take(books, "c", batch(*said))
    assert taken.told == []
    assert [top[3] for top in tops(taken)] == [6, 7, 8]


def test_a_book_that_was_asked_for_anew_in_vain_is_in_doubt_since_its_last_word_before() -> None:
    """A subscription that was made anew may be one too many: nothing comes for a while, and then changes without what came between."""
    books = known({0.40: 5}, {})
    take(books, "c", batch((0, 20, DELTA, (1, 1, 0.40, 6))))
    books.ask("c", [7], 30)
    books = Books.restore(books.stored())
    books.ask("c", [7], LATER)
    taken = take(books, "c", batch((0, LATER, DELTA, (2, 1, 0.41, 1)), (1, LATER + 1, DELTA, (3, 1, 0.41, 2))))
    assert taken.told == [Doubt(7, UNANSWERED, 20, alone=True)]
    assert tops(taken) == []
    assert take(books, "c", batch(*state(0, LATER + 2, {0.41: 5}, {}))).told == [Trust(7, LATER + 2)]


def test_a_book_of_another_epoch_goes_on_and_is_asked_for_whole() -> None:
    books = known({0.40: 5}, {0.60: 5})
    found = replay(books, Place("v", "book", "0"), "c", batch((0, 20, EPOCH, ()), (1, 30, DELTA, (1, 1, 0.45, 5))), [])
    assert (found.wishes, found.notes) == ({"X"}, [])
    assert found.rows["quotes"]["bid_price"].tolist() == [0.45] and "book_epochs" not in found.rows


def test_a_book_whose_last_connection_has_ended_is_asked_for_until_another_tells_it() -> None:
    books = known({0.40: 5}, {})
    books.keep_only([])
    books = Books.restore(books.stored())
    assert books.unheard([7, 8]) == {7}
    assert [(d.since_us, d.alone) for d in doubts(take(books, "next", batch((0, 20, DELTA, (1, 1, 0.40, 5)))))] == [(20, True)]
    take(books, "next", batch(*state(0, 40, {0.40: 5}, {})))
    assert books.lost == set() and books.unheard([7]) == set()


def test_a_new_connection_that_is_told_a_later_book_than_the_others_shows_that_they_were_frozen() -> None:
    books = known({0.40: 5}, {0.60: 5})
    later = take(books, "next", batch(*state(0, LATER, {0.41: 5}, {0.60: 5})))
    assert [(d.since_us, d.alone) for d in doubts(later)] == [(1, True)] and later.told[-1] == Trust(7, LATER)
    assert books.doubted == set()


@pytest.mark.parametrize(("at_us", "bid"), [(SECOND, 0.41), (LATER, 0.40)], ids=["hardly later", "the same book"])
def test_a_new_connection_that_is_told_what_the_others_know_shows_nothing(at_us: int, bid: float) -> None:
    assert take(known({0.40: 5}, {0.60: 5}), "next", batch(*state(0, at_us, {bid: 5}, {0.60: 5}))).told == []


def test_a_state_in_the_batch_of_a_hole_ends_the_doubt_about_what_came_between() -> None:
    place, books = Place("v", "book", "0"), known({0.4: 5}, {})
    said = [(0, 10, CHANGE, (1, 0.4, 1.0)), (1, 20, CHANGE, (1, 0.4, 1.0)), *state(2, 30, {0.4: 9}, {})]
    hole = NumberGap(place, 1, 3, 3, 10, 20, 11, 21)
    found = replay(books, place, "c", batch(*said), [(1, hole)])
    assert found.notes == [BookDoubted(place, 7, 10, "numbers of its subscription are missing"), BookTrusted(place, 7, 30)]
    assert found.wishes == {""}


def test_a_hole_puts_in_doubt_what_comes_behind_it_and_nothing_before() -> None:
    place, books = Place("v", "book", "0"), known({0.4: 5}, {})
    said = [(i, 10 * i, CHANGE, (1, 0.4, 1.0)) for i in (1, 2, 3)]
    found = replay(books, place, "c", batch(*said), [(2, NumberGap(place, 1, 3, 3, 10, 20, 11, 21))])
    assert found.notes == [BookDoubted(place, 7, 10, "numbers of its subscription are missing")]
    assert found.rows[DELTA]["quantity"].tolist() == [6, 7, 8], "in doubt, and still told"
    assert found.rows["quotes"]["event_at"].tolist() == [10]


def test_what_a_doubted_book_says_counts_for_nothing_while_another_connection_knows_better() -> None:
    place, books = Place("v", "book", "0"), known({0.4: 5}, {})
    take(books, "next", batch(*state(0, 5, {0.4: 5}, {})))
    said = [(i, 10 * i, CHANGE, (1, 0.4, 1.0)) for i in (1, 2)]
    found = replay(books, place, "c", batch(*said), [(1, NumberGap(place, 1, 3, 3, 10, 20, 11, 21))])
    assert (found.notes, found.wishes, found.unknown) == ([], {""}, 2)
    assert DELTA not in found.rows
    assert take(books, "next", batch(*said)).rows[DELTA]["quantity"].tolist() == [6, 7]


def test_a_doubted_book_that_outlives_the_one_that_was_whole_is_known_to_nobody() -> None:
    books = known({0.4: 5}, {})
    books.doubt_all("c", "numbers are missing", 3)
    take(books, "next", batch(*state(0, 5, {0.4: 5}, {})))
    assert books.keep_only(["c", "next"]) == []
    assert [(d.instrument_id, d.since_us, d.alone) for d in books.keep_only(["c"])] == [(7, 5, True)]
    assert take(books, "c", batch(*state(0, 9, {0.4: 5}, {}))).told == [Trust(7, 9)]


def test_a_level_that_falls_below_nothing_is_not_told_while_another_connection_knows_better() -> None:
    books = known({0.4: 5}, {})
    take(books, "next", batch(*state(0, 5, {0.4: 9}, {})))
    taken = take(books, "c", batch((0, 20, CHANGE, (1, 0.4, -6.0))))
    assert [d.alone for d in doubts(taken)] == [False] and DELTA not in taken.rows


def test_a_doubt_outlives_its_connection_until_another_one_tells_the_book_whole() -> None:
    books = known({0.4: 5}, {0.5: 5})
    books.doubt_all("c", "numbers are missing", 10)
    books.keep_only([])
    assert Trust(7, 20) in take(books, "d", batch(*state(0, 20, {0.4: 5}, {}))).told
    assert take(books, "d", batch(*state(0, 30, {0.4: 5}, {}))).told == []


def test_what_a_hole_in_the_numbers_leaves_is_doubted_as_a_whole_once() -> None:
    books = known({0.40: 5}, {})
    assert [(d.instrument_id, d.since_us) for d in books.doubt_all("c", "hole", 99)] == [(7, 99)]
    assert books.doubt_all("c", "hole", 100) == []
    assert books.doubt_all("unheard of", "hole", 100) == []


# --- a witness ------------------------------------------------------------------------------------------------------------


def look(books: Books, at_us: int, bid: float = 0.45, ask: float = 0.60) -> list[int]:
    """Since when (us) the book is doubted after a look that found this top."""
    doubts = books.witness([(7, at_us, bid, ask), (99, at_us, 0.1, 0.2)]).doubts
    return [doubt.since_us for doubt in doubts]


def test_a_stream_that_says_nothing_while_a_witness_twice_sees_another_top_is_frozen_since_its_last_word() -> None:
    books = known({0.40: 5}, {0.60: 5})
    assert look(books, LATER) == []
    assert look(books, 2 * LATER) == [1]
    heard = books.witness([(7, 3 * LATER, 0.45, 0.60)])
    assert (heard.doubts, heard.still) == ([], {7}), "doubted before, and still"


def test_each_look_at_a_known_book_agrees_or_proves_it_wrong_or_proves_nothing() -> None:
    books = known({0.40: 5}, {0.60: 5})
    tops = [(LATER, 0.40), (2 * LATER, 0.45), (3 * LATER, 0.45), (4 * LATER, 0.45)]
    said = [books.witness([(7, at_us, bid, 0.60), (99, at_us, bid, 0.60)]).verdicts for at_us, bid in tops]
    assert said == [[(7, True)], [(7, None)], [(7, False)], [(7, None)]], "once found out, it is in doubt already"


def test_a_witness_who_sees_the_same_top_or_is_hardly_ahead_proves_nothing() -> None:
    books = known({0.40: 5}, {0.60: 5})
    assert look(books, LATER, 0.40) == [] and look(books, 2 * LATER, 0.40) == []
    books = known({0.40: 5}, {0.60: 5})
    assert look(books, SECOND) == [] and look(books, 2 * SECOND) == []


def test_a_top_that_came_back_to_where_it_was_between_two_looks_is_no_excuse() -> None:
    books = known({0.40: 5}, {0.60: 5})
    assert look(books, LATER) == [] and look(books, 2 * LATER, 0.40) == [] and look(books, 3 * LATER) == [1]


def test_a_book_frozen_on_both_connections_is_frozen_since_the_last_word_of_either() -> None:
    books = known({0.40: 5}, {0.60: 5})
    take(books, "twin", batch(*state(0, 5, {0.40: 5}, {0.60: 5})))
    assert look(books, LATER) == [] and look(books, 2 * LATER) == [5] and books.doubted == {7}


def test_one_word_between_two_looks_clears_the_suspicion() -> None:
    books = known({0.40: 5}, {0.60: 5})
    look(books, LATER)
    take(books, "c", batch((0, LATER + 1, DELTA, (1, 1, 0.39, 1))))
    assert look(books, 2 * LATER) == []
    assert look(books, 3 * LATER) == [LATER + 1]


TIMES = st.lists(st.integers(0, 2), min_size=1, max_size=40)  # how long after the one before it each change came


@given(TIMES, st.data())
def test_a_change_that_two_connections_tell_has_one_key_whenever_the_second_joins(steps: list[int], data: st.DataObject) -> None:
    times = [10 + at for at in np.cumsum(steps).tolist()]
    said = [(i, at, CHANGE, (1, 0.40, 1)) for i, at in enumerate(times)]
    starts = [i for i, at in enumerate(times) if not i or at > times[i - 1]]
    joins, cut = data.draw(st.sampled_from(starts)), data.draw(st.integers(0, len(said)))
    books = known({0.40: 5}, {})
    first = keys(take(books, "c", batch(*said)), DELTA)
    take(books, "next", batch(*state(0, times[joins], {0.40: 5 + joins}, {})))
    second = []
    for part in (said[joins:cut], said[max(joins, cut) :]):
        second += keys(take(books, "next", batch(*part)), DELTA) if part else []
        books = Books.restore(books.stored())
    assert second == first[joins:] and len(set(first)) == len(first)


levels = st.tuples(st.sampled_from([1, -1]), st.integers(1, 9).map(lambda cents: cents / 100), st.integers(-3, 5))


@given(st.lists(levels, max_size=60), st.integers(0, 60))
def test_a_replay_equals_a_plain_one_however_it_is_cut_and_kept(changes: list[tuple[int, float, int]], cut: int) -> None:
    said = [(i, i, CHANGE, change) for i, change in enumerate(changes)]
    plain: dict[tuple[int, float], float] = {}
    expected = []
    for side, price, change in changes:
        plain[side, price] = max(plain.get((side, price), 0) + change, 0)
        expected.append(plain[side, price])
    books, quantities = known({}, {}), []
    for part in (said[:cut], said[cut:]):
        if part:
            quantities += take(books, "c", batch(*part)).rows[DELTA]["quantity"].tolist()
        books = Books.restore(books.stored())
    assert quantities == expected
    bids = [price for (side, price), amount in plain.items() if side == 1 and amount > 0]
    asks = [price for (side, price), amount in plain.items() if side == -1 and amount > 0]
    claim = take(books, "c", batch(*state(0, 1, {}, {}), instrument=8))
    assert doubts(claim) == []
    book = books._sets["c"][7]
    assert (book.now()[0], book.now()[2]) == (max(bids, default=0.0), min(asks, default=0.0))
