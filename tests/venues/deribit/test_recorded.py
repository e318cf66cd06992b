"""Every recorded frame is rows that stand here by hand, or is left out under the name that stands here."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.records import BOOK_DELTAS
from db.evidence import Place
from tasks.continuity import Chain
from tests.venues.deribit.frames import lists
from venues.deribit import frames, stream
from venues.deribit.frames import decode

CHANNELS = ("quote", "ticker", "trades", "book")

PERP = "BTC-PERPETUAL"
#: file -> (channel of the frame, its symbol, what it says: of a ticker mark price, delta and open interest; of a book its kind, number,
#: number before, and levels as [side, price, quantity]; of trades number, price, amount, side, flags each). A str: left out under it.
TABLE: dict[str, list[Any]] = {
    "ws_2025-12_quote_ticker.jsonl": [
        ("quote", PERP, 1765541767174, (92288.0, 133440.0, 92288.5, 99470.0)),
        ("ticker", PERP, 1765541474086, (92281.78, None, 1132329370.0)),
    ],
    "ws_single_frames_2021-2022_btc-perpetual.jsonl": [
        ("trades", PERP, 1616321478553, [(92836831, 56168.0, 5580.0, 1, 0), (92836832, 56168.0, 60.0, 1, 0)]),
        (
            *("book", PERP, 1622627433440),
            (
                *("book_snapshots", 31479596557, None),
                [
                    [1, 37240.0, 20.0],
                    [1, 37237.0, 14270.0],
                    [1, 37233.0, 50.0],
                    [-1, 37240.5, 14240.0],
                    [-1, 37248.5, 15690.0],
                    [-1, 37251.0, 650.0],
                ],
            ),
        ),
        (
            *("book", PERP, 1622627435737),
            (
                *("book_deltas", 31479598217, 31479598064),
                [[1, 36779.0, 0.0], [1, 36809.5, 254870.0], [-1, 37462.5, 0.0], [-1, 37394.0, 42670.0]],
            ),
        ),
        "grouped book",
        ("quote", PERP, 1654012882984, (32143.0, 179960.0, 32143.5, 20.0)),
        "chart",
        ("ticker", PERP, 1654161785818, (29932.79, None, 559791310.0)),
    ],
    "ws_tardis_mapper_messages.jsonl": [
        ("trades", PERP, 1567296022565, [(20944815, 9598.5, 2000.0, -1, 0), (20944816, 9598.5, 50.0, -1, 0)]),
        ("quote", PERP, 1567296000183, (9600.5, 162800.0, 9601.0, 49710.0)),
        (
            *("book", "ETH-PERPETUAL", 1564617600273),
            (
                *("book_snapshots", 1776289261, None),
                [[1, 217.8, 1895.0], [1, 217.75, 712.0], [-1, 218.6, 179803.0], [-1, 218.65, 7887.0]],
            ),
        ),
        (
            *("book", "ETH-PERPETUAL", 1564617654272),
            ("book_deltas", 1776294623, 1776294621, [[1, 217.8, 0.0], [-1, 219.2, 64903.0], [-1, 219.1, 19343.0]]),
        ),
        ("ticker", PERP, 1564617604229, (10094.1, None, 66128281.0)),
        ("ticker", PERP, 1569888003897, (8304.39, None, 84844461.0)),
        ("ticker", "BTC-8JUN20-8750-P", 1591603200048, (0.0, 0.0, 0.0)),
        ("ticker", "BTC-5JUN20-9250-C", 1590969652595, (0.03847784, 0.62959, 533.2)),
        ("ticker", "ETH-5JUN20-310-P", 1590969597073, (0.33859, -0.98566, 0.0)),
        ("ticker", "ETH-10JUN20-270-C", 1591608298178, (0.000632, 0.03105, 0.0)),
        ("trades", PERP, 1584058044032, [(40781986, 4469.5, 1120.0, -1, 1)]),
        ("trades", PERP, 1584058067675, [(40782080, 4458.5, 2500.0, 1, 1)]),
        ("book", "ETH-10SEP21-3350-P", 1631026812566, ("book_snapshots", 14617771529, None, [[1, 0.019, 93.0], [-1, 0.037, 93.0]])),
        (
            *("book", "LINK_USDC-PERPETUAL", 1654041599955),
            (
                *("book_snapshots", 1232767964, None),
                [[1, 7.562, 34.0], [1, 7.561, 329.0], [1, 7.56, 401.0], [1, 7.559, 133.0], [1, 7.558, 660.0]],
            ),
        ),
        ("ticker", "BTC-STRD-30SEP22-20000", 1661274180291, (0.1922, 0.32525, 0.0)),
        ("ticker", "BTC-FS-30SEP22_PERP", 1662681659203, (10.12, None, 0.0)),
        ("ticker", "BTC-CSR12-16SEP22-21000_23000", 1662681656186, (0.0053, 0.10275, 0.0)),
        ("ticker", "MATIC_USDC-9MAR24-1d02-C", 1709809020064, (0.139, 0.7869, 0.0)),
    ],
    "ws_2026-09-30_production_tickers.jsonl": [
        ("ticker", "BTC-25DEC26", 1790755218589, (84222.65, None, 311779840.0)),
        ("ticker", "BTC-25DEC26-76000-C", 1790755217219, (0.1296, 0.74092, 480.6)),
    ],
    "ws_2026-09_testnet_option_book.jsonl": [
        (
            *("book", "BTC-15SEP26-77000-C", 1789344930088),
            ("book_snapshots", 118850965713, None, [[1, 0.0065, 10.0], [-1, 0.0075, 10.0]]),
        ),
        ("book", "BTC-15SEP26-77000-C", 1789344937361, ("book_deltas", 118850980778, 118850965713, [[1, 0.0055, 41.0]])),
        ("book", "BTC-15SEP26-77000-C", 1789344940246, ("book_deltas", 118850986161, 118850980778, [[1, 0.0065, 40.0]])),
    ],
}
SESSION = "ws_raw_options_2021-07-22_a.jsonl"


def frames_of(captures: Path, name: str) -> list[bytes]:
    (path,) = (captures / "deribit").rglob(name)
    entries = [json.loads(line) for line in path.read_text().splitlines()]
    return [entry["raw"].encode() for entry in entries if entry["dir"] == "in"]


def said(kind: str, columns: dict[str, Any]) -> Any:
    """What the table states of a frame's rows."""
    if kind == "quotes":
        ((found),) = zip(*(columns[name] for name in ("bid_price", "bid_quantity", "ask_price", "ask_quantity")), strict=True)
        return found
    if kind == "tickers":
        return tuple(columns[name] and columns[name][0] for name in ("mark_price", "delta", "open_interest"))
    if kind == "trades":
        return list(zip(*(columns[name] for name in ("trade_id", "price", "quantity", "side", "flags")), strict=True))
    (number,) = set(columns["update_id"])
    previous = set(columns.get("previous_id", [None]))
    levels = [list(level) for level in zip(*(columns[name] for name in ("side", "price", "quantity")), strict=True)]
    return (kind, number, *previous, levels)


