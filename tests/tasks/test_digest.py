"""Journal entries into rows, notes and offsets."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from core import journal
from core.journal import StreamName
from core.venue import Decoded
from db.evidence import GapClosed, GapOpened, SequenceGap, Unread
from db.instruments import TooManyInstruments
from db.writing import Work
from tasks.books import Books
from tasks.continuity import Sequence as IdSequence
from tasks.continuity import Sockets
from tasks.digest import digest, place_of
from tasks.reader import Reader
from venues import VENUES

STREAM = StreamName("binance", "aggTrade")
T = 1_700_000_000_000  # ms


def ids(symbols: Sequence[str]) -> Any:
    return np.array([{"BTCUSDT": 1, "ETHUSDT": 2}[symbol] for symbol in symbols], np.int32)


def known(symbols: Sequence[str]) -> dict[str, int]:
    return {symbol: number for symbol, number in {"BTCUSDT": 1, "ETHUSDT": 2}.items() if symbol in symbols}


def reader(stream: StreamName = STREAM) -> Reader:
    return Reader(stream, VENUES["binance"], Sockets(place_of(stream)), "0-0", ids, IdSequence([]), known=known)


def trade(number: int, symbol: str = "BTCUSDT", **changes: object) -> bytes:
    data = {
        "e": "aggTrade",
        "E": T + number,
        "s": symbol,
        "a": number,
        "p": "100.50",
        "q": "0.250",
        "f": number,
        "l": number,
        "T": T + number,
        "m": True,
    }
    return json.dumps({"stream": f"{symbol.lower()}@aggTrade", "data": data | changes}).encode()


class Log:
    """Entries as a streamer would append them."""

    def __init__(self) -> None:
        self.entries: list[tuple[bytes, dict[bytes, bytes]]] = []
        self.batch = 0

    def add(self, fields: dict[bytes, bytes]) -> "Log":
        self.entries.append((f"{len(self.entries) + 1}-0".encode(), fields))
        return self

    def data(self, *frames: bytes, connection: str = "c", batch: int | None = None) -> "Log":
        self.batch = batch if batch is not None else self.batch + 1
        return self.add(journal.data_fields(connection, self.batch, frames, [T * 1000 + self.batch] * len(frames)))

    def event(self, type: str, connection: str = "c", **context: object) -> "Log":
        self.batch += 1
        return self.add(journal.event_fields(type, connection, self.batch, T * 1000 + self.batch, context))

    def take(self) -> list[tuple[bytes, dict[bytes, bytes]]]:
        taken, self.entries = self.entries, []
        return [(f"{T}-{int(i.partition(b'-')[0])}".encode(), f) for i, f in taken]


def rows(work: Work) -> list[tuple[int, int, float]]:
    return [
        (int(i), int(n), float(p))
        for _, columns in work.rows
        for i, n, p in zip(columns["instrument_id"], columns["trade_id"], columns["price"], strict=True)
    ]


def test_frames_become_rows_in_order_with_both_clocks() -> None:
    work, received = digest(reader(), Log().data(trade(1), trade(1, "ETHUSDT")).data(trade(2)).take())
    assert rows(work) == [(1, 1, 100.5), (2, 1, 100.5), (1, 2, 100.5)]
    assert [len(times) for times in received.frames] == [1 + 1, 1]  # the first entry proves the connection and stands alone
    assert work.rows[0][1]["event_at"].tolist() == [(T + 1) * 1000] * 2
    assert work.step.counts.rows == work.step.counts.frames == 3
    assert (work.step.before, work.step.after.last_id) == ("0-0", f"{T}-2")


def test_consecutive_entries_are_decoded_as_one_batch() -> None:
    log = Log().data(trade(1))
    for number in range(2, 9):
        log.data(trade(number))
    work, _ = digest(reader(), log.take())
    assert [len(columns["event_at"]) for _, columns in work.rows] == [1, 7]


def test_of_what_a_venue_tells_everybody_only_the_rows_of_registered_instruments_count() -> None:
    columns = {
        "symbol": ["BTCUSDT", "UNHEARDOF"],
        "event_at": np.array([T, T]),
        "received_at": np.array([T, T]),
        "trade_id": np.array([1, 2]),
        "price": np.array([1.0, 2.0]),
    }
    found = reader()
    found.venue = replace(found.venue, decode=lambda channel, frames: Decoded({"trades": columns}, of_known=("trades",)))
    work, _ = digest(found, Log().data(b"{}").take())
    assert rows(work) == [(1, 1, 1.0)]
    assert (work.step.counts.rows, work.step.counts.ignored) == (1, 1)


def test_a_bad_frame_goes_aside_whole_and_takes_no_neighbour_with_it() -> None:
    torn = trade(2)[:40]
    work, _ = digest(reader(), Log().data(trade(1)).data(torn, trade(2), trade(3)).take())
    assert [number for _, number, _ in rows(work)] == [1, 2, 3]
    [unread] = [note for note in work.notes if isinstance(note, Unread)]
    assert (unread.raw, unread.batch_no, unread.frame_no, unread.connection_id) == (torn, 2, 0, "c")
    assert (work.step.counts.frames, work.step.counts.rows, work.step.counts.quarantined) == (4, 3, 1)


def test_a_repeated_batch_is_skipped_and_counted() -> None:
    work, _ = digest(reader(), Log().data(trade(1), batch=1).data(trade(2), batch=2).data(trade(2), batch=2).data(trade(3), batch=3).take())
    assert [number for _, number, _ in rows(work)] == [1, 2, 3]
    assert work.step.counts.repeated == 1


def test_a_hole_in_the_ids_is_noted_with_the_times_around_it() -> None:
    work, _ = digest(reader(), Log().data(trade(1)).data(trade(2), trade(6)).take())
    assert SequenceGap(place_of(STREAM), 1, 3, 5, (T + 2) * 1000, (T + 6) * 1000) in work.notes


def test_a_deaf_time_is_a_gap_from_the_last_row_before_to_the_first_after_in_the_venues_clock() -> None:
    log = Log().event(journal.CONNECTED, incarnation="i").data(trade(1)).data(trade(2)).event(journal.DISCONNECTED, cause="reset")
    log.batch = 0
    log.event(journal.CONNECTED, "d", incarnation="i").data(trade(9), connection="d")
    work, _ = digest(reader(), log.take())
    [opened] = [note for note in work.notes if isinstance(note, GapOpened)]
    [closed] = [note for note in work.notes if isinstance(note, GapClosed)]
    assert (opened.event_us, closed.event_us) == ((T + 2) * 1000, (T + 9) * 1000)
    assert work.notes.index(opened) < work.notes.index(closed)


def change(us: int) -> bytes:
    row = {"asset_id": "1", "price": "0.5", "size": "1", "side": "BUY", "hash": "ab" * 20}
    return json.dumps({"event_type": "price_change", "timestamp": str(us // 1000), "price_changes": [row]}).encode()


def books(*stamps: int) -> bytes:
    state = {"event_type": "book", "asset_id": "1", "bids": [{"price": "0.5", "size": "1"}], "asks": [], "hash": "ab" * 20}
    return json.dumps([state | {"timestamp": str(us // 1000)} for us in stamps]).encode()


@pytest.mark.parametrize(("after", "ends"), [((-7000, 40, 30), 40), ((-7000, -8000), 2)])
def test_a_deaf_time_that_states_end_is_not_dated_by_a_book_that_stood_still(after: tuple[int, ...], ends: int) -> None:
    log = Log().event(journal.CONNECTED, incarnation="i").data(change((T + 2) * 1000)).event(journal.DISCONNECTED, cause="idle")
    log.batch = 0
    log.event(journal.CONNECTED, "d", incarnation="i").data(books(*((T + ms) * 1000 for ms in after)), connection="d")
    stream = StreamName("polymarket", "market")
    made = Reader(stream, VENUES["polymarket"], Sockets(place_of(stream)), "0-0", lambda s: np.ones(len(s), np.int32), books=Books())
    work, _ = digest(made, log.take())
    [opened] = [note for note in work.notes if isinstance(note, GapOpened)]
    [closed] = [note for note in work.notes if isinstance(note, GapClosed)]
    assert (opened.event_us, closed.event_us) == ((T + 2) * 1000, (T + ends) * 1000)


def test_counted_loss_is_told() -> None:
    log = Log().data(trade(1)).event(journal.LOST, cause="spool_full", frames=77)
    assert digest(reader(), log.take())[0].step.counts.lost == 77


@pytest.mark.parametrize(
    "fields",
    [{b"h": b"nonsense", b"b": b"x"}, {b"b": b"x"}, {b"h": journal.data_fields("c", 1, [b"{}"], [1])[b"h"], b"b": b"not zstd"}, {}],
    ids=["header", "no header", "body", "empty"],
)
def test_an_entry_that_is_not_ours_goes_aside_and_the_log_goes_on(fields: dict[bytes, bytes]) -> None:
    work, _ = digest(reader(), Log().add(fields).data(trade(1), connection="d").take())
    assert [number for _, number, _ in rows(work)] == [1]
    assert work.step.counts.quarantined == 1
    assert sum(isinstance(note, Unread) for note in work.notes) == 1


def test_too_many_instruments_put_the_batch_aside() -> None:
    def refuse(_: Sequence[str]) -> Any:
        raise TooManyInstruments("too many")

    full = reader()
    full.ids = refuse
    work, _ = digest(full, Log().data(trade(1), trade(2)).take())
    assert (rows(work), work.step.counts.quarantined) == ([], 2)


def test_condemned_entries_are_put_aside_frame_by_frame() -> None:
    work, _ = digest(reader(), Log().data(trade(1), trade(2)).take(), condemned="refused")
    assert [note.reason for note in work.notes if isinstance(note, Unread)] == ["refused", "refused"]


def test_every_frame_is_a_row_or_told_otherwise() -> None:
    coin_m = trade(3, st=2)
    work, _ = digest(reader(), Log().data(trade(1), b"", b"\xff\n{", coin_m, b'{"e":"new"}', trade(2)).take())
    counts = work.step.counts
    assert counts.frames == counts.rows + counts.quarantined + counts.ignored == 6
    assert (counts.rows, counts.ignored) == (2, 1)


def test_a_reply_is_parsed_with_its_context() -> None:
    stream = StreamName("binance", "exchangeInfo", "rest")
    body = b'{"symbols":[{"symbol":"BTCUSDT","status":"TRADING","contractType":"PERPETUAL","baseAsset":"BTC","quoteAsset":"USDT","filters":[]}]}'
    entries = Log().add(journal.reply_fields("c", 1, body, T * 1000, {})).take()
    work, _ = digest(reader(stream), entries)
    [listing] = work.listings
    assert [instrument.symbol for instrument in listing.instruments] == ["BTCUSDT"]


def test_a_reply_that_is_nonsense_goes_aside_whole() -> None:
    stream = StreamName("binance", "klines", "rest")
    work, _ = digest(reader(stream), Log().add(journal.reply_fields("c", 1, b"<html>\nbusy", T * 1000, {"symbol": "BTCUSDT"})).take())
    [unread] = [note for note in work.notes if isinstance(note, Unread)]
    assert unread.raw == b"<html>\nbusy"


def test_a_reply_that_the_venue_refused_is_a_counted_row_with_its_request() -> None:
    stream = StreamName("binance", "exchangeInfo", "rest")
    context = {"cause": "ReplyTooLarge: more than 32 MiB", "path": "/fapi/v1/exchangeInfo", "params": {}}
    work, _ = digest(reader(stream), Log().event(journal.REFUSED, **context).take())
    [unread] = [note for note in work.notes if isinstance(note, Unread)]
    assert (unread.reason, b"/fapi/v1/exchangeInfo" in unread.raw, work.step.counts.quarantined) == (context["cause"], True, 1)
