"""What venues left out, and what came while nobody could hear, is in the tables a little later, with no hand on it, row for row.

The venues run by themselves, so that they trade on while the farm is off. GAPS_SECONDS makes it longer: so long is the longest outage.
"""

import json
import logging
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests

from ops.local.ports import free_port
from tests.end_to_end.conftest import CHECKOUT, PATIENCE_SECONDS, Venue, eventually
from venues import VENUES

log = logging.getLogger(__name__)

SECONDS = float(os.environ.get("GAPS_SECONDS", "10"))
pytestmark = pytest.mark.timeout(900 + 20 * SECONDS)

CHANNELS = {"binance": "aggTrade", "deribit": "trades", "kalshi": "trade"}
PLAYED = {name: channel for name, channel in CHANNELS.items() if name in VENUES}
#: So many instruments that asking for each of them fits into what a minute of the real budgets allows.
FARM_TOML = """
[venues.binance]
channels = ["aggTrade", "bookTicker"]
top = 25
[venues.deribit]
channels = ["trades"]
top = 40
[venues.kalshi]
channels = ["trade"]
top = 30
"""
FILLED_SECONDS = 120
#: A gap may begin so long before the last frame that the venue sent before an outage, and end so long behind the first one after it.
EDGE_SECONDS = 2.0


class Farm(Venue):
    """A farm whose venues are played by a program that is not part of it."""

    sandbox_port = 0

    def _control(self, what: str) -> str:
        return f"http://127.0.0.1:{self.sandbox_port}/control/{what}"


@dataclass
class Played:
    """A hand on each venue of one farm. `outages`: (venue, or "" for all of them, since when, until when)."""

    hands: dict[str, Farm]
    ledger: Path
    outages: list[tuple[str, float, float]]
    since: float = 0.0

    @property
    def farm(self) -> Farm:
        return next(iter(self.hands.values()))

    def trades(self, condition: str) -> int:
        channels = ", ".join(f"'{channel}'" for channel in PLAYED.values())
        return int(self.farm.psql(f"SELECT count(*) FROM data_gaps WHERE channel IN ({channels}) AND {condition}")[0][0])

    def lapse(self, venues: Collection[str], kind: str, **fields: float) -> None:
        """An outage of these venues at one time, kept in mind."""
        since = time.time()
        struck = {name: self.hands[name].prepare(kind, **fields) for name in venues}
        for name, number in struck.items():
            eventually(
                lambda name=name, number=number: not self.hands[name].is_active(number),
                lambda: f"{kind} has not ended",
                PATIENCE_SECONDS + fields.get("seconds", 0.0),
            )
            self.outages.append((name, since, time.time()))


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    home = tmp_path_factory.mktemp("gaps")
    port = free_port()
    words = ["--root", str(home / "venues"), "--port", str(port), "--venues", ",".join(PLAYED), "--rate", "400"]
    sandbox = subprocess.Popen([sys.executable, "-m", "sandbox", *words], cwd=CHECKOUT)
    toml = home / "farm.toml"
    toml.write_text(FARM_TOML)
    environ = {"FARM_TOML": str(toml), "FARM_VENUES": ",".join(PLAYED)}
    for name in PLAYED:
        environ[f"{name.upper()}_WS_URL"] = f"ws://127.0.0.1:{port}/{name}"
        environ[f"{name.upper()}_REST_URL"] = f"http://127.0.0.1:{port}/{name}"
        environ[f"{name.upper()}_ARCHIVE_URL"] = f"http://127.0.0.1:{port}/{name}/history"
        if "private_key" in VENUES[name].login:
            environ[f"{name.upper()}_KEY_ID"] = "sandbox"
            environ[f"{name.upper()}_PRIVATE_KEY_FILE"] = str(home / "venues" / "keys" / f"{name}.pem")
    hands = {name: Farm(home / "farm", name, **environ) for name in PLAYED}
    for hand in hands.values():
        hand.sandbox_port = port
    playing = Played(hands, home / "venues" / "ledger", [])
    try:
        eventually(lambda: _answers(playing.farm))
        playing.farm.up()
        yield playing
    finally:
        playing.farm.run("down")
        sandbox.terminate()
        sandbox.wait(timeout=30)


def _answers(farm: Farm) -> bool:
    try:
        return requests.get(farm._control("faults"), timeout=5).ok
    except requests.ConnectionError:
        return False


def emitted(played: Played, venue: str) -> dict[str, Any]:
    """symbol -> ledger's records, whether anybody heard them or not."""
    folder = played.ledger / venue
    names = json.loads((folder / "symbols.json").read_text())
    dtype = np.dtype([tuple(field) for field in json.loads((folder / "trades.dtype.json").read_text())])
    records = np.concatenate([np.fromfile(path, dtype) for path in sorted(folder.glob("trades-*.bin"))])
    return {name: records[records["symbol"] == number] for number, name in enumerate(names)}


