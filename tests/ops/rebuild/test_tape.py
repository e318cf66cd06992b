"""One stream of the archive, read on and read again."""

from core.archive import Record
from core.journal import START
from ops.rebuild.tape import Reel


def reel() -> Reel:
    return Reel(iter([Record("v:c:0:a", f"{ms}-0", {}) for ms in (10, 20, 20, 30, 40)]))


def ids(records: object) -> list[str]:
    return [record.id for record in records]  # type: ignore[attr-defined]


def test_it_gives_what_was_appended_up_to_a_moment() -> None:
    one = reel()
    assert one.next_ms() == 10
    assert ids(one.read(START, 20, 2)) == ["10-0", "20-0"]
    assert ids(one.read("20-0", 20, 9)) == ["20-0"]
    assert (ids(one.read("20-0", 20, 9)), one.next_ms()) == ([], 30)
    assert ids(one.read("20-0", 99, 9)) == ["30-0", "40-0"]
    assert one.next_ms() is None


def test_a_reader_that_begins_again_is_given_the_same_once_more() -> None:
    one = reel()
    one.read(START, 99, 4)
    assert ids(one.read("10-0", 99, 9)) == ["20-0", "20-0", "30-0", "40-0"]
    assert ids(one.again("10-0", "30-0")) == ["20-0", "20-0", "30-0"]


def test_what_is_committed_is_forgotten_but_for_where_a_reader_stands() -> None:
    one = reel()
    one.read(START, 99, 4)
    one.forget("30-0")
    assert ids(one.again("30-0", "30-0")) == []
    assert ids(one.read("30-0", 99, 9)) == ["40-0"]
    one.forget("10-0")
    assert ids(one.again("30-0", "40-0")) == ["40-0"]
