"""Names that a venue or a user may give and that mean something to SQL, COPY, str.format, JSON or a terminal: stored as they are, or kept in
quarantine whole; never executed, and never in the way of others."""

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from core import journal as journals
from core.board import Board
from core.journal import Journal, StreamName
from core.settings import ROOT, Settings, read_farm_toml
from tests.tasks.conftest import QUOTES, TRADES, Socket, quote, trade
from tests.tasks.test_drain import drain_all
from venues import VENUES

METADATA = StreamName("binance", "exchangeInfo")
Query = Callable[..., list[tuple[Any, ...]]]

#: They are names like any other.
ODD = {
    "quote": "Robert'); DROP TABLE trades; --",
    "double quote": 'a"b"',
    "dollars": "$$; SELECT pg_sleep(60); $$",
    "backslashes": "\\.\\N\\\\x00\\",
    "tab and newlines": "a\tb\nc\r\n\\.\n",
    "placeholders": "%s %(x)s {} {0} {symbol!r} :name ${x}",
    "array": '{1,2},NULL,"',
    "right to left": "\u202eTDSU\u2066\u200f",
    "combining": "e\u0301\u0301\u0301",
    "beyond the BMP": "😀🏴󠁧󠁢",
    "controls": "\x1b[2J\x07\x7f\x01",
    "blank": " ",
    "markup": "[/bold][red]x[/]\\[",
    "a key of ours": "tapefarm:journal:*",
    "a path": "../../../etc/passwd",
}
#: What PostgreSQL's text or an index cannot hold, and what is longer than any name.
IMPOSSIBLE = {
    "nul": "a\x00b",
    "long": "L" * 500,
    "very long": "".join(random.Random(1).choices("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", k=20_000)),
}


@pytest.mark.parametrize("name", ODD.values(), ids=ODD)
def test_an_odd_name_is_a_name(farm: Settings, journal: Journal, board: Board, query: Query, name: str) -> None:
    trades, quotes = Socket(journal, TRADES, "t"), Socket(journal, QUOTES, "q")
    trades.send(trade(1), trade(2, name), trade(3))
    quotes.send(quote(7, name))
    drain_all(farm, journal, board)
    assert query("SELECT symbol FROM instruments ORDER BY symbol = 'BTCUSDT'") == [(name,), ("BTCUSDT",)]
    assert query("SELECT agg_trade_id FROM marketdata.agg_trades WHERE symbol = %s", (name,)) == [(2,)]
    assert query("SELECT count(*) FROM marketdata.agg_trades") == [(3,)]
    assert query("SELECT update_id FROM marketdata.book_ticker WHERE symbol = %s", (name,)) == [(7,)]
    assert query("SELECT reason FROM quarantine") == []


@pytest.mark.parametrize("name", IMPOSSIBLE.values(), ids=IMPOSSIBLE)
def test_a_name_that_cannot_be_stored_is_kept_with_its_frame_and_costs_no_other(
    farm: Settings, journal: Journal, board: Board, query: Query, name: str
) -> None:
    socket = Socket(journal, TRADES, "t")
    frame = trade(2, name)
    socket.send(trade(1), frame, trade(3))
    drain_all(farm, journal, board)
    assert query("SELECT trade_id FROM trades ORDER BY 1") == [(1,), (3,)]
    assert query("SELECT symbol FROM instruments") == [("BTCUSDT",)]
    assert [bytes(raw) for (raw,) in query("SELECT raw FROM quarantine")] == [frame]


@pytest.mark.parametrize("name", ["\\ud800", "\\udfff\\ud800"])
def test_half_of_a_character_is_no_text(farm: Settings, journal: Journal, board: Board, query: Query, name: str) -> None:
    socket = Socket(journal, TRADES, "t")
    frame = trade(2, "HERE").replace(json.dumps("HERE").encode(), f'"{name}"'.encode())
    socket.send(trade(1), frame, trade(3))
    drain_all(farm, journal, board)
    assert query("SELECT trade_id FROM trades ORDER BY 1") == [(1,), (3,)]
    assert [bytes(raw) for (raw,) in query("SELECT raw FROM quarantine")] == [frame]


def listing(symbol: str, **changes: object) -> dict[str, object]:
    """One symbol of a reply of exchangeInfo."""
    return {
        "symbol": symbol,
        "status": "TRADING",
        "baseAsset": "BTC",
        "quoteAsset": "USDT",
        "contractType": "PERPETUAL",
        "onboardDate": 1569398400000,
        "deliveryDate": 4133404800000,
        "filters": [
            {"filterType": "PRICE_FILTER", "tickSize": "0.10"},
            {"filterType": "LOT_SIZE", "stepSize": "0.001"},
        ],
    } | changes


