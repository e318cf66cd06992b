"""`./farm audit verify` as it is typed."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from psycopg2.extensions import connection as RawConnection

from core.settings import ROOT
from db.paper import store
from tests.paper.market import Trader, pair

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def command(fresh_database_url: str, redis_url: str, tmp_path: Path) -> Command:
    environ = {**os.environ, "DATABASE_URL": fresh_database_url, "REDIS_URL": redis_url, "FARM_HOME": str(tmp_path)}

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        argv = [sys.executable, "-m", "ops", "audit", "verify", *words]
        return subprocess.run(argv, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=60, check=False)

    return run


def test_a_chain_that_holds_and_one_that_was_changed(connection: RawConnection, command: Command) -> None:
    assert command().stdout.startswith("0 decisions"), "of a farm that has never traded"
    trader = Trader(pair())
    trader.offer()
    trader.wait(5)
    with connection, connection.cursor() as cursor:
        store.save(cursor, trader.engine.take(), offset="1-0")
    rows = trader.engine.state.head[""].audits
    done = command()
    assert (done.returncode, done.stdout.split(",")[0]) == (0, f"{rows} decisions")
    assert done.stdout.endswith("1 pairs have won what their fills and settlements come to\n")
    with connection, connection.cursor() as cursor:
        cursor.execute("ALTER TABLE audit_logs DISABLE TRIGGER ALL")
        cursor.execute("UPDATE audit_logs SET subject = 'order 99' WHERE number = 7")
        cursor.execute("UPDATE fills SET price = price + 0.01 WHERE fill_id = 1")
    done = command("--json")
    told = json.loads(done.stdout)
    assert (done.returncode, told["holds"], told["chain"]["rows"], told["chain"]["broken"]) == (
        1,
        False,
        6,
        "row 7 is not what was written",
    )
    assert told["wrong"] == {"1": "-1.00 by its fills, 0 by the engine"}
