"""Page after page of a piece of the past, each into the journal before it is looked at."""

from collections.abc import Callable
from dataclasses import dataclass

from core.history import History, Page
from core.http import HttpError
from core.venue import Reply, Request
from tasks.replies import Replies
from venues.errors import BadReply, Unreadable

Fetch = Callable[[Request], Reply]


@dataclass(frozen=True, slots=True)
class Piece:
    """`first` to `last`, both included; without `last`, as far as there is up to the time. All rows in it lie between the times (us)."""

    first: int
    last: int | None
    since_us: int
    until_us: int


@dataclass(slots=True)
class Told:
    """What the pages said: all below `reached` is told, by `rows` rows. `halt`: why there are no more of them."""

    piece: Piece
    reached: int
    follow: Request | None = None
    rows: int = 0
    pages: int = 0
    event_us: int = 0
    final: bool = False  # of a piece without an end: this was it
    halt: HttpError | Unreadable | None = None

    @property
    def whole(self) -> bool:
        return self.final or (self.piece.last is not None and self.reached > self.piece.last)

    def take(self, page: Page) -> None:
        """Raises BadReply when a page leads nowhere."""
        piece = self.piece
        if page.follow is None and not page.ended and page.reached <= self.reached:
            raise BadReply(f"a page of {page.rows} rows leads from {self.reached} to {page.reached}")
        self.rows += page.rows
        self.event_us = max(self.event_us, page.event_us or 0)
        self.follow = page.follow
        if page.follow is not None:
            return
        if piece.last is None:
            self.reached = max(self.reached, page.reached)
            self.final = page.ended or self.event_us > piece.until_us
        else:
            self.reached = piece.last + 1 if page.ended else min(page.reached, piece.last + 1)


def read_pages(
    history: History, symbol: str, piece: Piece, follow: Request | None, fetch: Fetch, replies: Replies, enough: Callable[[int], bool]
) -> Told:
    """Ask on until the piece is told, the venue stops us, or `enough` says so of the number of pages."""
    told = Told(piece, piece.first, follow)
    while not told.whole and not enough(told.pages):
        try:
            reply = fetch(told.follow or history.request(symbol, told.reached, piece.last))
            told.pages += 1
            replies.keep(reply)
            told.take(history.read(reply))
        except (HttpError, Unreadable) as exc:
            told.halt = exc
            break
    return told
