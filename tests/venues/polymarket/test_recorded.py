"""Every recorded frame is rows that stand here by hand, or is left out under the name that stands here."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from tests.venues.polymarket.frames import lists
from venues.polymarket import stream
from venues.polymarket.frames import decode

#: file -> what each frame says. A book: ("book", token, time in ms, first digits of its hash, bids, asks, best bid, best ask), a list of
#: them for an array; changes: ("price_change", ms, (token, side, price, quantity, digits of the hash) each, (token, bid, ask) claimed each);
#: a print: ("trade", token, ms, price, quantity, side, digits of the transaction); a top: ("top", token, ms, bid, ask); a tick size:
#: ("tick", token, ms). None: of no shape we know, and put aside.
FED, SPURS = "11160441", "36015050"
FRAMES: dict[str, list[Any]] = {
    "ws_2024-2025_book_and_tick_size_change.jsonl": [
        ("book", "48331043", 1728799418260, "655a38d4", 76, 86, (0.511, 1304.72), (0.514, 20230.87)),
        ("tick", "11547406", 1739068041853),
    ],
    "ws_archive_2026-02-12_book_a.jsonl": [
        ("book", "55558439", 1770921570954, "32532085", 10, 38, (0.13, 167.0), (0.14, 189.0)),
        ("book", "11108656", 1770921521379, "ee17ec35", 26, 0, (0.999, 103199.78), None),
        ("book", "54686656", 1770921404268, "7a556a9e", 63, 3, (0.996, 119637.81), (0.997, 116890.14)),
        ("book", "16275002", 1770921571355, "5fc94a71", 38, 38, (0.46, 38.13), (0.47, 1401.82)),
        ("book", "83653530", 1770921568637, "6c9d4509", 28, 13, (0.86, 3150.0), (0.87, 5768.34)),
        ("book", "99493011", 1770921546523, "24a48562", 45, 6, (0.991, 197.88), (0.994, 8.58)),
    ],
    "ws_archive_2026-02-12_trade_a.jsonl": [
        ("trade", "16275002", 1770921571394, 0.46, 0.2, -1, "0xdfcc917b"),
        ("trade", "10842970", 1770921572251, 0.49, 5.0, 1, "0x328be078"),
        ("trade", "78493321", 1770921574972, 0.53, 1.0, -1, "0x82acb665"),
        ("trade", "78493321", 1770921575414, 0.54, 37.93, 1, "0x490e378e"),
        ("trade", "16275002", 1770921575967, 0.45, 60.0, -1, "0x28ea3c6b"),
        ("trade", "78493321", 1770921576085, 0.55, 26.0, 1, "0x310a83b4"),
    ],
    "ws_fed_2026-07-20_frames_00-17.jsonl": [
        [("book", FED, 1784578686071, "2e1b9527", 100, 62, (0.924, 24514.9), (0.925, 23597.87))],
        *(
            ("price_change", ms, ((FED, side, price, size, one), (SPURS, -side, other_price, size, other)), CLAIMED)
            for CLAIMED in [((FED, 0.924, 0.925), (SPURS, 0.075, 0.076))]
            for ms, side, price, other_price, size, one, other in [
                (1784578702354, 1, 0.911, 0.089, 50000.0, "0615579b", "58db496c"),
                (1784578702388, 1, 0.911, 0.089, 52250.0, "73196a34", "2308454e"),
                (1784578702421, -1, 0.938, 0.062, 0.0, "eb776ae8", "2b9374fb"),
                (1784578702456, -1, 0.938, 0.062, 2250.0, "8e7ea558", "5a4210b0"),
                (1784578712863, 1, 0.914, 0.086, 1218.81, "6787f9a6", "c46d4ba8"),
                (1784578712864, -1, 0.935, 0.065, 3700.0, "79f54488", "3ca9dbfc"),
                (1784578715156, -1, 0.935, 0.065, 3900.0, "a9bbe5e4", "707b8fb4"),
                (1784578715163, 1, 0.914, 0.086, 1418.81, "206963ae", "c4b22e36"),
                (1784578718513, -1, 0.926, 0.074, 818.1, "7a7e0e0c", "337757fc"),
                (1784578720737, -1, 0.925, 0.075, 23619.51, "e75bb0fb", "03a6422d"),
                (1784578733584, -1, 0.925, 0.075, 23403.29, "0bb18be1", "74a2989e"),
            ]
        ),
        ("book", FED, 1784578733584, "0bb18be1", 100, 62, (0.924, 24514.9), (0.925, 23403.29)),
        ("trade", FED, 1784578733812, 0.925, 216.216215, 1, "0x05cc387a"),
        *(
            ("price_change", ms, ((FED, side, price, size, one), (SPURS, -side, other_price, size, other)), CLAIMED)
            for CLAIMED in [((FED, 0.924, 0.925), (SPURS, 0.075, 0.076))]
            for ms, side, price, other_price, size, one, other in [
                (1784578734209, 1, 0.904, 0.096, 421.23, "f725a9fa", "3b75f2a5"),
                (1784578734259, -1, 0.945, 0.055, 5500.0, "7465d1bd", "7d195b55"),
                (1784578734290, 1, 0.91, 0.09, 10984.96, "dc78ce51", "f2c872d7"),
                (1784578734303, 1, 0.904, 0.096, 1084.23, "1ac717ea", "14a7a903"),
            ]
        ),
    ],
    "ws_single_frames_2026-08-14.jsonl": [
        ("book", "63691357", 1786728432337, "924ec9bc", 2, 2, (0.004, 100.0), (0.009, 25.0)),
        (
            *("price_change", 1786728438403),
            (("40600137", 1, 0.06, 374.34, "f3285de0"), ("79597156", -1, 0.94, 0.0, "bc67a217")),
            (("40600137", 0.07, 0.08), ("79597156", 0.92, 0.93)),
        ),
        ("trade", "72710166", 1786728467101, 0.585, 2.46, -1, "0x6c83cdd2"),
        ("top", "72710166", 1786728467006, 0.585, 0.587),
    ],
    "ws_new_market_resolved_best_bid_ask.jsonl": [
        ("market", "Will NVIDIA (NVDA) close above $240 end of January?", "125819", ("76043073", "31690934"), "0.01"),
        ("resolved", 1766790415550, (("76043073", 1.0), ("31690934", 0.0))),
        ("top", "85354956", 1766789469958, 0.73, 0.77),
    ],
    "ws_tardis_mapper_messages.jsonl": [
        ("book", "50004092", 1778480069765, "45f2026a", 2, 1, (0.59, 15.25), (0.99, 2501.0)),
        [
            ("book", "50004092", 1778480069765, "45f2026a", 1, 1, (0.6, 100.0), (0.98, 200.0)),
            ("book", "11459891", 1778464937192, "8b2d393e", 1, 1, (0.45, 50.0), (0.94, 11.53)),
        ],
        (
            *("price_change", 1778480999942),
            (("32029059", 1, 0.05, 2849.22, "2a784b3f"), ("44076628", -1, 0.95, 2849.22, "2e83aa93")),
            (("32029059", 0.99, 0.0), ("44076628", 0.0, 0.01)),
        ),
        ("price_change", 1778481000000, (("32029059", 1, 0.05, 0.0, "2a784b3f"),), (("32029059", 0.99, 0.0),)),
        (
            *("price_change", 1778481001000),
            (("32029059", 1, 0.06, 120.0, "548f622c"), ("32029059", -1, 0.07, 80.0, "816f43d0")),
            (("32029059", 0.99, 0.0),),
        ),
        ("top", "10287264", 1778480999944, 0.48, 0.51),
        ("top", "10287264", 1778480999945, 0.0, 0.0),
        ("trade", "50004092", 1778480999940, 0.6, 100.0, 1, "abc123def4"),
        ("trade", "50004092", 1778480999950, 0.61, 25.0, -1, "def456abc1"),
        None,  # scores, of another socket
        None,
        ("tick", "50004092", 1778480999940),
        ("market", "Will NVIDIA (NVDA) close above $240 end of January?", "125819", ("76043073", "31690934"), "0.01"),
        ("resolved", 1766790415550, (("76043073", 1.0), ("31690934", 0.0))),
    ],
}


def frames_of(captures: Path, name: str) -> list[bytes]:
    (path,) = (captures / "polymarket").rglob(name)
    entries = [json.loads(line) for line in path.read_text().splitlines()]
    return [entry["raw"].encode() for entry in entries if entry["dir"] == "in"]


def test_the_table_names_every_recording(captures: Path) -> None:
    assert {path.name for path in (captures / "polymarket").rglob("ws_*")} == set(FRAMES)


# --- frames ---------------------------------------------------------------------------------------------------------------


def number(digits: str, hexadecimal: int) -> bool:
    """Whether a number of 63 bits is that of a hash that begins so."""
    return f"{hexadecimal << 1:016x}"[:7] == digits[:7]


def check_book(expected: Any, columns: dict[str, Any], at: int) -> None:
    _, token, ms, digits, bids, asks, best_bid, best_ask = expected
    rows = [row for row in zip(*columns.values(), strict=True) if row[list(columns).index("symbol")].startswith(token)]
    table = [dict(zip(columns, row, strict=True)) for row in rows]
    assert {row["event_at"] for row in table} == {ms * 1000} and {row["frame"] for row in table} == {at}
    assert all(number(digits, row["update_id"]) for row in table)
    sides = {side: {row["price"]: row["quantity"] for row in table if row["side"] == side} for side in (1, -1)}
    assert (len(sides[1]), len(sides[-1])) == (bids, asks)
    assert max(sides[1].items(), default=None) == best_bid and min(sides[-1].items(), default=None) == best_ask


def check_changes(expected: Any, rows: dict[str, Any]) -> None:
    _, ms, changes, claims = expected
    deltas, claimed = lists(rows["book_deltas"]), lists(rows["book_claims"])
    assert set(deltas["event_at"]) == set(claimed["event_at"]) == {ms * 1000}
    told = {(symbol[:8], *rest) for symbol, *rest in zip(*(deltas[name] for name in ("symbol", "side", "price", "quantity")), strict=True)}
    assert told == {change[:4] for change in changes} and len(deltas["symbol"]) == len(changes)
    digits = {change[:4]: change[4] for change in changes}
    for symbol, side, price, quantity, update_id in zip(
        *(deltas[name] for name in ("symbol", "side", "price", "quantity", "update_id")), strict=True
    ):
        assert number(digits[symbol[:8], side, price, quantity], update_id)
    tops = {(symbol[:8], *rest) for symbol, *rest in zip(*(claimed[name] for name in ("symbol", "bid_price", "ask_price")), strict=True)}
    assert tops == set(claims)


def check_one(expected: Any, decoded: Any) -> None:
    rows = decoded.rows
    match expected[0]:
        case "price_change":
            assert set(rows) == {"book_deltas", "book_claims"}
            check_changes(expected, rows)
        case "trade":
            (found,) = zip(*(lists(rows["trades"])[name] for name in ("symbol", "event_at", "price", "quantity", "side")), strict=True)
            assert (found[0][:8], found[1] // 1000, *found[2:]) == expected[1:6]
            assert rows["trades"]["venue_trade_id"][0].startswith(expected[6])
        case "top":
            (found,) = zip(*(lists(rows["book_claims"])[name] for name in ("symbol", "event_at", "bid_price", "ask_price")), strict=True)
            assert (found[0][:8], found[1] // 1000, *found[2:]) == expected[1:]
        case "tick":
            found = lists(rows["book_epochs"])
            assert (found["symbol"][0][:8], found["event_at"]) == (expected[1], [expected[2] * 1000])
        case "resolved":
            found = lists(rows["resolutions"])
            assert set(found["event_at"]) == {expected[1] * 1000}
            assert tuple((symbol[:8], payout) for symbol, payout in zip(found["symbol"], found["payout"], strict=True)) == expected[2]
        case "market":
            ((market,), instruments) = decoded.markets, decoded.instruments
            assert (market.title, market.event_id, tuple(token[:8] for token, _ in market.outcomes)) == expected[1:4]
            assert [(one.symbol[:8], one.tick_size) for one in instruments] == [(token, expected[4]) for token in expected[3]]
        case other:
            raise AssertionError(other)


@pytest.mark.parametrize("name", FRAMES)
def test_each_frame_is_what_the_table_says(name: str, captures: Path, batch: Any) -> None:
    for frame, expected in zip(frames_of(captures, name), FRAMES[name], strict=True):
        decoded = decode("market", batch([frame]))
        assert len(decoded.rejected) == (1 if expected is None else 0)
        assert decoded.ignored == {}
        books = expected if isinstance(expected, list) else [expected] if expected and expected[0] == "book" else []
        if books:
            assert set(decoded.rows) == {"book_states", "book_snapshots"}
            assert [symbol[:8] for symbol in decoded.rows["book_states"]["symbol"]] == [book[1] for book in books]
            for book in books:
                check_book(book, lists(decoded.rows["book_snapshots"]), 0)
        elif isinstance(expected, tuple):
            check_one(expected, decoded)


def test_every_recorded_frame_proves_its_tokens(captures: Path) -> None:
    for name in FRAMES:
        if "2024" in name or "archive" in name:
            continue  # sorted by a recorder: the token stands behind the levels
        for frame in frames_of(captures, name):
            event = json.loads(frame)
            events = event if isinstance(event, list) else [event]
            named = [row for one in events for row in (one.get("price_changes") or [one]) if "asset_id" in row]
            assert stream.subscription(frame).split() == list(dict.fromkeys(row["asset_id"] for row in named))


# --- a book replayed ------------------------------------------------------------------------------------------------------


def summary_hash(market: str, token: str, ms: int, sides: dict[int, dict[str, str]], last: str) -> str:
    """The venue's recipe: SHA-1 of the summary with an empty hash, best prices last."""
    rows = {
        side: [{"price": price, "size": size} for price, size in sorted(levels.items(), key=lambda row: side * float(row[0]))]
        for side, levels in sides.items()
    }
    summary = {"market": market, "asset_id": token, "timestamp": str(ms), "hash": "", "bids": rows[1], "asks": rows[-1]}
    summary |= {"min_order_size": "5", "tick_size": "0.001", "neg_risk": True, "last_trade_price": last}
    return hashlib.sha1(json.dumps(summary, separators=(",", ":")).encode(), usedforsecurity=False).hexdigest()