def test_the_table_names_every_recording(captures) -> None:
    assert {path.name for path in (captures / "deribit").rglob("ws_*")} == {*TABLE, SESSION}


@pytest.mark.parametrize("name", TABLE)
def test_each_frame_is_what_the_table_says(name: str, captures, batch) -> None:
    recorded_frames = frames_of(captures, name)
    for frame, expected in zip(recorded_frames, TABLE[name], strict=True):
        decoded = {channel: decode(channel, batch([frame])) for channel in CHANNELS}
        assert not any(found.rejected for found in decoded.values())
        with_rows = [(channel, kind, lists(columns)) for channel, found in decoded.items() for kind, columns in found.rows.items()]
        if isinstance(expected, str):
            assert with_rows == []
            assert expected in {reason for found in decoded.values() for reason in found.ignored}
            continue
        ((channel, kind, columns),) = with_rows
        assert (channel, *set(columns["symbol"]), *{time // 1000 for time in columns["event_at"]}, said(kind, columns)) == expected
        assert [list(found.ignored.values()) for other, found in decoded.items() if other != channel] == [[1]] * 3


#: Of the session of 2021-07-22: frames of tickers, and rows of snapshots and changes, of each instrument. The empty book is one row.
SESSION_ROWS = {
    "BTC-24JUN22-15000-C": (7, 3, 0),
    "BTC-24SEP21-8000-P": (31, 15, 30),
    "BTC-30JUL21-24000-P": (6, 11, 0),
    "ETH-27AUG21-4000-P": (7, 1, 0),
    "ETH-30JUL21-2800-C": (7, 16, 1),
}


def test_a_session_of_options(captures, batch) -> None:
    session = frames_of(captures, SESSION)
    tickers, books = decode("ticker", batch(session)), decode("book", batch(session))
    assert (tickers.rejected, tickers.ignored) == ([], {"book": 36, "ack": 1})
    assert (books.rejected, books.ignored) == ([], {"ticker": 58, "ack": 1})
    symbols = [tickers.rows["tickers"]["symbol"], books.rows["book_snapshots"]["symbol"], books.rows["book_deltas"]["symbol"]]
    assert {name: tuple(found.count(name) for found in symbols) for name in sorted(set().union(*symbols))} == SESSION_ROWS


def test_the_values_of_a_session(captures, batch) -> None:
    session = [frame for frame in frames_of(captures, SESSION) if b'"channel":"ticker.' in frame]
    assert frames._decode_alike("ticker", batch(session)) is not None
    sent = [json.loads(frame)["params"]["data"] for frame in session]
    columns = lists(decode("ticker", batch(session)).rows["tickers"])
    assert columns["symbol"] == [data["instrument_name"] for data in sent]
    assert columns["event_at"] == [data["timestamp"] * 1000 for data in sent]
    for name in ("mark_price", "index_price", "last_price", "open_interest", "underlying_price"):
        assert columns[name] == [data[name] for data in sent], name
    for name in ("mark_iv", "bid_iv", "ask_iv"):
        assert columns[name] == [data[name] or None for data in sent], name
    for name in ("delta", "gamma", "vega", "theta", "rho"):
        assert columns[name] == [data["greeks"][name] for data in sent], name


def test_no_chain_of_the_session_is_broken_and_a_lost_frame_is_found(captures, batch) -> None:
    books = [frame for frame in frames_of(captures, SESSION) if b'"channel":"book.' in frame]
    assert frames._decode_alike("book", batch(books)) is not None

    def breaks(sent: list[bytes]) -> int:
        decoded = decode("book", batch(sent)).rows
        names = sorted(SESSION_ROWS)
        rows = {kind: {**c, "instrument_id": np.array([names.index(s) for s in c["symbol"]])} for kind, c in decoded.items()}
        return len(Chain(BOOK_DELTAS, []).follow(Place("deribit", "book", "0"), rows)[1])

    assert breaks(books) == 0
    changes = [i for i, frame in enumerate(books) if b'"change"' in frame and b"BTC-24SEP21-8000-P" in frame]
    assert [breaks(books[:i] + books[i + 1 :]) for i in changes] == [1] * 29 + [0]


def test_every_recorded_frame_proves_its_instrument(recorded) -> None:
    for frame in recorded("deribit"):
        if frame.startswith(stream.data_prefix) and b'"instrument_name"' in frame:
            data = json.loads(frame)["params"]["data"]
            assert stream.subscription(frame) == (data[0] if isinstance(data, list) else data)["instrument_name"]
