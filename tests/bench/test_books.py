"""bench.books: what it replays is what a drain would."""

import pytest

from bench import books
from venues import VENUES

pytestmark = pytest.mark.skipif(books.VENUE not in VENUES, reason="its folder is deleted")


def test_made_frames_are_all_replayed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(books, "CHANGES", 5_000)
    changes, seconds = books.run(books._batches(list(books.made())))
    assert changes == 5_000 - books.MARKETS and seconds > 0
