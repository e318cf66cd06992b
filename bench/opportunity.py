"""opportunity_lag: from the frame of a book that makes a lock possible to the committed row of the opportunity, told by PostgreSQL itself.

Each opportunity is a row of the audit chain, written once, in its transaction; its bid is a quote with our clock at the socket. Both markets of a
pair are of one venue here, whose books come by one socket: what is measured is the farm.
"""

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from statistics import median

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bench import books_venue, live
from bench.books_venue import EVERY_SECONDS, LOCK_BID
from bench.children import Child, Failed, module, started, wait_until
from bench.figures import Bar, Figure, spread
from bench.servers import Lab
from ops.local.ports import free_port

BAR = Bar("opportunity_lag", "ms", 250.0)
RATE, MARKETS = 5_000, 200
WINDOWS, SECONDS, WARM_SECONDS = 3, 40.0, 15.0
VENUE, CHANNEL = "kalshi", "orderbook_delta"
#: Of the locks that came, so many must be opportunities: else what was slow may be missing.
COMPLETE = 0.98
_WORKER = ("worker", "-Q", "paper", "-c", "1", "-n", "paper@%h", "--without-gossip", "--without-mingle", "-E")
_TABLES = (
    "book_deltas, book_snapshots, contract_matches, market_history, markets, opportunities, orders, fills, open_positions, paper_settlements, risk_states, "
    "audit_logs, paper_state, paper_asks"
)
_ATTRIBUTES = '{"market_type": "binary", "price_ranges": [{"start": "0.0000", "end": "1.0000", "step": "0.0100"}]}'

_PAIRS = """
INSERT INTO instruments (venue, symbol, status, first_seen_at, updated_at)
SELECT %(venue)s, symbol, 'active', now(), now() FROM unnest(%(symbols)s) symbol ON CONFLICT DO NOTHING;
INSERT INTO markets (venue, market_id, title, status, outcomes, rules, rules_sha256, attributes, first_seen_at, updated_at)
SELECT %(venue)s, symbol, symbol, 'active', jsonb_build_array(jsonb_build_array(symbol, 'Yes')), 'rules', 'hash', %(attributes)s, now(), now()
FROM unnest(%(symbols)s) symbol;
INSERT INTO market_history (market_key, valid_from, title, status, outcomes, attributes)
SELECT market_key, now(), title, status, outcomes, attributes FROM markets;
INSERT INTO contract_matches (market_key_a, market_key_b, state, yes_symbol_a, yes_symbol_b, rules_sha256_a, rules_sha256_b, tails, proposed_at,
    decided_at, decided_by)
SELECT a.market_key, b.market_key, 'confirmed', a.market_id, b.market_id, 'hash', 'hash', %(tails)s, now(), now(), 'bench'
FROM unnest(%(symbols)s) WITH ORDINALITY AS one (symbol, place) JOIN markets a ON a.market_id = one.symbol
JOIN markets b ON b.market_id = (%(symbols)s)[one.place + 1]
WHERE one.place %% 2 = 1
"""
_LAGS = """
WITH seen AS (
    SELECT extract(epoch FROM pg_xact_commit_timestamp(l.xmin) - q.received_at)::float8 * 1000 AS lag
    FROM audit_logs l
    JOIN contract_matches m ON m.pair_id = (l.details ->> 'pair')::bigint
    JOIN instruments i ON i.symbol = m.yes_symbol_b
    CROSS JOIN LATERAL (
        SELECT received_at FROM quotes q
        WHERE q.instrument_id = i.instrument_id AND q.bid_price >= %(bid)s AND q.received_at <= l.at ORDER BY event_at DESC LIMIT 1
    ) q
    WHERE l.kind = 'opportunity' AND q.received_at >= to_timestamp(%(begins)s) AND q.received_at < to_timestamp(%(ends)s)
)
SELECT (SELECT count(*) FROM quotes WHERE bid_price >= %(bid)s AND received_at >= to_timestamp(%(begins)s) AND received_at < to_timestamp(%(ends)s)),
       count(*), percentile_cont(ARRAY[0.5, 0.99]) WITHIN GROUP (ORDER BY lag), max(lag)
FROM seen
"""


