"""Options, books and indices: greeks and volatilities, price levels, index prices, and the views that readers query."""

from alembic import op

from migrations.hypertables import create_hypertable

revision = "0002"
down_revision = "0001"

# Columns that may be absent and have no default: nothing is rewritten, compressed chunks neither.
COLUMNS = """
ALTER TABLE trades
    ADD COLUMN mark_price FLOAT8,
    ADD COLUMN index_price FLOAT8,
    ADD COLUMN implied_volatility FLOAT8,
    ADD COLUMN flags SMALLINT;

ALTER TABLE tickers
    ADD COLUMN last_price FLOAT8,
    ADD COLUMN open_interest FLOAT8,
    ADD COLUMN volume FLOAT8,
    ADD COLUMN underlying_price FLOAT8,
    ADD COLUMN mark_iv FLOAT8,
    ADD COLUMN bid_iv FLOAT8,
    ADD COLUMN ask_iv FLOAT8,
    ADD COLUMN delta FLOAT8,
    ADD COLUMN gamma FLOAT8,
    ADD COLUMN vega FLOAT8,
    ADD COLUMN theta FLOAT8,
    ADD COLUMN rho FLOAT8;
"""

TABLES = """
CREATE TABLE book_deltas (
    event_at TIMESTAMPTZ NOT NULL,
    received_at TIMESTAMPTZ NOT NULL,
    instrument_id INTEGER NOT NULL,
    update_id BIGINT NOT NULL,
    previous_id BIGINT NOT NULL,
    side SMALLINT NOT NULL,
    price FLOAT8 NOT NULL,
    quantity FLOAT8 NOT NULL,
    CONSTRAINT book_deltas_key UNIQUE (instrument_id, event_at, update_id, side, price)
);

CREATE TABLE book_snapshots (
    event_at TIMESTAMPTZ NOT NULL,
    received_at TIMESTAMPTZ NOT NULL,
    instrument_id INTEGER NOT NULL,
    update_id BIGINT NOT NULL,
    side SMALLINT NOT NULL,
    price FLOAT8 NOT NULL,
    quantity FLOAT8 NOT NULL,
    CONSTRAINT book_snapshots_key UNIQUE (instrument_id, event_at, update_id, side, price)
);

CREATE TABLE index_prices (
    event_at TIMESTAMPTZ NOT NULL,
    received_at TIMESTAMPTZ NOT NULL,
    instrument_id INTEGER NOT NULL,
    price FLOAT8 NOT NULL,
    CONSTRAINT index_prices_key UNIQUE (instrument_id, event_at)
);
"""

HYPERTABLES = {"book_deltas": "1 day", "book_snapshots": "1 day", "index_prices": "30 days"}

OPTION = "i.attributes->>'option_type' AS option_type, (i.attributes->>'strike')::float8 AS strike, "

# Contract types are the venues' own words in their own case: 'perpetual', 'PERPETUAL', 'TRADIFI_PERPETUAL', 'future', 'CURRENT_QUARTER'.
CANDLES = """
CREATE VIEW {name} AS
SELECT c.event_at AS open_time, c.received_at, i.venue, i.symbol, i.base_asset, i.expires_at, {more}c.interval_seconds,
       c.open, c.high, c.low, c.close, c.volume, c.quote_volume, c.trades, c.closed
FROM candles c JOIN instruments i USING (instrument_id)
WHERE {which};
"""
CANDLE_VIEWS = {
    "perpetuals_ohlcv": ("i.contract_type ILIKE '%perpetual'", ""),
    "futures_ohlcv": ("(i.contract_type ILIKE 'future' OR i.contract_type ILIKE '%quarter')", ""),
    "options_ohlcv": ("i.contract_type ILIKE 'option'", OPTION),
}

VIEWS = f"""
CREATE VIEW eth_option_quotes AS
SELECT q.event_at AS event_time, q.received_at, i.venue, i.symbol, i.expires_at, {OPTION}
       i.attributes->>'price_unit' AS price_unit, q.bid_price, q.bid_quantity, q.ask_price, q.ask_quantity
FROM quotes q JOIN instruments i USING (instrument_id)
WHERE i.base_asset = 'ETH' AND i.contract_type ILIKE 'option';

CREATE VIEW eth_option_trades AS
SELECT t.event_at AS trade_time, t.received_at, i.venue, i.symbol, i.expires_at, {OPTION}
       i.attributes->>'price_unit' AS price_unit, t.trade_id, t.price, t.quantity, t.side, t.mark_price, t.index_price,
       t.implied_volatility, t.flags
FROM trades t JOIN instruments i USING (instrument_id)
WHERE i.base_asset = 'ETH' AND i.contract_type ILIKE 'option';

CREATE VIEW options_greeks AS
SELECT k.event_at AS event_time, k.received_at, i.venue, i.symbol, i.base_asset, i.expires_at, {OPTION}
       i.attributes->>'price_unit' AS price_unit, k.mark_price, k.underlying_price, k.index_price, k.open_interest,
       k.mark_iv, k.bid_iv, k.ask_iv, k.delta, k.gamma, k.vega, k.theta, k.rho
FROM tickers k JOIN instruments i USING (instrument_id)
WHERE i.contract_type ILIKE 'option' AND k.delta IS NOT NULL;
"""


def upgrade() -> None:
    op.execute(COLUMNS)
    op.execute(TABLES)
    for table, chunk in HYPERTABLES.items():
        create_hypertable(table, "event_at", chunk)
    op.execute(VIEWS)
    for name, (which, more) in CANDLE_VIEWS.items():
        op.execute(CANDLES.format(name=name, which=which, more=more))