def complement(price: str) -> str:
    return f"{1 - float(price):.4f}".rstrip("0")


def test_a_book_replayed_from_the_recording_is_the_recorded_book(captures: Path, batch: Any) -> None:
    """From the first book through eleven changes to the second; levels and top, and nothing else."""
    session = frames_of(captures, "ws_fed_2026-07-20_frames_00-17.jsonl")
    book: dict[int, dict[float, float]] = {1: {}, -1: {}}
    states = 0
    for frame in session:
        rows = {kind: lists(columns) for kind, columns in decode("market", batch([frame])).rows.items()}
        for symbol, side, price, quantity in levels(rows.get("book_deltas")):
            if symbol.startswith(FED):
                book[side][price] = quantity
                if not quantity:
                    del book[side][price]
        told: dict[int, dict[float, float]] = {1: {}, -1: {}}
        for _, side, price, quantity in levels(rows.get("book_snapshots")):
            told[side][price] = quantity
        if told[1]:
            assert states == 0 or told == book, "the second whole state is what the changes made of the first"
            book, states = told, states + 1
        claims = rows.get("book_claims", {"symbol": []})
        for i, symbol in enumerate(claims["symbol"]):
            if symbol.startswith(FED):
                assert (claims["bid_price"][i], claims["ask_price"][i]) == (max(book[1]), min(book[-1]))
    assert states == 2


