"""`./farm tail`: what the journal is told is shown as ticks, a line each, and nothing of it is touched."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from core.board import Board
from core.journal import Journal, StreamName, data_fields
from core.redisdb import Client
from core.settings import ROOT
from ops.cli import environment
from ops.cli.errors import Refused
from ops.cli.tail import channels_of, chosen, document, line, require_instrument, told, wanted
from ops.cli.ticks import LOOK_ENTRIES, LOOK_FRAMES, Missed, Tick, Ticks
from tests.tasks.conftest import QUOTES, TRADES, Socket, quote, trade
from venues import VENUES

Started = Callable[..., "subprocess.Popen[str]"]
BINANCE = VENUES["binance"]


@pytest.fixture
def journal(redis_client: Client, key_prefix: str) -> Journal:
    return Journal(redis_client, key_prefix)


def following(journal: Journal, *channels: str, instrument: str | None = None, replica: str | None = None) -> Ticks:
    return Ticks(journal, BINANCE, channels or ("aggTrade", "bookTicker"), wanted(instrument), replica)


def test_what_comes_is_shown_in_its_order_and_what_was_there_is_not(journal: Journal) -> None:
    trades, quotes = Socket(journal, TRADES, "c"), Socket(journal, QUOTES, "d")
    trades.send(trade(1))
    ticks = following(journal)
    trades.send(trade(2), trade(3, "ETHUSDT"))
    quotes.send(quote(7))
    trades.send(trade(4), times=2)  # a retry that had arrived all the same
    found = list(ticks.look(10))
    assert [(one.kind, one.symbol, one.values.get("trade_id")) for one in found] == [
        ("trades", "BTCUSDT", 2),
        ("trades", "ETHUSDT", 3),
        ("quotes", "BTCUSDT", None),
        ("trades", "BTCUSDT", 4),
    ]
    assert found[2].values == {"update_id": 7, "bid_price": 1.5, "bid_quantity": 2.0, "ask_price": 1.6, "ask_quantity": 3.0}
    assert told(ticks.missed) == ""


def test_within_one_millisecond_of_the_journal_streams_are_shown_by_when_they_were_received(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def entry(id: bytes, connection: str, batch: int, frame: bytes, received_us: int) -> tuple[bytes, dict[bytes, bytes]]:
        return id, data_fields(connection, batch, [frame], [received_us])

    came = [
        (TRADES, [entry(b"5-0", "c", 1, trade(1), 10), entry(b"5-1", "c", 2, trade(2), 20)]),
        (QUOTES, [entry(b"4-9", "d", 1, quote(3), 40), entry(b"5-0", "d", 2, quote(4), 30)]),
    ]
    monkeypatch.setattr(journal, "read", lambda *_, **__: came)
    found = [one.values.get("trade_id") or one.values["update_id"] for one in following(journal).look(10)]
    assert found == [3, 1, 2, 4]


def test_one_channel_and_a_pattern_of_symbols(journal: Journal) -> None:
    trades, quotes = Socket(journal, TRADES, "c"), Socket(journal, QUOTES, "d")
    ticks = following(journal, "aggTrade", instrument="ETH*")
    trades.send(trade(1), trade(2, "ETHUSDT"))
    quotes.send(quote(7, "ETHUSDT"))
    assert [one.values["trade_id"] for one in ticks.look(10)] == [2]


def test_replicas_say_the_same_so_one_is_shown_and_a_stream_that_comes_later_is_found(journal: Journal) -> None:
    Socket(journal, TRADES, "c").send(trade(1))
    ticks = following(journal)
    Socket(journal, StreamName("binance", "aggTrade", "0", "b"), "e").send(trade(2))
    Socket(journal, StreamName("binance", "aggTrade", "1"), "f").send(trade(3, "ETHUSDT"))
    ticks.look_for_streams()
    assert [one.values["trade_id"] for one in ticks.look(10)] == [3]


def test_what_comes_too_fast_is_passed_over_and_counted(journal: Journal) -> None:
    socket = Socket(journal, TRADES, "c")
    ticks = following(journal)
    for begin in range(0, LOOK_FRAMES + 600, 100):
        socket.send(*(trade(number) for number in range(begin, begin + 100)))
    found = [one.values["trade_id"] for one in ticks.look(10)]
    assert found == list(range(600, LOOK_FRAMES + 600))
    assert told(ticks.missed) == "600 frames came faster than they can be shown, and were passed over"


def test_what_the_journal_forgets_meanwhile_is_counted(journal: Journal) -> None:
    socket = Socket(journal, TRADES, "c")
    ticks = following(journal)
    socket.send(trade(1))
    assert len(list(ticks.look(10))) == 1
    for number in range(2, 6):
        socket.send(trade(number))
        if number == 4:
            journal.trim({TRADES: journal.last_id(TRADES) or ""})
    assert [one.values["trade_id"] for one in ticks.look(10)] == [5]
    assert told(ticks.missed) == "3 batches were gone from the journal before they were looked at"


def test_a_look_is_bounded_and_goes_on_where_the_last_one_was(journal: Journal) -> None:
    socket = Socket(journal, TRADES, "c")
    ticks = following(journal)
    for number in range(LOOK_ENTRIES + 3):
        socket.send(trade(number))
    assert len(list(ticks.look(10))) == LOOK_ENTRIES and [one.values["trade_id"] for one in ticks.look(10)] == [32, 33, 34]


def test_a_frame_that_cannot_be_read_is_counted_and_the_others_are_shown(journal: Journal) -> None:
    socket = Socket(journal, TRADES, "c")
    ticks = following(journal)
    socket.send(trade(1), b'{"stream":"torn', trade(2))
    assert [one.values["trade_id"] for one in ticks.look(10)] == [1, 2]
    assert told(ticks.missed).startswith("1 frames cannot be read: ")


def test_it_touches_nothing_of_the_journal(journal: Journal, redis_client: Client, key_prefix: str) -> None:
    socket = Socket(journal, TRADES, "c")
    ticks = following(journal)
    socket.send(trade(1))
    before = {key: redis_client.dump(key) for key in redis_client.scan_iter(match=f"{key_prefix}:*")}
    assert list(ticks.look(10))
    assert {key: redis_client.dump(key) for key in redis_client.scan_iter(match=f"{key_prefix}:*")} == before


# --- lines ----------------------------------------------------------------------------------------------------------------
TICK = Tick("aggTrade", "trades", "BTC\x1b[2J", 1_795_401_669_248_000, 1_795_401_669_250_123, {"trade_id": 9, "price": 0.1, "side": -1})


def test_a_line_has_our_clock_and_the_values_and_says_where_it_is_cut() -> None:
    whole = "02:41:09.250123 BTC\\x1b[2J trades price=0.1 side=-1 trade_id=9"
    assert (line(TICK, None), line(TICK, 80), line(TICK, 30)) == (whole, whole, whole[:29] + "…")


def test_a_document_has_both_clocks_to_the_microsecond() -> None:
    assert json.loads(document(TICK)) == {
        "channel": "aggTrade",
        "kind": "trades",
        "symbol": "BTC\x1b[2J",
        "event_at": "2026-11-23T02:41:09.248000Z",
        "received_at": "2026-11-23T02:41:09.250123Z",
        "trade_id": 9,
        "price": 0.1,
        "side": -1,
    }


@pytest.mark.parametrize("name", [None, "BTCUSDT", "BTC*", "*"])
def test_an_instrument_that_is_recorded_may_be_named(name: str | None) -> None:
    require_instrument(BINANCE, ["aggTrade"], name, ["BTCUSDT", "ETHUSDT"])


def test_one_that_is_not_is_answered_with_those_that_look_alike() -> None:
    with pytest.raises(Refused, match=r"No instrument 'btcusd' is recorded of binance: BTCUSDT, .*are among its 2."):
        require_instrument(BINANCE, ["aggTrade"], "btcusd", ["BTCUSDT", "ETHUSDT"])
    require_instrument(BINANCE, ["exchangeInfo"], "btcusd", ["BTCUSDT"])  # a poll tells of others too
    require_instrument(BINANCE, ["aggTrade"], "btcusd", None)  # nobody knows yet what is recorded


def test_nothing_missed_is_nothing_told() -> None:
    assert told(Missed()) == ""


# --- as it is typed -------------------------------------------------------------------------------------------------------
@pytest.fixture
def typed(redis_url: str, key_prefix: str, tmp_path: object) -> Started:
    """`./farm tail WORDS`, begun."""
    kept = {name: value for name, value in os.environ.items() if not environment.is_setting(name)}
    own = {"FARM_HOME": str(tmp_path), "REDIS_URL": redis_url, "KEY_PREFIX": key_prefix, "DATABASE_URL": "postgresql://127.0.0.1:1/none"}

    def start(*words: str) -> "subprocess.Popen[str]":
        argv = [sys.executable, "-m", "ops", "tail", *words]
        return subprocess.Popen(argv, cwd=ROOT, env=kept | own, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    return start


@contextmanager
def market(journal: Journal) -> Iterator[None]:
    """Trades, one after another, until the end."""
    over = threading.Event()

    def trades() -> None:
        socket, number = Socket(journal, TRADES, "c"), 0
        while not over.wait(0.02):
            number += 1
            socket.send(trade(number), trade(number, "ETHUSDT"))

    thread = threading.Thread(target=trades)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def test_it_shows_the_market_as_documents_and_ends_after_so_many(typed: Started, journal: Journal) -> None:
    with market(journal):
        out, err = typed("binance", "aggTrade", "ETHUSDT", "--json", "-n", "3").communicate(timeout=60)
    told = [json.loads(one) for one in out.splitlines()]
    first = told[0]["trade_id"]
    assert [(one["symbol"], one["kind"], one["trade_id"]) for one in told] == [("ETHUSDT", "trades", first + n) for n in range(3)]
    assert err == ""


@pytest.mark.parametrize("how", ["interrupted", "closed", "closed while nothing comes"])
def test_ctrl_c_and_a_closed_pipe_end_it_quietly(how: str, typed: Started, journal: Journal) -> None:
    with typed("binance") as process:
        assert process.stdout is not None and process.stderr is not None
        with market(journal):
            assert " trades price=100.5 quantity=2" in process.stdout.readline()
            if how == "closed":
                process.stdout.close()
                assert process.wait(60) == 0
        if how == "interrupted":
            process.send_signal(signal.SIGINT)
        elif how == "closed while nothing comes":
            process.stdout.close()
        assert process.wait(60) == 0
        assert process.stderr.read() == ""


def test_what_there_is_not_is_a_sentence_with_what_there_is(typed: Started, redis_client: Client, key_prefix: str) -> None:
    with pytest.raises(Refused, match=f"There is no venue 'nyse': there are {', '.join(sorted(VENUES))}"):
        chosen("nyse")
    with pytest.raises(Refused, match="binance has no channel 'trades': there are bookTicker, aggTrade, and the polls exchangeInfo"):
        channels_of(BINANCE, "trades")
    Board(redis_client, key_prefix).publish_universe("binance", ["BTCUSDT", "ETHUSDT"])
    process = typed("binance", "aggTrade", "BTCUSD")
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (2, "") and "No instrument 'BTCUSD' is recorded of binance: BTCUSDT" in err