def measure(
    lab: Lab,
    *,
    rate: float = RATE,
    markets: int = MARKETS,
    windows: int = WINDOWS,
    seconds: float = SECONDS,
    warm_seconds: float = WARM_SECONDS,
) -> Iterator[Figure]:
    began = _run(lab, rate, markets, warm_seconds + windows * seconds)
    found = [_window(lab, began + warm_seconds + i * seconds, seconds) for i in range(windows)]
    lab.say(
        "opportunities: p50, p99 and longest of each window " + ", ".join(f"{p50:.1f} {p99:.1f} {most:.1f}" for p50, p99, most in found)
    )
    how = (
        f"{rate:,.0f} changes of books a second on {markets} markets in {markets // 2} confirmed pairs, each with a lock every {EVERY_SECONDS:g} s, "
        f"`python -m streamers {VENUE}`, workers of writers and paper, and beat; pg_xact_commit_timestamp of the opportunity - received_at of its "
        f"bid, p99, median of {windows} windows of {seconds:g} s"
    )
    yield BAR.figure(
        median(p99 for _, p99, _ in found), f"{how}: {spread([p99 for _, p99, _ in found])}, p50 {median(p50 for p50, _, _ in found):.1f}"
    )


def _run(lab: Lab, rate: float, markets: int, seconds: float) -> float:
    """Returns when the first opportunity was stored (seconds since 1970)."""
    lab.clear()
    symbols = [books_venue.symbol(number) for number in range(markets)]
    _confirm(lab, symbols)
    port = free_port()
    env = _environment(lab, port, symbols)
    with (
        live.writers(lab, env) as running,
        started("paper", module("celery", "-A", "tasks", *_WORKER), lab.folder, env) as paper,
        _venue(lab, port, markets, rate, seconds + live.READY_SECONDS) as server,
        started("streamer", module("streamers", VENUE), lab.folder, env) as streamer,
    ):
        children = (*running.values(), paper, streamer, server)
        wait_until(lambda: lab.count("opportunities") > 0, live.READY_SECONDS, "the first opportunity", children)
        began = time.time()
        while time.time() < began + seconds + 1:
            for child in children:
                child.require_alive()
            time.sleep(0.5)
    return began


def _confirm(lab: Lab, symbols: list[str]) -> None:
    tails = ["yes/no", "no/yes", "yes/void", "void/yes", "no/void", "void/no", "void/void"]
    asked = {"venue": VENUE, "symbols": symbols, "attributes": _ATTRIBUTES, "tails": tails}
    with closing(lab.connect()) as connection, connection, connection.cursor() as cursor:
        cursor.execute("ALTER TABLE audit_logs DISABLE TRIGGER USER")  # it only grows
        cursor.execute(f"TRUNCATE {_TABLES}")
        cursor.execute("ALTER TABLE audit_logs ENABLE TRIGGER USER")
        cursor.execute(_PAIRS, asked)


def _environment(lab: Lab, port: int, symbols: list[str]) -> dict[str, str]:
    toml, key = lab.folder / "books.toml", lab.folder / "key.pem"
    named = ", ".join(f'"{symbol}"' for symbol in symbols)
    toml.write_text(f'[venues.{VENUE}]\nchannels = ["{CHANNEL}"]\nsymbols = [{named}]\n[paper.cash]\n{VENUE} = 5_000\n', encoding="utf-8")
    _write_key(key)
    address = f"127.0.0.1:{port}"
    name = VENUE.upper()
    endpoints = {f"{name}_WS_URL": f"ws://{address}", f"{name}_REST_URL": f"http://{address}"}
    login = {f"{name}_KEY_ID": "bench", f"{name}_PRIVATE_KEY_FILE": str(key)}
    return lab.environment(FARM_TOML=str(toml), WRITER_GROUPS="2", **endpoints, **login)


def _write_key(path: Path) -> None:
    form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    path.touch(0o600)
    path.write_bytes(Ed25519PrivateKey.generate().private_bytes(*form))


@contextmanager
def _venue(lab: Lab, port: int, *arguments: object) -> Iterator[Child]:
    with started("venue", module("bench.books_venue", port, *arguments), lab.folder, lab.environment()) as child:
        child.line(live.READY_SECONDS)
        yield child


def _window(lab: Lab, start: float, seconds: float) -> tuple[float, float, float]:
    """(p50, p99, longest) in ms of the locks that came within it. Raises Failed when some were not seen."""
    with closing(lab.connect()) as connection, connection.cursor() as cursor:
        cursor.execute(_LAGS, {"bid": float(LOCK_BID), "begins": start, "ends": start + seconds})
        came, seen, found, longest = cursor.fetchone()  # type: ignore[misc]
    if not came or seen < COMPLETE * came:
        raise Failed(f"{seen} opportunities are stored of {came} locks that came in {seconds:g} s")
    return float(found[0]), float(found[1]), float(longest)
