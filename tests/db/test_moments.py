"""db.moments"""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.moments import micros, moment


@pytest.mark.parametrize(
    ("us", "at"),
    [
        (0, datetime(1970, 1, 1, tzinfo=UTC)),
        (1_626_952_423_123_456, datetime(2021, 7, 22, 11, 13, 43, 123456, UTC)),
        (-1, datetime(1969, 12, 31, 23, 59, 59, 999999, UTC)),
        (None, None),
    ],
    ids=["epoch", "to the microsecond", "before the epoch", "absent"],
)
def test_both_ways(us: int | None, at: datetime | None) -> None:
    assert moment(us) == at
    assert micros(at) == us


@given(st.integers(-(10**15), 4 * 10**15))
def test_no_microsecond_is_lost(us: int) -> None:
    assert micros(moment(us)) == us