def stored(farm: Farm, venue: str, since: float) -> dict[str, list[tuple[int, int, float, float]]]:
    """symbol -> (event time in us, id, price, quantity) of its trades, the oldest first: of who has been asked for all the time. Who
    joins is owed nothing from before."""
    asked = f"SELECT symbol FROM subscriptions WHERE to_at IS NULL AND from_at < to_timestamp({since}) AND venue = '{venue}'"
    rows = farm.psql(
        "SELECT symbol, (extract(epoch FROM event_at) * 1000000)::int8, trade_id, price, quantity FROM trades "
        f"JOIN instruments USING (instrument_id) WHERE event_at > to_timestamp({since}) AND venue = '{venue}' AND symbol IN ({asked})"
    )
    found: dict[str, list[tuple[int, int, float, float]]] = {}
    for symbol, at, number, price, quantity in rows:
        found.setdefault(symbol, []).append((int(at), int(number), float(price), float(quantity)))
    return {symbol: sorted(trades) for symbol, trades in found.items()}


def silences(played: Played, venue: str) -> list[tuple[float, float]]:
    """The outages of a venue, each from the last trade that it sent before to the first one after."""
    records = np.concatenate(list(emitted(played, venue).values()))
    heard = np.sort(records["sent_us"][records["delivered"] > 0]) / 1e6
    found = []
    for concerned, start, end in played.outages:
        if concerned in ("", venue):
            before, after = heard[heard <= start], heard[heard >= end]
            found.append((float(before[-1]) if len(before) else start, float(after[0]) if len(after) else end))
    return found


def within(outages: list[tuple[float, float]], since: float, until: float) -> bool:
    """Whether an interval lies within outages: those that follow each other so soon may be seen as one."""
    whole: list[list[float]] = []
    for start, end in sorted((start - EDGE_SECONDS, end + EDGE_SECONDS) for start, end in outages):
        if whole and start <= whole[-1][1]:
            whole[-1][1] = max(end, whole[-1][1])
        else:
            whole.append([start, end])
    return any(start <= since and until <= end for start, end in whole)


def trouble(played: Played, chance: random.Random) -> None:
    """Ids left out, told twice and out of order, sockets cut, venues away for a second and for long: at moments nobody chose."""
    for name, channel in PLAYED.items():
        for kind, count in (("skip", 10), ("repeat", 5), ("skip", 3)):
            played.hands[name].prepare(kind, channel=channel, count=count)
            time.sleep(chance.uniform(0.1, SECONDS / 10))
        played.lapse([name], "drop")
    for seconds in (1.0, SECONDS):
        played.lapse(PLAYED, "maintenance", seconds=seconds)


@pytest.fixture(scope="module")
def troubled(played: Played) -> Played:
    """Through all of that, and a farm that is off for a while; back, and whole again. `since`: when it began."""
    farm = played.farm
    eventually(lambda: farm.status()["healthy"], lambda: farm.status()["reasons"])
    played.since = time.time()
    trouble(played, random.Random(int(os.environ.get("GAPS_SEED", "1"))))
    eventually(lambda: played.trades("state IN ('missing', 'filling')"), lambda: farm.psql("SELECT * FROM data_gaps"))
    # In the middle of it whoever fills them dies.
    os.kill(eventually(lambda: farm.pid("worker-maintenance")), signal.SIGKILL)

    # The farm itself is off for a while, and the venues trade on.
    since = time.time()
    farm.run("down")
    time.sleep(SECONDS)
    farm.up()
    back = time.time()
    played.outages.append(("", since, back))

    settled = "state IN ('filled', 'planned')"
    eventually(
        lambda: played.trades(settled) and not played.trades(f"cause <> 'silent' AND NOT {settled}"),
        lambda: farm.psql(f"SELECT * FROM data_gaps WHERE NOT {settled}") + farm.psql("SELECT * FROM backfills WHERE state <> 'done'"),
        FILLED_SECONDS,
    )
    log.info("all was filled %.0f s after the return, %d gaps", time.time() - back, played.trades("true"))
    eventually(lambda: farm.status()["healthy"], lambda: farm.status()["reasons"])
    return played


def test_gaps_are_filled_by_themselves_and_the_tables_are_the_ledger(troubled: Played) -> None:
    for name in PLAYED:
        table, ledger = stored(troubled.farm, name, troubled.since), emitted(troubled, name)
        number = "trade_id" if name == "kalshi" else "id"
        assert sum(map(len, table.values())) > 100
        for symbol, rows in table.items():
            first, last = rows[0][0], rows[-1][0]
            mine = ledger[symbol][(ledger[symbol]["event_us"] > first) & (ledger[symbol]["event_us"] < last)]
            told = sorted(zip(*(mine[field].tolist() for field in ("event_us", number, "price", "quantity")), strict=True))
            assert [row for row in rows if first < row[0] < last] == told, f"{name} {symbol}"


def test_no_gap_is_wider_than_what_it_comes_from(troubled: Played) -> None:
    """Of whole shards: what single instruments lack is told by their own ids."""
    epochs = ", ".join(f"extract(epoch FROM {clock})" for clock in ("received_from", "received_to"))
    rows = troubled.farm.psql(
        f"SELECT gap_id, venue, {epochs} FROM data_gaps WHERE instrument_id IS NULL AND cause <> 'sequence' AND received_to IS NOT NULL"
    )
    assert len(rows) >= len(PLAYED)
    silent = {name: silences(troubled, name) for name in PLAYED}
    wide = [row for row in rows if not within(silent[row[1]], float(row[2]), float(row[3]))]
    assert not wide, (wide, troubled.outages)
