"""The books of a stream between two drains: kept in Redis beside the journal, which is trimmed only behind them.

A drain that dies leaves books of some seconds ago, and the entries since then: its successor reads those once more, for the books alone.
"""

import logging

from core.journal import START, Journal, JournalError, id_order
from tasks.books import Books
from tasks.continuity import Sockets
from tasks.digest import digest
from tasks.reader import Reader

log = logging.getLogger(__name__)

PAGE_ENTRIES = 256


def keep(journal: Journal, reader: Reader) -> None:
    """Only when everything that the reader has digested is committed."""
    assert reader.books is not None
    state = {"offset": reader.last_id, "sockets": reader.sockets.stored(), "books": reader.books.stored()}
    journal.keep_state(reader.stream, state)


def recover(journal: Journal, reader: Reader) -> None:
    """Bring the reader's books to where it stands. What cannot be recovered is asked for anew."""
    assert reader.books is not None
    try:
        state = journal.state(reader.stream)
        books = None if state is None else Books.restore(state["books"])
    except (JournalError, KeyError, TypeError, ValueError) as exc:  # torn, or of another release
        log.error("the books start anew cause=%s", exc)
        state = books = None
    if state is None or books is None or id_order(state["offset"]) > id_order(reader.last_id):
        if reader.last_id != START:
            log.warning("the books are not known and are asked for anew stream=%s", reader.stream)
            reader.wishes.add("")
        keep(journal, reader)
        return
    reader.books = books
    sockets = Sockets.restore(reader.sockets.place, state["sockets"], None, None)
    behind = Reader(reader.stream, reader.venue, sockets, state["offset"], reader.ids, books=reader.books)
    for entries in journal.between(reader.stream, behind.last_id, reader.last_id, PAGE_ENTRIES):
        digest(behind, entries)
