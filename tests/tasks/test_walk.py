"""tasks.asking.Walk: page after page as each reply names the next, bounded, and never in a circle."""

import itertools
import time

import pytest

from core.http import Paced, TryLater
from core.venue import Reply, Request
from tasks.asking import CursorRepeats, Walk, patient


def follow(cursors: dict[str, str]):  # type: ignore[no-untyped-def]
    def next_page(reply: Reply) -> Request | None:
        cursor = cursors.get(str(reply.params.get("cursor", "")))
        return None if cursor is None else Request("list", "/list", {"cursor": cursor})

    return next_page


def fetch(request: Request) -> Reply:
    return Reply(request.poll, request.params, str(request.params.get("cursor", "")).encode(), 1)


FIRST = Request("list", "/list")


def test_a_walk_goes_to_the_page_that_names_no_other() -> None:
    walk = Walk(fetch, FIRST, follow({"": "a", "a": "b"}), 10)
    assert [reply.body for reply in walk] == [b"", b"a", b"b"]
    assert not walk.capped


def test_a_request_without_pages_is_a_walk_of_one() -> None:
    walk = Walk(fetch, FIRST, None, 1)
    assert len(list(walk)) == 1 and not walk.capped


def test_a_walk_that_never_ends_is_cut_and_says_so() -> None:
    counter = itertools.count()
    walk = Walk(fetch, FIRST, lambda reply: Request("list", "/list", {"cursor": str(next(counter))}), 5)
    assert len(list(walk)) == 5 and walk.capped


def test_the_last_page_that_is_allowed_is_no_cut() -> None:
    walk = Walk(fetch, FIRST, follow({"": "a", "a": "b"}), 3)
    assert len(list(walk)) == 3 and not walk.capped


def test_a_cursor_that_comes_back_is_an_error_after_what_it_brought() -> None:
    pages = iter(Walk(fetch, FIRST, follow({"": "a", "a": "b", "b": "a"}), 10))
    assert [next(pages).body for _ in range(3)] == [b"", b"a", b"b"]
    with pytest.raises(CursorRepeats, match="page 4"):
        next(pages)


def refusing(*causes: TryLater):  # type: ignore[no-untyped-def]
    """A fetch that gives each cause once, then answers; and how often it was asked."""
    left, asked = list(causes), []

    def fetched(request: Request) -> Reply:
        asked.append(request)
        if left:
            raise left.pop(0)
        return fetch(request)

    return fetched, asked


def test_a_walk_waits_for_tokens_of_the_moment() -> None:
    fetched, asked = refusing(Paced("x", 0.001), Paced("x", 0.002))
    assert len(list(Walk(patient(fetched, time.monotonic() + 60), FIRST, None, 1))) == 1
    assert len(asked) == 3


@pytest.mark.parametrize(("cause", "seconds"), [(Paced("x", 5.0), 1.0), (TryLater("x", 0.001), 60.0)], ids=["no time", "paused"])
def test_it_waits_for_nothing_else_and_not_beyond_its_time(cause: TryLater, seconds: float) -> None:
    fetched, asked = refusing(cause)
    with pytest.raises(type(cause)):
        patient(fetched, time.monotonic() + seconds)(FIRST)
    assert len(asked) == 1
