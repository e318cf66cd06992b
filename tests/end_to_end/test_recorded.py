"""A server that is none of ours replays recorded frames: every trade and quote is stored once, with the venue's own values."""

import asyncio
import gzip
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

from websockets.asyncio.server import ServerConnection, serve

from tests.end_to_end.conftest import Farm, eventually

SYMBOLS = ["AKROUSDT", "SUSHIUSDT"]


def recorded(captures: Path) -> list[str]:
    with gzip.open(captures / "binance" / "ws_combined_2021-07-22_sushiusdt_akrousdt.jsonl.gz", "rt") as lines:
        return [json.loads(line)["raw"] for line in lines]


@contextmanager
def replay(frames: list[str]) -> Iterator[int]:
    """Port of a WebSocket server that sends each new connection the frames of the streams it asked for, then stays silent."""
    ready, port, stop = threading.Event(), [0], asyncio.Event()
    loop = asyncio.new_event_loop()

    async def send(connection: ServerConnection) -> None:
        assert connection.request is not None
        wanted = connection.request.path.partition("streams=")[2].split("/")
        for frame in frames:
            if json.loads(frame)["stream"] in wanted:
                await connection.send(frame)
        await connection.wait_closed()

    async def main() -> None:
        async with serve(send, "127.0.0.1", 0) as server:
            port[0] = server.sockets[0].getsockname()[1]
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(main(),), daemon=True)
    thread.start()
    assert ready.wait(10)
    yield port[0]
    loop.call_soon_threadsafe(stop.set)
    thread.join(10)
    loop.close()


def expected(frames: list[str], event: str, fields: str) -> list[tuple[str, ...]]:
    payloads: list[dict[str, Any]] = [json.loads(frame)["data"] for frame in frames]
    return sorted((p["s"], *(str(Decimal(str(p[field])).normalize()) for field in fields)) for p in payloads if p["e"] == event)


def stored(farm: Farm, sql: str) -> list[tuple[str, ...]]:
    return sorted((row[0], *(str(Decimal(value).normalize()) for value in row[1:])) for row in farm.psql(sql))


def test_recorded_frames_are_stored_once_with_exact_values(captures: Path, new_farm: Callable[..., Farm], tmp_path: Path) -> None:
    frames = recorded(captures)
    toml = tmp_path / "farm.toml"
    toml.write_text(f"[venues.binance]\nsymbols = {json.dumps(SYMBOLS)}\n")
    trades, quotes = expected(frames, "aggTrade", "apqfl"), expected(frames, "bookTicker", "ubBaA")
    assert (len(trades), len(quotes)) == (48, 393)
    with replay(frames) as port:
        farm = new_farm(FARM_TOML=str(toml), BINANCE_WS_URL=f"ws://127.0.0.1:{port}")
        farm.up("--rate", "0")
        count = "SELECT (SELECT count(*) FROM trades) + (SELECT count(*) FROM quotes)"
        eventually(
            lambda: farm.psql(count) == [[str(len(trades) + len(quotes))]], lambda: farm.psql("SELECT * FROM marketdata.ingestion_stats")
        )
    assert stored(farm, "SELECT symbol, agg_trade_id, price, quantity, first_trade_id, last_trade_id FROM marketdata.agg_trades") == trades
    assert stored(farm, "SELECT symbol, update_id, bid_price, bid_qty, ask_price, ask_qty FROM marketdata.book_ticker") == quotes
    assert farm.psql("SELECT sum(quarantined), sum(repeated) FROM stream_offsets") == [["0", "0"]]
