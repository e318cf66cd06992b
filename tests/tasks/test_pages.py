"""Pages of a piece: every venue, whatever it answers, is asked a bounded number of times, and nothing it told is passed over."""

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.history import History, Page
from core.http import TryLater
from core.venue import Reply, Request
from db.backfills import Job
from tasks.pages import Piece, Told, read_pages
from tasks.position import Position, progress, stored_request
from tasks.replies import Replies
from venues.errors import BadReply


def request(symbol: str, first: int, last: int | None) -> Request:
    return Request("trades", "/trades", {"first": first, "last": -1 if last is None else last})


def read(reply: Reply) -> Page:
    rows, ended = json.loads(reply.body)
    first = int(reply.params["first"])
    return Page(len(rows), max(rows, default=first - 1) + 1, max(rows, default=None), ended)


HISTORY = History("trades", "trades", request, read, numbered=True)


class Venue:
    """Has these numbers, each at the time of its own, and puts so many on a page."""

    def __init__(self, *numbers: int, rows: int = 3) -> None:
        self.numbers, self.rows, self.asked = sorted(numbers), rows, []  # type: ignore[var-annotated]

    def __call__(self, request: Request) -> Reply:
        first, last = int(request.params["first"]), int(request.params["last"])
        self.asked.append((first, last))
        found = [n for n in self.numbers if n >= first and (last < 0 or n <= last)]
        return Reply("trades", request.params, json.dumps([found[: self.rows], len(found) <= self.rows]).encode(), 1)


class Kept(Replies):
    """Remembers instead of appending: pages are the subject here, and Replies has tests of its own."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []

    def keep(self, reply: Reply) -> None:
        self.bodies.append(reply.body)


def told(venue: Callable[[Request], Reply], piece: Piece, *, pages: int = 100) -> Told:
    return read_pages(HISTORY, "A", piece, None, venue, Kept(), lambda read: read >= pages)


def test_a_piece_is_asked_for_to_its_end_and_no_further() -> None:
    venue = Venue(*range(1, 100))
    found = told(venue, Piece(5, 11, 0, 99))
    assert venue.asked == [(5, 11), (8, 11), (11, 11)]
    assert (found.reached, found.rows, found.event_us, found.whole) == (12, 7, 11, True)


def test_what_the_venue_has_not_ends_a_piece_too() -> None:
    found = told(Venue(6), Piece(5, 11, 0, 99))
    assert (found.reached, found.rows, found.whole) == (12, 1, True)


def test_an_open_piece_ends_behind_its_time() -> None:
    venue = Venue(*range(1, 100))
    found = told(venue, Piece(5, None, 0, 9))
    assert (venue.asked, found.reached, found.final) == ([(5, -1), (8, -1)], 11, True)


def test_an_open_piece_ends_where_the_venue_does() -> None:
    found = told(Venue(5, 6, 7, 8), Piece(5, None, 0, 99))
    assert (found.reached, found.final) == (9, True)
    found = told(Venue(), Piece(5, None, 0, 99))
    assert (found.reached, found.final, found.rows) == (5, True, 0)


def test_enough_is_enough_and_the_rest_is_for_later() -> None:
    found = told(Venue(*range(1, 100)), Piece(5, 50, 0, 99), pages=2)
    assert (found.reached, found.whole, found.pages) == (11, False, 2)


def test_what_was_told_before_the_venue_said_later_stands() -> None:
    venue = Venue(*range(1, 100))

    def twice(request: Request) -> Reply:
        if len(venue.asked) == 2:
            raise TryLater("busy", 5)
        return venue(request)

    found = told(twice, Piece(5, 50, 0, 99))
    assert (found.reached, found.rows, type(found.halt)) == (11, 6, TryLater)


def test_a_page_that_leads_nowhere_is_kept_and_called_bad() -> None:
    kept = Kept()

    def stuck(request: Request) -> Reply:
        return Reply("trades", request.params, b"[[], false]", 1)

    found = read_pages(HISTORY, "A", Piece(5, 50, 0, 99), None, stuck, kept, lambda read: False)
    assert (found.reached, type(found.halt), kept.bodies) == (5, BadReply, [b"[[], false]"])


def test_a_cursor_is_followed_and_can_be_put_down_in_between() -> None:
    pages = {"": ("b", 2), "b": ("c", 2), "c": (None, 1)}

    def cursor(reply: Reply) -> Page:
        following, rows = pages[str(reply.params.get("cursor", ""))]
        follow = Request("trades", "/trades", {"cursor": following}) if following else None
        return Page(rows, 51, 7, ended=True, follow=follow)

    history = History("trades", "trades", request, cursor)
    fetch = lambda request: Reply("trades", request.params, b"", 1)  # noqa: E731
    first = read_pages(history, "A", Piece(5, 50, 0, 99), None, fetch, Kept(), lambda read: read >= 2)
    assert (first.reached, first.rows, first.whole) == (5, 4, False)
    position = Position(follow=stored_request(first.follow))
    position = Position(**json.loads(json.dumps(position.stored())))
    second = read_pages(history, "A", Piece(5, 50, 0, 99), position.next_request("trades"), fetch, Kept(), lambda read: False)
    assert (second.reached, second.rows, second.whole) == (51, 1, True)


@given(
    numbers=st.sets(st.integers(0, 60)),
    rows=st.integers(1, 7),
    first=st.integers(0, 60),
    length=st.none() | st.integers(0, 60),
    pages=st.integers(1, 4),
)
def test_steps_of_any_length_bring_each_number_once_and_end(
    numbers: set[int], rows: int, first: int, length: int | None, pages: int
) -> None:
    venue, brought, last = Venue(*numbers, rows=rows), 0, None if length is None else first + length
    piece, steps = Piece(first, last, 0, 30), 0
    while True:
        found = told(venue, piece, pages=pages)
        brought, steps = brought + found.rows, steps + 1
        assert steps <= 62, "a walk that does not end"
        if found.whole:
            break
        piece = Piece(found.reached, last, 0, 30)
    assert found.halt is None
    wanted = {n for n in numbers if n >= first and (last is None or n <= last)}
    if last is None:
        wanted = {n for n in wanted if n < found.reached}
        assert all(n > 30 for n in numbers if n >= found.reached)
    assert brought == len(wanted)


@pytest.mark.parametrize(
    ("at", "since", "share"), [(None, 0, 0.5), (150, 0, 0.75), (200, 0, 1.0)], ids=["not begun", "half of it", "through"]
)
def test_progress_is_the_share_of_all_instruments(at: int | None, since: int, share: float) -> None:

    job = Job("v", "c", ["A", "B"], 0, 1000, first=100, last=199)
    assert progress(job, Position(instrument=1, at=at, since_us=since)) == share
    by_time = Job("v", "c", ["A", "B"], 1000, 2000)
    assert progress(by_time, Position(instrument=0, at=7, since_us=1500)) == 0.25
