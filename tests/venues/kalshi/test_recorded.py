"""Every recorded message is rows, or left out under a name: counts of all, tables by hand of a sample, books and numbers of all."""

import gzip
import json
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from core.records import BOOK_CHANGES, BOOK_CLAIMS, BOOK_SNAPSHOTS, BOOK_STATES, RESOLUTIONS, TICKERS, TRADES
from core.venue import Decoded
from tests.venues.kalshi.messages import lists
from venues.kalshi.frames import decode

BATCH = 2000
#: window -> (snapshots, deltas, trades), as counted by hand with `grep -c`.
WINDOWS = {
    "26aug050800-00": (2, 28614, 399),
    "26aug070000-00": (2, 43584, 1807),
    "26aug101900-00": (2, 22024, 977),
    "26aug102000-00": (2, 46363, 1293),
    "26aug102015-15": (3, 51714, 1404),
    "26aug102030-30": (4, 33511, 819),
    "26aug102115-15": (3, 182617, 2241),
    "26aug120800-00": (3, 51002, 1726),
}
#: Recorded with prices of NO, which is what the venue sent unless it was asked otherwise.
OF_NO = {"yes_price": False}


def frames_of(captures: Path, name: str) -> list[bytes]:
    (path,) = (captures / "kalshi").rglob(f"ws_{name}*")
    text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    entries = [json.loads(line) for line in text.splitlines()]
    return [entry["raw"].encode() for entry in entries if entry["dir"] == "in"]


def window_of(captures: Path, name: str) -> list[bytes]:
    return frames_of(captures, f"kxgold15m-{name}")


def decoded(batch: Any, frames: list[bytes], **options: Any) -> list[Decoded]:
    return [decode("orderbook_delta", batch(frames[at : at + BATCH]), **options) for at in range(0, len(frames), BATCH)]


@pytest.mark.parametrize("name", WINDOWS)
def test_a_window_is_rows_to_the_last_message(captures: Path, batch: Any, name: str) -> None:
    found = decoded(batch, window_of(captures, name), **OF_NO)
    rows = {
        kind: sum(len(one.rows[kind]["symbol"]) for one in found if kind in one.rows) for kind in (BOOK_STATES, BOOK_CHANGES, TRADES.name)
    }
    assert tuple(rows.values()) == WINDOWS[name]
    assert not any(one.rejected or one.ignored for one in found)
    numbered = [one.numbered for one in found if one.numbered is not None]
    assert sum(len(one.numbers) for one in numbered) == sum(WINDOWS[name])
    assert {int(scope) for one in numbered for scope in one.scopes} == {1, 2}


@pytest.mark.parametrize("name", WINDOWS)
def test_books_are_never_below_nothing_and_every_trade_comes_once(captures: Path, batch: Any, name: str) -> None:
    """Sums of decimals in plain dictionaries, from the decoder's own rows: each level stands at an exact count.

    A market that closes is sent an empty book; a connection that begins anew begins with a whole one. No other snapshot was recorded.
    """
    book: dict[tuple[int, float], Decimal] = {}
    trades: Counter[str] = Counter()
    last = 0
    begun: list[str] = []
    for one in decoded(batch, window_of(captures, name), **OF_NO):
        for row in in_order(one):
            kind, side, price, amount, number = row
            if kind == BOOK_STATES:
                begun.append("new connection" if number < last else "the same" if not book else "other orders")
                book.clear()
            elif kind == BOOK_SNAPSHOTS.name:
                begun[-1] = begun[-1].replace("other orders", "whole again")
                book[side, price] = amount
            else:
                left = book.get((side, price), Decimal(0)) + amount
                assert left >= 0, (row, left)
                book[side, price] = left
                if not left:
                    del book[side, price]
                bids = [price for side, price in book if side > 0]
                asks = [price for side, price in book if side < 0]
                assert not bids or not asks or max(bids) < min(asks)
            last = number
        trades.update(one.rows.get(TRADES.name, {}).get("venue_trade_id", ()))
    assert sum(trades.values()) == len(trades) == WINDOWS[name][2]
    states = WINDOWS[name][0]
    expected = ["the same", "other orders", *["the same"] * (states - 2)]  # closed, and sometimes told so twice
    assert begun == (["the same", "new connection", "other orders", "the same"] if name == "26aug102030-30" else expected)
    assert not book, "the market has closed"


