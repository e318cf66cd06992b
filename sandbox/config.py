"""The sandbox's settings, read once from the command line."""

import argparse
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Config:
    root: Path
    port: int
    host: str = "127.0.0.1"
    rate: float = 200.0  # market events per second and venue
    symbols: int = 500
    seed: int = 1
    venues: tuple[str, ...] = ("binance",)
    segment_bytes: int = 64 * 1024 * 1024
    keep_segments: int = 64
    weight_limit: int = 2400
    ban_seconds: float = 120.0
    ping_seconds: float = 180.0
    lifetime_seconds: float = 86_400.0
    max_buffered: int = 64 * 1024 * 1024  # a client further behind than this is cut off, as venues do


def parse(arguments: list[str] | None = None) -> Config:
    parser = argparse.ArgumentParser(prog="python -m sandbox", description="Simulated venues with a ledger.")
    parser.add_argument("--root", type=Path, required=True, help="folder that holds the ledger")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--host", default=Config.host)
    parser.add_argument("--rate", type=float, default=Config.rate, help="market events per second and venue")
    parser.add_argument("--symbols", type=int, default=Config.symbols, help="size of a new universe")
    parser.add_argument("--seed", type=int, default=Config.seed)
    parser.add_argument("--venues", default="binance", help="names, comma between")
    parser.add_argument("--segment-mib", type=float, default=64, help="size at which a ledger segment ends")
    parser.add_argument("--keep-segments", type=int, default=Config.keep_segments, help="segments kept of each kind")
    parser.add_argument("--weight-limit", type=int, default=Config.weight_limit, help="request weight per minute")
    parser.add_argument("--ban-seconds", type=float, default=Config.ban_seconds)
    parser.add_argument("--ping-seconds", type=float, default=Config.ping_seconds)
    parser.add_argument("--lifetime-seconds", type=float, default=Config.lifetime_seconds, help="of one socket")
    parser.add_argument("--max-buffered-mib", type=float, default=64, help="unsent bytes that cost a socket")
    values = vars(parser.parse_args(arguments))
    values["segment_bytes"] = int(values.pop("segment_mib") * 1024 * 1024)
    values["max_buffered"] = int(values.pop("max_buffered_mib") * 1024 * 1024)
    values["venues"] = tuple(values["venues"].split(","))
    return Config(**values)
