"""What venues left out and what came while nobody could hear is in the tables a little later, with no hand on it, row for row."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.end_to_end.conftest import Venue, eventually
from venues import VENUES

pytestmark = pytest.mark.timeout(900)

VENUE_CHANNELS = {"binance": "aggTrade", "deribit": "trades"}
PLAYED = {name: channel for name, channel in VENUE_CHANNELS.items() if name in VENUES}
#: So many instruments that asking for each of them fits into what a minute of the real budget allows.
FARM_TOML = """
[venues.binance]
channels = ["aggTrade", "bookTicker"]
top = 25
[venues.deribit]
channels = ["trades"]
top = 40
"""
#: The project is held to two minutes after the venue's return; the machines of a test run are slow.
FILLED_SECONDS = 240


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("gaps")


@pytest.fixture(scope="module")
def played(home: Path) -> Iterator[dict[str, Venue]]:
    """A hand on each venue of one farm."""
    toml = home / "farm.toml"
    toml.write_text(FARM_TOML)
    hands = {name: Venue(home / "farm", name, FARM_TOML=str(toml)) for name in PLAYED}
    farm = next(iter(hands.values()))
    try:
        farm.up("--venues", ",".join(PLAYED), "--rate", "400")
        yield hands
    finally:
        farm.run("down")


def of_trades(farm: Venue, condition: str) -> int:
    channels = ", ".join(f"'{channel}'" for channel in PLAYED.values())
    return int(farm.psql(f"SELECT count(*) FROM data_gaps WHERE channel IN ({channels}) AND {condition}")[0][0])


def emitted(home: Path, venue: str) -> dict[str, Any]:
    """symbol -> ledger's records, whether anybody heard them or not."""
    folder = home / "farm" / "sandbox" / "ledger" / venue
    names = json.loads((folder / "symbols.json").read_text())
    dtype = np.dtype([tuple(field) for field in json.loads((folder / "trades.dtype.json").read_text())])
    records = np.concatenate([np.fromfile(path, dtype) for path in sorted(folder.glob("trades-*.bin"))])
    return {name: records[records["symbol"] == number] for number, name in enumerate(names)}


def stored(farm: Venue, venue: str) -> dict[str, list[tuple[int, int, float, float]]]:
    rows = farm.psql(
        "SELECT symbol, trade_id, (extract(epoch FROM event_at) * 1000000)::int8, price, quantity FROM trades "
        f"JOIN instruments USING (instrument_id) WHERE venue = '{venue}' ORDER BY symbol, trade_id"
    )
    found: dict[str, list[tuple[int, int, float, float]]] = {}
    for symbol, number, at, price, quantity in rows:
        found.setdefault(symbol, []).append((int(number), int(at), float(price), float(quantity)))
    return found


def test_gaps_are_filled_by_themselves_and_the_tables_are_the_ledger(played: dict[str, Venue], home: Path) -> None:
    farm = next(iter(played.values()))
    eventually(lambda: farm.status()["healthy"], lambda: farm.status()["reasons"])
    for name, venue in played.items():
        venue.misbehave("skip", channel=PLAYED[name], count=10)
        venue.misbehave("drop")
        venue.misbehave("maintenance", seconds=8)
    eventually(lambda: of_trades(farm, "state IN ('missing', 'filling')"), lambda: farm.psql("SELECT * FROM data_gaps"))
    # In the middle of it whoever fills them dies.
    os.kill(eventually(lambda: farm.pid("worker-maintenance")), signal.SIGKILL)
    for name, venue in played.items():
        venue.misbehave("drop")
        venue.misbehave("skip", channel=PLAYED[name], count=3)
    eventually(lambda: farm.status()["healthy"], lambda: farm.status()["reasons"])

    settled = "state IN ('filled', 'planned')"
    eventually(
        lambda: of_trades(farm, settled) and not of_trades(farm, f"cause <> 'silent' AND NOT {settled}"),
        lambda: farm.psql(f"SELECT * FROM data_gaps WHERE NOT {settled}") + farm.psql("SELECT * FROM backfills WHERE state <> 'done'"),
        FILLED_SECONDS,
    )
    eventually(lambda: farm.status()["gaps_open"] == 0, lambda: farm.psql("SELECT * FROM data_gaps WHERE state IN ('open', 'missing', 'filling')"))

    for name in played:
        table, ledger = stored(farm, name), emitted(home, name)
        assert sum(map(len, table.values())) > 100
        for symbol, rows in table.items():
            within = ledger[symbol][(ledger[symbol]["id"] >= rows[0][0]) & (ledger[symbol]["id"] <= rows[-1][0])]
            told = sorted(zip(*(within[field].tolist() for field in ("id", "event_us", "price", "quantity")), strict=True))
            assert rows == told, f"{name} {symbol}"
    found, text = farm.verify()
    assert found["ok"], text