def in_order(one: Decoded) -> list[tuple[str, int, float, Decimal, int]]:
    """(kind, side, price, amount, number) of states, levels and changes as the stream told them."""
    assert one.numbered is not None
    number_of = dict(zip(one.numbered.frames.tolist(), one.numbered.numbers.tolist(), strict=True))
    rows = []
    for place, (kind, amount) in enumerate(((BOOK_STATES, None), (BOOK_SNAPSHOTS.name, "quantity"), (BOOK_CHANGES, "change"))):
        columns = one.rows.get(kind)
        if columns is None:
            continue
        n = len(columns["frame"])
        values = [columns[name].tolist() if name in columns else [0] * n for name in ("frame", "side", "price", amount or "")]
        rows += [
            (frame, place, kind, side, price, Decimal(repr(value)), number_of[frame])
            for frame, side, price, value in zip(*values, strict=True)
        ]
    return [row[2:] for row in sorted(rows, key=lambda row: row[:2])]


@pytest.mark.parametrize("name", WINDOWS)
def test_every_number_reads_back_to_the_venues_decimal(captures: Path, batch: Any, name: str) -> None:
    frames = window_of(captures, name)
    said = [json.loads(frame) for frame in frames]
    found = decoded(batch, frames, **OF_NO)

    def hold(kind: str, field: str, texts: list[str | Decimal]) -> None:
        values = [value for one in found if kind in one.rows for value in one.rows[kind][field].tolist()]
        assert {(Decimal(text), Decimal(repr(value))) for text, value in set(zip(texts, values, strict=True))} == {
            (Decimal(text), Decimal(text)) for text in set(texts)
        }

    def yes(side: str, price: str) -> str | Decimal:
        return price if side == "yes" else 1 - Decimal(price)

    deltas = [frame["msg"] for frame in said if frame["type"] == "orderbook_delta"]
    hold(BOOK_CHANGES, "price", [yes(one["side"], one["price_dollars"]) for one in deltas])
    hold(BOOK_CHANGES, "change", [one["delta_fp"] for one in deltas])
    books = [frame["msg"] for frame in said if frame["type"] == "orderbook_snapshot"]
    levels = [(side, *level) for one in books for side in ("yes", "no") for level in one.get(f"{side}_dollars_fp", ())]
    hold(BOOK_SNAPSHOTS.name, "price", [yes(side, price) for side, price, _ in levels])
    hold(BOOK_SNAPSHOTS.name, "quantity", [count for _, _, count in levels])
    trades = [frame["msg"] for frame in said if frame["type"] == "trade"]
    hold(TRADES.name, "price", [one["yes_price_dollars"] for one in trades])
    hold(TRADES.name, "quantity", [one["count_fp"] for one in trades])


# --- tables by hand ---------------------------------------------------------------------------------------------------------

_CHANGE = ("event_at", "side", "price", "change")
DEMO = "KXWTACHALLENGERMATCH-26JUN11JIMLEP-LEP"


def test_the_session_that_asked_for_prices_of_yes(captures: Path, batch: Any) -> None:
    found = decode("orderbook_delta", batch(frames_of(captures, "demo_2026-06-11_yes")))
    assert dict(found.ignored) == {"subscribed": 2}
    levels = lists(found.rows[BOOK_SNAPSHOTS.name])
    assert list(zip(levels["symbol"], levels["side"], levels["price"], levels["quantity"], strict=True)) == [
        (DEMO, 1, 0.47, 3.0),
        (DEMO, -1, 0.52, 1.0),
    ]
    changes = lists(found.rows[BOOK_CHANGES])
    assert list(zip(*(changes[name] for name in _CHANGE), strict=True)) == [
        (1781159387354_000, -1, 0.52, -1.0),
        (1781159387427_000, -1, 0.52, 2.0),
    ]


