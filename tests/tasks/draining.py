"""Drains opened by hand, and what they have written."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

from core.board import Board
from core.journal import Journal
from core.settings import Settings
from tasks.drain import Drain, Turn
from tasks.lag import Lag

Query = Callable[..., list[tuple[Any, ...]]]


@contextmanager
def opened(farm: Settings, journal: Journal, board: Board, group: int = 0) -> Iterator[tuple[Drain, Turn]]:
    turn = Turn(group)
    with closing(Drain(farm, journal, board, turn, Lag())) as drain:
        drain.open()
        yield drain, turn


def drain_all(farm: Settings, journal: Journal, board: Board) -> Turn:
    with opened(farm, journal, board) as (drain, turn):
        while drain.step():
            pass
    return turn


def ids(query: Query, table: str = "trades", column: str = "trade_id") -> list[int]:
    return [row[0] for row in query(f"SELECT {column} FROM {table} ORDER BY {column}")]
