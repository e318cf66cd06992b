"""The chain shows whatever was done to it."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paper.audit import GENESIS, Entry, follow, plain, text, verify


def chain(length: int) -> list[Entry]:
    rows: list[Entry] = []
    for number in range(1, length + 1):
        previous = rows[-1].hash if rows else GENESIS
        rows.append(follow(previous, number, 1_000 * number, "kind", f"subject {number}", {"shares": Decimal("1.50"), "of": [number]}))
    return rows


def test_a_row_is_hashed_over_the_one_before_and_its_canonical_text() -> None:
    (row,) = chain(1)
    canonical = b'{"at_us":1000,"details":{"of":[1],"shares":"1.5"},"kind":"kind","number":1,"subject":"subject 1"}'
    assert row.hash == hashlib.sha256(bytes(32) + canonical).digest()


def test_a_whole_chain_holds() -> None:
    rows = chain(5)
    assert verify(rows, (5, rows[-1].hash)).broken is None
    assert verify([], (0, GENESIS)).broken is None


@pytest.mark.parametrize(
    ("harm", "rows", "words"),
    [
        (lambda rows: [*rows[:2], *rows[3:]], 2, "row 3 is missing: the next is 4"),
        (lambda rows: rows[1:], 0, "row 1 is missing: the next is 2"),
        (lambda rows: rows[:4], 4, "the engine has written 5 rows, and the last of 4 is not its last"),
        (lambda rows: [*rows[:2], replace(rows[2], details={"shares": "2"}), *rows[3:]], 2, "row 3 is not what was written"),
        (lambda rows: [*rows[:2], replace(rows[2], at_us=1), *rows[3:]], 2, "row 3 is not what was written"),
        (
            lambda rows: [*rows[:2], follow(rows[1].hash, 3, 1, "kind", "other", {}), *rows[3:]],
            3,
            "row 4 does not follow the one before it",
        ),
        (lambda rows: [*rows, follow(rows[-1].hash, 6, 1, "kind", "more", {})], 6, "the engine has written 5 rows, and the last of 6"),
    ],
)
def test_what_was_done_to_it_is_found(harm: Callable[[list[Entry]], list[Entry]], rows: int, words: str) -> None:
    whole = chain(5)
    found = verify(harm(whole), (5, whole[-1].hash))
    assert found.rows == rows
    assert found.broken is not None
    assert found.broken.startswith(words)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=8))
def test_an_amount_is_written_as_a_person_does(amount: Decimal) -> None:
    written = text(amount)
    assert Decimal(written) == amount
    assert "E" not in written


def test_what_no_database_takes_is_replaced_and_what_json_cannot_say_is_refused() -> None:
    assert plain({"a": ("x\x00y", "\ud800")}) == {"a": ["x\N{REPLACEMENT CHARACTER}y", "?"]}
    with pytest.raises(TypeError, match="float"):
        plain(0.1)