def levels(columns: Any) -> list[tuple[str, int, float, float]]:
    return list(zip(*(columns[name] for name in ("symbol", "side", "price", "quantity")), strict=True)) if columns else []


def test_every_recorded_hash_is_that_of_the_replayed_book(captures: Path) -> None:
    """Both tokens: the book of the other one, never sent, is the mirror of this one, and the last trade is the market's, not the
    token's. So each change proves the whole book after it, where the market's parameters and its last trade are known."""
    session = [json.loads(frame) for frame in frames_of(captures, "ws_fed_2026-07-20_frames_00-17.jsonl")]
    (first,) = session[0]
    sides = {1: {row["price"]: row["size"] for row in first["bids"]}, -1: {row["price"]: row["size"] for row in first["asks"]}}
    proven = 0
    for event in session[1:]:
        for change in event.get("price_changes", []):
            own = change["asset_id"] == first["asset_id"]
            side = 1 if (change["side"] == "BUY") == own else -1
            price = change["price"] if own else complement(change["price"])
            sides[side].pop(price, None)
            if change["size"] != "0":
                sides[side][price] = change["size"]
            mirror = {-side: {complement(price): size for price, size in rows.items()} for side, rows in sides.items()}
            state = sides if own else mirror
            assert summary_hash(event["market"], change["asset_id"], int(event["timestamp"]), state, "0.925") == change["hash"]
            proven += 1
    assert proven == 30
