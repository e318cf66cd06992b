"""Replies that are lists: all at once, or row by row when any is broken."""

import msgspec
import pytest

from core.venue import Reply
from venues.errors import BadFrame, BadReply
from venues.replies import asked_symbol, read_rows


class Row(msgspec.Struct):
    x: int


def reply(body: bytes, **params) -> Reply:
    return Reply("poll", params, body, 1)


def small(row: Row) -> None:
    if row.x > 9:
        raise BadFrame("too large")


def test_good_rows() -> None:
    assert read_rows(reply(b'[{"x":1},{"x":2}]'), Row, small) == ([Row(1), Row(2)], [])


def test_broken_rows_are_rejected_by_their_place() -> None:
    rows, rejected = read_rows(reply(b'[{"x":1},{"x":"a"},{"x":10},5,{"x":2}]'), Row, small)
    assert rows == [Row(1), Row(2)]
    assert [one.frame for one in rejected] == [1, 2, 3]
    assert rejected[1].reason == "too large"


@pytest.mark.parametrize("body", [b"", b"{}", b'[{"x":1}', b"null", b"\xff"])
def test_a_reply_that_is_no_list_is_bad(body: bytes) -> None:
    with pytest.raises(BadReply, match=r"^poll: "):
        read_rows(reply(body), Row, small)


def test_the_symbol_asked_for() -> None:
    assert asked_symbol(reply(b"", symbol="A")) == "A"
    with pytest.raises(BadReply):
        asked_symbol(reply(b""))
