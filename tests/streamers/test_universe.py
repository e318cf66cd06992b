import dataclasses
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from core import redisdb
from core.board import Board
from core.settings import Collect, Settings
from streamers.universe import Universe
from tests.streamers.peer import TRADES

NOBODY = "redis://127.0.0.1:1/0"


@pytest.fixture
def settings(tmp_path: Path) -> Callable[..., Settings]:
    def make(text: str = "", **collect: Collect) -> Settings:
        (tmp_path / "farm.toml").write_text(text)
        return Settings(farm_home=str(tmp_path / "home"), farm_toml=str(tmp_path / "farm.toml"), collect=collect)

    return make


def board(url: str, prefix: str = "t") -> Board:
    return Board(redisdb.connect(url, timeout_seconds=1), prefix)


def rewrite(settings: Settings, text: str) -> None:
    path = Path(settings.farm_toml)
    path.write_text(text)
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 1_000_000))


def test_nothing_is_known_before_somebody_says_it(settings: Callable[..., Settings], redis_url: str, key_prefix: str) -> None:
    universe = Universe("tiny", settings(), board(redis_url, key_prefix))
    universe.refresh()
    assert (universe.symbols, universe.channels) == (None, None)


def test_the_board_is_followed(settings: Callable[..., Settings], redis_url: str, key_prefix: str) -> None:
    notices = board(redis_url, key_prefix)
    universe = Universe("tiny", settings(tiny=Collect(channels=("trades",))), notices)
    for symbols in (["A", "B"], ["B", "币"]):
        notices.publish_universe("tiny", symbols)
        universe.refresh()
        assert universe.symbols == tuple(symbols)
    assert universe.channels == ("trades",)


def test_an_empty_list_is_taken_for_a_mistake(settings: Callable[..., Settings], redis_url: str, key_prefix: str) -> None:
    notices = board(redis_url, key_prefix)
    universe = Universe("tiny", settings(), notices)
    for symbols in (["A"], []):
        notices.publish_universe("tiny", symbols)
        universe.refresh()
    assert universe.symbols == ("A",)


def test_the_last_list_outlives_redis_and_the_process(settings: Callable[..., Settings], redis_url: str, key_prefix: str) -> None:
    notices = board(redis_url, key_prefix)
    notices.publish_universe("tiny", ["A", "B"])
    Universe("tiny", settings(), notices).refresh()
    universe = Universe("tiny", settings(), board(NOBODY))
    universe.refresh()
    assert universe.symbols == ("A", "B")


def test_listed_symbols_need_no_board(settings: Callable[..., Settings]) -> None:
    universe = Universe("tiny", settings(tiny=Collect(symbols=("X",))), board(NOBODY))
    universe.refresh()
    assert universe.symbols == ("X",)


def test_farm_toml_is_read_again_when_it_changes(settings: Callable[..., Settings]) -> None:
    knobs = settings(tiny=Collect(symbols=("X",)))
    universe = Universe("tiny", knobs, board(NOBODY))
    rewrite(knobs, '[venues.tiny]\nsymbols = ["X", "Y"]\nchannels = ["trades"]')
    universe.refresh()
    assert (universe.symbols, universe.channels) == (("X", "Y"), ("trades",))


@pytest.mark.parametrize("text", ["[venues.tiny]\nsymbols = 3", "not toml", "[venues.tiny]\nsimbols = ['X']"])
def test_a_bad_file_leaves_the_old_one_in_force(settings: Callable[..., Settings], text: str) -> None:
    knobs = settings(tiny=Collect(symbols=("X",)))
    universe = Universe("tiny", knobs, board(NOBODY))
    rewrite(knobs, text)
    universe.refresh()
    assert universe.symbols == ("X",)


def test_a_venue_that_is_switched_off_is_left(settings: Callable[..., Settings]) -> None:
    knobs = settings(tiny=Collect(symbols=("X",)))
    universe = Universe("tiny", knobs, board(NOBODY))
    rewrite(knobs, "[venues.tiny]\nenabled = false")
    universe.refresh()
    assert (universe.symbols, universe.channels) == ((), ())


def test_a_channel_has_the_instruments_or_topics_of_its_own(settings: Callable[..., Settings]) -> None:
    topical = dataclasses.replace(TRADES, topics=("index", "state"))
    unknown = Universe("tiny", settings(tiny=Collect(top=1)), board(NOBODY))
    assert (unknown.names(TRADES), unknown.names(topical)) == (None, ("index", "state"))
    listed = Universe("tiny", settings(tiny=Collect(symbols=("A",))), board(NOBODY))
    assert (listed.names(TRADES), listed.names(topical)) == (("A",), ("index", "state"))


def test_a_venue_taken_out_of_farm_toml_has_no_topics_either(settings: Callable[..., Settings]) -> None:
    knobs = settings("[venues.tiny]\n", tiny=Collect())
    universe = Universe("tiny", knobs, board(NOBODY))
    rewrite(knobs, "")
    universe.refresh()
    assert universe.names(dataclasses.replace(TRADES, topics=("index",))) == ()
