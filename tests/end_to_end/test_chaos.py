"""Everything is killed with -9, again and again, under load: nothing is lost or doubled, and every deaf moment is a gap row.

CHAOS_SECONDS and CHAOS_RATE make it longer and harder: 600 and 5000 are the figures the project is held to.
"""

import os
import random
import signal
import time
from collections.abc import Callable

import pytest

from tests.end_to_end.conftest import Farm, eventually

SECONDS = float(os.environ.get("CHAOS_SECONDS", "60"))
RATE = os.environ.get("CHAOS_RATE", "1000")
KILLS_EACH = 2


@pytest.mark.timeout(SECONDS + 600)
def test_killing_every_program_twice_loses_and_doubles_nothing(new_farm: Callable[..., Farm]) -> None:
    farm = new_farm()
    farm.up("--rate", RATE)
    components = [c["name"] for c in farm.status()["components"] if c["name"] not in ("sandbox", "flower")]
    assert {"postgres", "redis", "beat"} < set(components)
    victims = components * KILLS_EACH
    chance = random.Random(int(os.environ.get("CHAOS_SEED", "1")))
    chance.shuffle(victims)
    spacing = SECONDS / len(victims)
    for victim in victims:
        # Not a wait for something to happen: the load runs on between two kills, at a moment nobody chose.
        time.sleep(spacing * chance.uniform(0.5, 1.5))
        os.kill(eventually(lambda name=victim: farm.pid(name), lambda name=victim: f"{name} did not come back"), signal.SIGKILL)
    eventually(lambda: farm.status()["healthy"], lambda: farm.status()["reasons"])
    restarts = {c["name"]: c["restarts"] for c in farm.status()["components"]}
    assert {name: restarts[name] for name in components if restarts[name] < KILLS_EACH} == {}

    found, text = farm.verify()
    assert found["ok"], text
    for kind in ("trades", "quotes"):
        figures = found["venues"]["binance"][kind]
        assert figures["missing"] == figures["duplicate"] == 0 < figures["stored"]

    # Every life of the streamer but the first began with a deaf time, on both channels; all of them are over.
    deaf = farm.psql(
        "SELECT channel, count(*), count(event_to) FROM data_gaps WHERE cause = 'disconnected' GROUP BY channel ORDER BY channel"
    )
    assert [row[0] for row in deaf] == ["aggTrade", "bookTicker"]
    assert all(int(count) >= KILLS_EACH and int(ended) == int(count) for _, count, ended in deaf)
