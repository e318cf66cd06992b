"""A sandbox goes on where its ledger ends."""

import signal
from typing import Any

import pytest


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_ids_and_history_survive(launch: Any, poll: Any, number: int) -> None:
    sandbox, _ = launch("--rate", "800")
    path = "/kalshi/trade-api/v2/markets/trades?limit=1000"
    before = poll(lambda: (rows := sandbox.get(path)["trades"]) and len(rows) > 30 and rows)
    names, key = sandbox.symbols(), (sandbox.root / "keys/kalshi.pem").read_bytes()
    sandbox.stop(number)
    sandbox.start()
    poll(lambda: len(sandbox.get(path)["trades"]) > len(before))
    after = {row["trade_id"]: row for row in sandbox.get(path)["trades"]}
    assert all(after[row["trade_id"]] == row for row in before[-20:])
    records = sandbox.records("trades")
    assert records["number"].tolist() == list(range(1, len(records) + 1))
    assert len({(row["uuid_high"], row["uuid_low"]) for row in records}) == len(records)
    assert sandbox.symbols()[: len(names)] == names and (sandbox.root / "keys/kalshi.pem").read_bytes() == key
    volumes = {
        row["ticker"]: float(row["volume_fp"]) for row in sandbox.get("/kalshi/trade-api/v2/markets?status=open&limit=1000")["markets"]
    }
    symbol = int(records["symbol"][0])
    assert volumes[names[symbol]] >= records["quantity"][records["symbol"] == symbol].sum()
