"""core.board: facts that one process tells the others."""

import pytest

from core import redisdb
from core.board import RESYNC_SECONDS, VITAL_SECONDS, Board


@pytest.fixture
def board(redis_client: redisdb.Client, key_prefix: str) -> Board:
    return Board(redis_client, key_prefix)


def test_a_universe_keeps_its_order_and_any_name(board: Board) -> None:
    assert board.universe("somewhere") is None, "nobody has published: not the same as nothing to record"
    board.publish_universe("somewhere", ["BTCUSDT", "币安人生USDT", "A:B*"])
    board.publish_universe("elsewhere", [])
    assert board.universe("somewhere") == ["BTCUSDT", "币安人生USDT", "A:B*"]
    assert board.universe("elsewhere") == []


def test_vitals_are_told_apart_by_kind(board: Board) -> None:
    board.report("drain:a", {"rows": 1})
    board.report("drain:b", {"rows": 2})
    board.report("drainage:a", {"rows": 3})
    assert board.vitals("drain") == {"drain:a": {"rows": 1}, "drain:b": {"rows": 2}}
    assert board.vitals("streamer") == {}


def test_the_last_word_stands(board: Board) -> None:
    board.report("drain:a", {"rows": 1})
    board.report("drain:a", {"state": "ü"})
    assert board.vitals("drain") == {"drain:a": {"state": "ü"}}


def test_a_dead_process_stops_speaking(board: Board, redis_client: redisdb.Client, key_prefix: str) -> None:
    board.report("drain:a", {})
    assert 0 < redis_client.ttl(f"{key_prefix}:vital:drain:a") <= VITAL_SECONDS


def test_a_wish_for_a_whole_state_is_taken_once_and_by_its_stream_alone(board: Board) -> None:
    board.ask_resync("v:book:0:a", ["A", "币"])
    board.ask_resync("v:book:0:a", ["A"])
    board.ask_resync("v:book:1:a", [])
    assert board.resyncs(["v:book:0:a", "v:book:2:a"]) == {"v:book:0:a": ["A", "币"]}
    assert board.resyncs(["v:book:0:a", "v:book:1:a"]) == {"v:book:1:a": [""]}, "no symbols: all of them"
    assert board.resyncs([]) == {}


def test_a_wish_for_new_connections_is_taken_once(board: Board) -> None:
    board.ask_rotation("v:book:0:a")
    assert board.rotations(["v:book:1:a", "v:book:0:a"]) == ["v:book:0:a"]
    assert board.rotations(["v:book:0:a"]) == [] == board.rotations([])


def test_a_wish_that_nobody_takes_is_forgotten(board: Board, redis_client: redisdb.Client, key_prefix: str) -> None:
    board.ask_resync("v:book:0:a", ["A"])
    assert 0 < redis_client.ttl(f"{key_prefix}:resync:v:book:0:a") <= RESYNC_SECONDS


def test_the_place_of_each_symbol_is_told_by_channel(board: Board) -> None:
    assert (board.shards("v:0:1"), board.placed_channels("v:0:1")) == ({}, set())
    board.tell_shards("v:0:1", "trades", {0: ["A", "币"], 12: ["B"]})
    board.tell_shards("v:0:1", "book", {})
    board.tell_shards("v:0:1", "book", {3: ("A",)})
    assert board.shards("v:0:1") == {"trades": {0: ["A", "币"], 12: ["B"]}, "book": {3: ["A"]}}
    assert board.placed_channels("v:0:1") == {"trades", "book"}
    assert board.shards("v:1:2") == {}


def test_failures_of_tasks_are_counted_by_task(board: Board) -> None:
    assert board.failures() == {}
    for task in ("tasks.a", "tasks.b", "tasks.a"):
        board.count_failure(task)
    assert board.failures() == {"tasks.a": 2, "tasks.b": 1}