def test_the_first_changes_of_a_window(captures: Path, batch: Any) -> None:
    found = decode("orderbook_delta", batch(window_of(captures, "26aug102030-30")[:3]), yes_price=False)
    changes = lists(found.rows[BOOK_CHANGES])
    assert list(zip(*(changes[name] for name in _CHANGE), strict=True)) == [
        (1786407333463_000, -1, 0.51, 0.1),
        (1786407333484_000, 1, 0.47, 0.1),
    ]
    levels = lists(found.rows[BOOK_SNAPSHOTS.name])
    best = {
        side: [(p, q) for s, p, q in zip(levels["side"], levels["price"], levels["quantity"], strict=True) if s == side] for side in (1, -1)
    }
    assert (max(best[1]), min(best[-1])) == ((0.45, 2074.0), (0.48, 169.74))
    assert set(lists(found.rows[BOOK_STATES])["event_at"]) == {found.rows[BOOK_STATES]["received_at"][0] // 1000 * 1000}


def test_a_subscription_of_several_markets_counts_over_all(captures: Path, batch: Any) -> None:
    found = decode("orderbook_delta", batch(frames_of(captures, "multi_market_seq_2026-09-14")))
    assert found.numbered is not None and found.numbered.numbers.tolist() == list(range(6, 12))
    assert found.rows[BOOK_CHANGES]["symbol"] == [
        *["KXPRESPERSON-28-GNEWS"] * 2,
        *["KXPRESPERSON-28-JVAN"] * 2,
        *["KXPRESPERSON-28-JOSS"] * 2,
    ]


def test_tickers_and_trades_of_february(captures: Path, batch: Any) -> None:
    """Shapes that are gone: cents beside dollars, seconds alone, no outcome side."""
    tickers = lists(decode("ticker", batch(frames_of(captures, "archive_2026-02-12_ticker"))).rows[TICKERS.name])
    names = ("event_at", "last_price", "bid_price", "bid_quantity", "ask_price", "ask_quantity", "open_interest")
    assert list(zip(*(tickers[name] for name in names), strict=True)) == [
        (1770897976_000_000, 0.14, 0.04, 14.0, 0.95, 84.0, 892.0),
        (1770897976_000_000, 0.97, 0.98, 195.0, None, None, 314.0),
        (1770897976_000_000, None, 0.97, 5000.0, None, None, 0.0),
        (1770897976_000_000, 0.41, 0.37, 333.0, 0.42, 333.0, 43484.0),
        (1770897976_000_000, 0.76, 0.80, 5000.0, 0.86, 5000.0, 14920.0),
        (1770897976_000_000, 0.83, 0.89, 5000.0, 0.97, 5000.0, 4.0),
    ]
    trades = lists(decode("trade", batch(frames_of(captures, "archive_2026-02-12_trade"))).rows[TRADES.name])
    assert list(zip(trades["event_at"], trades["price"], trades["quantity"], trades["side"], strict=True)) == [
        (1770897981_000_000, 0.77, 75.0, 1),
        (1770897984_000_000, 0.57, 90.0, -1),
        (1770897985_000_000, 0.61, 100.0, 1),
        (1770897985_000_000, 0.61, 90.0, 1),
        (1770897985_000_000, 0.62, 26.0, 1),
        (1770897988_000_000, 0.26, 41.0, 1),
    ]
    assert set(trades["flags"]) == {None} and trades["trade_id"][0] == 0xF851595A6D92424E >> 1


def test_tickers_old_and_new(captures: Path, batch: Any) -> None:
    found = decode("ticker", batch(frames_of(captures, "ticker_old_and_new_shape")))
    claims = lists(found.rows[BOOK_CLAIMS])
    assert list(zip(claims["event_at"], claims["bid_price"], claims["ask_price"], strict=True)) == [
        (1732579880_000_000, 0.11, 0.12),
        (1784475900544_000, 0.0, 0.0),
    ]
    assert lists(found.rows[TICKERS.name])["open_interest"] == [None, 618700.14]


def test_a_determination(captures: Path, batch: Any) -> None:
    rows = lists(decode("market_lifecycle_v2", batch(frames_of(captures, "lifecycle_determined"))).rows[RESOLUTIONS.name])
    assert (rows["symbol"], rows["event_at"], rows["status"], rows["payout"]) == (
        ["KXMLBSPREAD-26JUL191605WSHATH-ATH4"],
        [1784501722_000_000],
        ["determined"],
        [0.0],
    )
