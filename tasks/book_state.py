"""The books of a stream between two drains: kept in Redis beside the journal, which is trimmed only behind them.

A drain that dies leaves books of some seconds ago, and the entries since then: its successor reads those once more, for the books alone.
"""

import logging
from collections.abc import Callable
from typing import Any

from core.journal import START, Journal, JournalError, id_order
from core.redisdb import OutOfMemory
from db.offsets import Fenced
from tasks.books import Books
from tasks.continuity import Sockets
from tasks.digest import digest
from tasks.reader import Reader

log = logging.getLogger(__name__)

PAGE_ENTRIES = 256


def keep(journal: Journal, reader: Reader) -> None:
    """Only when everything that the reader has digested is committed.

    A Redis out of memory takes no state, and would never be trimmed if the journal had to wait for one. What was kept before goes, which
    may make room enough; a drain that dies in such a time leaves books to be asked for anew.
    """
    assert reader.books is not None
    state = {"offset": reader.last_id, "sockets": reader.sockets.stored(), "books": reader.books.stored(reader.sockets.connections)}
    try:
        journal.keep_state(reader.stream, state)
    except OutOfMemory:
        log.warning("redis is out of memory and keeps no books for now stream=%s", reader.stream)
        journal.drop_state(reader.stream)


def recover(journal: Journal, reader: Reader, committed: Callable[[], str], left: Reader | None = None) -> None:
    """Bring the reader's books to where it stands. What cannot be recovered is asked for anew, unless the attempt before `left` a reader that
    stands there.

    `committed`: journal id up to which the stream is committed by now. Raises Fenced while another drain still moves the stream on: it may
    have kept other books, and trimmed the journal behind them, between two looks of ours.
    """
    state = _kept(journal, reader)
    if state is not None and id_order(state["offset"]) > id_order(reader.last_id):
        if committed() != reader.last_id:
            raise Fenced(f"{reader.stream} is moved on by another drain")
        log.error("the books are ahead of what is committed stream=%s", reader.stream)
        state = None
    if state is None:
        if left is not None and left.last_id == reader.last_id:
            reader.books = left.books
        elif reader.last_id != START:
            log.warning("the books are not known and are asked for anew stream=%s", reader.stream)
            reader.wishes.add("")
            assert reader.books is not None
            reader.books.forgotten = set(reader.sockets.live)
        keep(journal, reader)
        return
    reader.books = state["books"]
    sockets = Sockets.restore(reader.sockets.place, state["sockets"], None, None)
    behind = Reader(reader.stream, reader.venue, sockets, state["offset"], reader.ids, books=reader.books, known=reader.known)
    for entries in journal.between(reader.stream, behind.last_id, reader.last_id, PAGE_ENTRIES):
        digest(behind, entries)
    newest = _kept(journal, reader)
    if newest is None or newest["offset"] != state["offset"]:
        raise Fenced(f"{reader.stream} is moved on by another drain")


def _kept(journal: Journal, reader: Reader) -> dict[str, Any] | None:
    """What was kept last, with its books restored; None for nothing of ours."""
    try:
        state = journal.state(reader.stream)
        return None if state is None else {**state, "books": Books.restore(state["books"])}
    except (JournalError, KeyError, TypeError, ValueError) as exc:  # torn, or of another release
        log.error("the books start anew cause=%s", exc)
        return None
