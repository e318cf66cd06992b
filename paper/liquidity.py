"""What is left of a book for us: liquidity that we took on paper is gone until the venue shows the level anew. Pure."""

from decimal import ROUND_FLOOR, Decimal

from paper.desk import Desk
from paper.state import ZERO, Taken
from paper.values import Book, Level

BID, ASK = 1, -1


def floor(quantity: Decimal, lot: Decimal) -> Decimal:
    """Whole lots of it."""
    return (quantity / lot).to_integral_value(ROUND_FLOOR) * lot


def side(book: Book, which: int) -> tuple[Level, ...]:
    return book.bids if which == BID else book.asks


def available(desk: Desk, instrument_id: int) -> Book:
    """The book less what we took of it."""
    book = desk.state.books[instrument_id]
    taken = desk.state.taken.get(instrument_id)
    if not taken:
        return book
    less = {(one.side, one.price): one.quantity for one in taken}
    left = [
        tuple((price, rest) for price, shown in side(book, which) if (rest := shown - less.get((which, price), ZERO)) > 0)
        for which in (BID, ASK)
    ]
    return Book(left[0], left[1], book.event_us, book.received_us, book.trusted)


def take(desk: Desk, instrument_id: int, which: int, price: Decimal, quantity: Decimal) -> None:
    """Raises StopIteration where the book has no such level."""
    known = {(one.side, one.price): one for one in desk.state.taken.get(instrument_id, ())}
    shown = next(amount for level, amount in side(desk.state.books[instrument_id], which) if level == price)
    before = known.get((which, price))
    known[which, price] = Taken(which, price, shown, quantity + (before.quantity if before else ZERO))
    _keep(desk, instrument_id, tuple(known.values()))


def told_anew(desk: Desk, instrument_id: int, before: Book, book: Book) -> None:
    """Levels that show another amount than when we took of them are whole again; after a whole new state all are."""
    taken = desk.state.taken[instrument_id]
    shown = {(which, price): quantity for which in (BID, ASK) for price, quantity in side(book, which)}
    anew = book.trusted and not before.trusted
    still = () if anew else tuple(one for one in taken if shown.get((one.side, one.price)) == one.shown)
    if still != taken:
        _keep(desk, instrument_id, still)


def _keep(desk: Desk, instrument_id: int, taken: tuple[Taken, ...]) -> None:
    desk.touch("taken", instrument_id)
    if taken:
        desk.state.taken[instrument_id] = taken
    else:
        del desk.state.taken[instrument_id]
