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
    expiry_seconds: float = 0.0  # Deribit: a chain that ends so long after it began, again and again; 0 for none
    idle_seconds: float = 60.0  # Deribit: a socket without subscriptions and heartbeat ends; Polymarket: one that sends no PING
    heartbeat_seconds: float = 10.0  # Deribit: shortest interval of set_heartbeat
    answer_seconds: float = 10.0  # Deribit: a test_request unanswered so long costs the socket
    connections: int = 32  # Deribit: of one address
    credit_refill: float = 10_000.0  # Deribit: a second
    token_seconds: int = 31_536_000  # Deribit: life of a token
    login: str = "sandbox:sandbox"  # Deribit: client id and secret
    markets: int = 10_000  # Polymarket: of a new universe, two tokens each
    market_seconds: float = 60.0  # Polymarket: a market is listed, and one begins to end, so often; 0 for never
    resolution_seconds: float = 10.0  # Polymarket: from each step towards a resolution to the next
    tokens_per_socket: int = 500  # Polymarket: further ones get no changes, without a word
    short_market_seconds: float = 0.0  # Kalshi: a market that closes so long after it opened, again and again; 0 for none
    live_seconds: float = 90 * 86_400.0  # Kalshi: what is older stands in /historical only
    read_tokens: float = 200.0  # Kalshi: of an account, a second
    subscription_bytes: int = 8 * 1024 * 1024  # Kalshi: a reader further behind loses its subscriptions
    key_type: str = "rsa"  # Kalshi: of the pair that is made
    public_key: Path | None = None  # Kalshi: instead of a pair
    pairs: int = 0  # questions that Kalshi and Polymarket both list, of a new root
    pair_seconds: float = 0.0  # a pair that moves begins a life so often; 0: on command alone
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
    for name in ("expiry", "idle", "heartbeat", "answer"):
        default = getattr(Config, f"{name}_seconds")
        parser.add_argument(f"--{name}-seconds", type=float, default=default, help="of Deribit, see README.md")
    parser.add_argument("--connections", type=int, default=Config.connections, help="of one address to Deribit")
    parser.add_argument("--credit-refill", type=float, default=Config.credit_refill, help="Deribit's credits a second")
    parser.add_argument("--token-seconds", type=int, default=Config.token_seconds, help="life of a Deribit token")
    parser.add_argument("--login", default=Config.login, help="client id and secret of Deribit, colon between")
    parser.add_argument("--markets", type=int, default=Config.markets, help="size of a new universe of Polymarket, two tokens each")
    parser.add_argument("--market-seconds", type=float, default=Config.market_seconds, help="of Polymarket, see README.md")
    parser.add_argument("--resolution-seconds", type=float, default=Config.resolution_seconds, help="of Polymarket, see README.md")
    parser.add_argument("--tokens-per-socket", type=int, default=Config.tokens_per_socket, help="of Polymarket, see README.md")
    parser.add_argument("--short-market-seconds", type=float, default=Config.short_market_seconds, help="life of Kalshi's short markets")
    parser.add_argument("--live-seconds", type=float, default=Config.live_seconds, help="age at which Kalshi archives")
    parser.add_argument("--read-tokens", type=float, default=Config.read_tokens, help="of a Kalshi account, a second")
    parser.add_argument("--subscription-mib", type=float, default=8, help="unsent bytes that cost Kalshi's subscriptions")
    parser.add_argument("--key-type", choices=("rsa", "ed25519"), default=Config.key_type, help="of the key pair made for Kalshi")
    parser.add_argument("--public-key", type=Path, help="PEM file that Kalshi trusts, instead of a pair made at the start")
    parser.add_argument("--pairs", type=int, default=Config.pairs, help="of a new root: questions that Kalshi and Polymarket both list")
    parser.add_argument("--pair-seconds", type=float, default=Config.pair_seconds, help="so often a pair begins to cross; 0: on command")
    parser.add_argument("--max-buffered-mib", type=float, default=64, help="unsent bytes that cost a socket")
    values = vars(parser.parse_args(arguments))
    values["segment_bytes"] = int(values.pop("segment_mib") * 1024 * 1024)
    values["subscription_bytes"] = int(values.pop("subscription_mib") * 1024 * 1024)
    values["max_buffered"] = int(values.pop("max_buffered_mib") * 1024 * 1024)
    values["venues"] = tuple(values["venues"].split(","))
    return Config(**values)
