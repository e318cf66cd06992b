"""The comparison with the other tool, as far as it can be told without it: what its script does around it, and what ours makes of it."""

from pathlib import Path

import pytest

from bench import cryptofeed, cryptofeed_script, frames


def test_the_script_needs_nothing_of_ours() -> None:
    lines = cryptofeed.SCRIPT.read_text().splitlines()
    imported = {line.split()[1].split(".")[0] for line in lines if line.strip().startswith(("import ", "from "))}
    assert imported <= {"asyncio", "json", "sys", "time", "pathlib", "asyncpg", "cryptofeed", "uvloop"}


def test_its_symbols_come_from_the_frames() -> None:
    texts = [frame.decode() for frame in frames.Quotes()(frames.market_us(3_000))]
    assert set(cryptofeed_script.symbols_of(texts)) <= set(frames.SYMBOLS)


def test_its_tables_have_its_columns() -> None:
    assert "bid NUMERIC" in cryptofeed_script.ddl("ticker")
    assert "trade_id VARCHAR" in cryptofeed_script.ddl("trades")


def test_it_is_given_its_own_best_grouping(monkeypatch: pytest.MonkeyPatch) -> None:
    peer = object.__new__(cryptofeed.Peer)
    monkeypatch.setattr(cryptofeed.Peer, "rate", lambda self, table, texts, group: {100: 1.0, 1_000: 3.0, 10_000: 2.0}[group])
    assert peer.best_group("ticker", []) == 1_000


def test_every_package_is_pinned_and_none_is_in_the_requirements() -> None:
    pins = [line for line in cryptofeed.PINS.read_text().splitlines() if line[:1].isalnum()]
    assert pins and all("==" in pin for pin in pins)
    root = Path(cryptofeed.__file__).parents[1]
    assert not any("cryptofeed" in path.read_text() for path in root.glob("requirements*"))
