"""tasks.storage: a changed farm.toml is in force at the next run, and what its guards hold stays."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from core.settings import SettingsError
from core.storage import KEPT
from tasks import storage

Query = Callable[..., list[tuple[Any, ...]]]
ALLOWED = {"archived": lambda _, chunk: chunk.until, "rolled up": lambda _, chunk: chunk.until}


@pytest.fixture
def farm_toml(worker: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "farm.toml"
    path.write_text("")
    worker(FARM_TOML=str(path), FARM_HOME=str(tmp_path))
    monkeypatch.setattr(storage, "GUARDS", ALLOWED)
    return path


def test_what_changed_in_farm_toml_is_in_force_at_the_next_run(farm_toml: Path) -> None:
    assert storage.apply() == {"changed": []}
    farm_toml.write_text('[storage.trades]\ndrop_after = "30 days"\n[storage.candles]\nchunk = "7 days"\n')
    assert storage.apply() == {"changed": ["trades", "candles"]}
    assert storage.apply() == {"changed": []}
    farm_toml.write_text("")
    assert storage.apply() == {"changed": ["trades", "candles"]}


def test_a_line_that_cannot_be_used_changes_nothing_and_is_told(farm_toml: Path, query: Query) -> None:
    farm_toml.write_text('[storage.trades]\ndrop_after = "30 days"\n[storage.quotes]\nchunk = "a day"\n')
    with pytest.raises(SettingsError, match=r"storage\.quotes\.chunk='a day' cannot be used"):
        storage.apply()
    assert query("SELECT count(*) FROM storage WHERE drop_after IS NOT NULL") == [(0,)]


def test_each_table_is_dropped_as_far_as_its_guards_go(farm_toml: Path, query: Query, monkeypatch: pytest.MonkeyPatch) -> None:
    farm_toml.write_text('[storage.trades]\ndrop_after = "30 days"\n[storage.quotes]\ndrop_after = "30 days"\n')
    storage.apply()
    query("INSERT INTO trades SELECT now() - n * INTERVAL '1 day', now(), 1, n, 1, 1, 1 FROM generate_series(0, 34) n")
    query("INSERT INTO quotes SELECT now() - n * INTERVAL '1 day', now(), 1, n, 1, 1, 1, 1 FROM generate_series(0, 34) n")
    oldest = query("SELECT min(until) FROM storage_expired()")[0][0]
    monkeypatch.setattr(storage, "GUARDS", {**ALLOWED, "rolled up": lambda _, c: oldest + timedelta(days=2 if c.table == "trades" else 0)})
    assert storage.drop() == {"dropped": 3 + 1, "held": {"quotes": ["rolled up"], "trades": ["rolled up"]}}
    assert query("SELECT count(*) FROM trades") + query("SELECT count(*) FROM quotes") == [(32,), (34,)]
    monkeypatch.setattr(storage, "GUARDS", ALLOWED)
    storage.drop()
    assert storage.drop() == {"dropped": 0, "held": {}}
    assert query("SELECT count(*) FROM trades") == query("SELECT count(*) FROM quotes") == [(31,)]


def test_what_is_neither_archived_nor_rolled_up_stays_and_an_archive_that_is_off_is_not_waited_for(
    worker: Callable[..., None], tmp_path: Path, query: Query
) -> None:
    path = tmp_path / "farm.toml"
    path.write_text('[storage.trades]\ndrop_after = "30 days"\n[storage.tickers]\ndrop_after = "30 days"\n')
    worker(FARM_TOML=str(path), FARM_HOME=str(tmp_path), ARCHIVE="on")
    storage.apply()
    query("INSERT INTO trades SELECT now() - INTERVAL '40 days', now(), 1, 1, 1, 1, 1")
    query("INSERT INTO tickers (event_at, received_at, instrument_id) SELECT now() - INTERVAL '40 days', now(), 1")
    assert storage.drop() == {"dropped": 0, "held": {"trades": ["archived", "rolled up"], "tickers": ["archived"]}}
    worker(FARM_TOML=str(path), FARM_HOME=str(tmp_path), ARCHIVE="off")
    assert storage.drop() == {"dropped": 1, "held": {"trades": ["rolled up"]}}


def test_what_is_measured_is_a_row_an_hour(farm_toml: Path, query: Query) -> None:
    query("INSERT INTO trades SELECT now(), now(), 1, n, 1, 1, 1 FROM generate_series(1, 100) n")
    query("INSERT INTO storage_sizes VALUES ('trades', now() - INTERVAL '61 days', now(), 1)")
    assert storage.measure() == storage.measure() == {"disks": 1}
    subjects = query("SELECT subject, count(*) FROM storage_sizes GROUP BY 1 ORDER BY 1")
    assert subjects == sorted([(f"disk {farm_toml.parent}", 1), *((name, 1) for name in KEPT)])
    assert query("SELECT bytes > 0 AND free_bytes IS NULL FROM storage_sizes WHERE subject = 'trades'") == [(True,)]
    assert query("SELECT bytes > 0 AND free_bytes > 0 FROM storage_sizes WHERE subject LIKE 'disk %'") == [(True,)]