def test_odd_words_of_a_reply_are_kept_with_the_history_of_their_instruments(
    farm: Settings, journal: Journal, board: Board, query: Query
) -> None:
    words = list(ODD.values())
    for round_number, status in enumerate(("TRADING", "'; DROP TABLE instruments; --"), start=1):
        symbols = [listing(word, baseAsset=word, contractType=word, status=status) for word in words]
        body = json.dumps({"symbols": symbols}).encode()
        at_us = time.time_ns() // 1000
        journal.append([(METADATA, journals.reply_fields("r", round_number, body, at_us, {"poll": "exchangeInfo", "params": {}}))])
        drain_all(farm, journal, board)
    assert query("SELECT reason FROM quarantine") == []
    found = query("SELECT symbol, base_asset, contract_type, status FROM instruments")
    assert sorted(found) == sorted((word, word, word, "'; DROP TABLE instruments; --") for word in words)
    assert query("SELECT count(*), count(DISTINCT base_asset) FROM instrument_history WHERE valid_to IS NOT NULL") == [
        (len(words), len(words))
    ]


# --- what users give ------------------------------------------------------------------------------------------------------
@pytest.fixture
def command(fresh_database_url: str, redis_url: str, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    environ = {**os.environ, "DATABASE_URL": fresh_database_url, "REDIS_URL": redis_url, "FARM_HOME": str(tmp_path)}

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        argv = [sys.executable, "-m", "ops", *words]
        return subprocess.run(argv, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=60, check=False)

    return run


@pytest.mark.slow
def test_odd_words_of_a_command_are_looked_for_and_found(command: Callable[..., subprocess.CompletedProcess[str]], query: Query) -> None:
    names = [ODD[name] for name in ("quote", "placeholders", "array", "right to left", "controls", "markup")]
    for name in names:
        query(
            "INSERT INTO instruments (venue, symbol, status, first_seen_at, updated_at) VALUES ('binance', %s, 'open', now(), now())",
            (name,),
        )
    query(
        "INSERT INTO coverage SELECT 'binance', 'aggTrade', instrument_id, '2026-11-03 10:00+00', 'verified', 3600, 0, 0, 0, 0, NULL, now() "
        "FROM instruments"
    )
    query(
        "INSERT INTO data_gaps (venue, channel, shard, instrument_id, cause, event_from, event_to, state) SELECT 'binance', 'aggTrade', '0', "
        "instrument_id, 'sequence', '2026-11-03 10:10+00', '2026-11-03 10:20+00', 'missing' FROM instruments"
    )
    day = ("--from", "2026-11-03", "--to", "2026-11-04")
    shown = command("coverage", "binance", "aggTrade", "*", *day)
    assert (shown.returncode, "\x1b" in shown.stdout) == (0, False), shown.stderr
    for name in (names[0], names[1]):
        done = command("coverage", "binance", "aggTrade", name, *day, "--json")
        assert [channel["instruments"] for channel in json.loads(done.stdout)["channels"]] == [1], "it is the one that is looked for"
    asked = command("backfill", "binance", "aggTrade", *day, "--instruments", ",".join(names), "--detach")
    assert "Traceback" not in asked.stderr, asked.stderr
    assert query("SELECT count(*) FROM instruments") == [(len(names),)]


@pytest.mark.slow
@pytest.mark.parametrize("word", ["'; DROP TABLE trades; --", "%s", "{}"])
def test_odd_words_that_name_nothing_are_one_sentence(
    command: Callable[..., subprocess.CompletedProcess[str]], query: Query, word: str
) -> None:
    for words in (("coverage", "binance", word), ("backfill", word, word, "--from", "2026-11-03")):
        done = command(*words)
        assert done.returncode != 0 and "Traceback" not in done.stderr, (words, done.stderr)
        assert word in done.stderr.replace("\n", " ")
    assert query("SELECT to_regclass('trades') IS NOT NULL") == [(True,)]


@pytest.mark.parametrize("name", ODD.values(), ids=ODD)
def test_an_odd_name_of_farm_toml_reaches_the_venue_as_it_is_written(tmp_path: Path, name: str) -> None:
    (tmp_path / "farm.toml").write_text('[venues.binance]\nsymbols = ["' + "".join(f"\\U{ord(letter):08x}" for letter in name) + '"]\n')
    (chosen,) = read_farm_toml(tmp_path / "farm.toml")["binance"].symbols
    assert chosen == name
    for venue in VENUES.values():
        for channel in venue.channels:
            for text in venue.stream.subscribe(channel, [chosen], 1):
                json.loads(text)
            address = venue.stream.url("wss://venue.example", channel, [chosen])
            assert urlsplit(address).hostname == "venue.example" and not set(address) & set("\r\n\t ")
