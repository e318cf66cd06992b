"""Runs in the other tool's virtual environment: its Binance futures handler and its Postgres backend over the frames of a file.

python -I cryptofeed_script.py KIND FRAMES GROUP HOST PORT USER DATABASE; KIND is ticker or trades. Its backend inserts whatever
waits in its queue as one statement, so GROUP frames are handed over at a time; while it inserts, the next group is parsed.
Says rows and seconds as JSON. It imports nothing of ours.
"""

import asyncio
import json
import sys
import time
from pathlib import Path

TABLES = {
    "ticker": "bid NUMERIC(64, 32), ask NUMERIC(64, 32)",
    "trades": "side VARCHAR(8), amount NUMERIC(64, 32), price NUMERIC(64, 32), trade_id VARCHAR(64), order_type VARCHAR(32)",
}
_HEAD = "id SERIAL PRIMARY KEY, timestamp TIMESTAMP, receipt_timestamp TIMESTAMP, exchange VARCHAR(32), symbol VARCHAR(32)"


def ddl(kind: str) -> str:
    """The table as its examples/postgres_tables.sql describes it."""
    return f"DROP TABLE IF EXISTS {kind}; CREATE TABLE {kind} ({_HEAD}, {TABLES[kind]})"


def symbols_of(frames: list[str]) -> list[str]:
    return sorted({frame.split('"s":"', 1)[1].split('"', 1)[0] for frame in frames})


async def measure(kind: str, frames: list[str], group: int, server: dict[str, object]) -> dict[str, float]:
    import asyncpg  # type: ignore[import-not-found]
    from cryptofeed.backends.postgres import TickerPostgres, TradePostgres  # type: ignore[import-not-found]
    from cryptofeed.defines import TICKER, TRADES  # type: ignore[import-not-found]
    from cryptofeed.exchanges import BinanceFutures  # type: ignore[import-not-found]
    from cryptofeed.symbols import Symbols  # type: ignore[import-not-found]

    names = {f"{symbol.removesuffix('USDT')}-USDT-PERP": symbol for symbol in symbols_of(frames)}
    # Without this it would ask the real venue for its symbols.
    Symbols.set(BinanceFutures.id, names, {"tick_size": {}, "instrument_type": dict.fromkeys(names, "perpetual")})
    control = await asyncpg.connect(**server)
    await control.execute(ddl(kind))
    await control.execute("CHECKPOINT")
    backend = (TradePostgres if kind == "trades" else TickerPostgres)(
        host=server["host"], user=server["user"], db=server["database"], port=server["port"]
    )
    handler = BinanceFutures(symbols=list(names), channels=[TRADES, TICKER], callbacks={TRADES: backend, TICKER: backend}).message_handler
    backend.start(asyncio.get_running_loop())
    await backend._connect()
    began = time.perf_counter()
    for start in range(0, len(frames), group):
        for frame in frames[start : start + group]:
            await handler(frame, None, time.time())
        while backend.queue.qsize() > 0:  # noqa: ASYNC110 (its queue tells when all is stored, not when all is taken)
            await asyncio.sleep(0)
    await backend.queue.join()
    seconds = time.perf_counter() - began
    rows = await control.fetchval(f"SELECT count(*) FROM {kind}")
    await control.close()
    return {"rows": rows, "seconds": seconds}


def main() -> int:
    import uvloop

    kind, path, group, host, port, user, database = sys.argv[1:]
    frames = Path(path).read_text().splitlines()
    server = {"host": host, "port": int(port), "user": user, "database": database}
    print(json.dumps(uvloop.run(measure(kind, frames, int(group), server))), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
