"""Chains of options: what amounts and prices are in, whole chains at an instant, settlements and prices of delivery."""

from alembic import op

from migrations.hypertables import create_hypertable

revision = "0005"
down_revision = "0004"

# The two tables are small; nothing of a hypertable is rewritten.
UNITS = """
ALTER TABLE instruments ADD COLUMN amount_unit TEXT, ADD COLUMN price_unit TEXT;
ALTER TABLE instrument_history ADD COLUMN amount_unit TEXT, ADD COLUMN price_unit TEXT;
UPDATE instruments SET amount_unit = attributes->>'amount_unit', price_unit = attributes->>'price_unit' WHERE attributes ? 'price_unit';
UPDATE instrument_history SET amount_unit = attributes->>'amount_unit', price_unit = attributes->>'price_unit' WHERE attributes ? 'price_unit';
"""

TABLES = """
CREATE TABLE book_summaries (
    event_at TIMESTAMPTZ NOT NULL,
    received_at TIMESTAMPTZ NOT NULL,
    instrument_id INTEGER NOT NULL,
    bid_price FLOAT8,
    ask_price FLOAT8,
    mid_price FLOAT8,
    mark_price FLOAT8,
    last_price FLOAT8,
    open_interest FLOAT8,
    volume FLOAT8,
    volume_usd FLOAT8,
    mark_iv FLOAT8,
    underlying_price FLOAT8,
    interest_rate FLOAT8,
    settlement_price FLOAT8,
    funding_rate FLOAT8,
    CONSTRAINT book_summaries_key UNIQUE (instrument_id, event_at)
);

CREATE TABLE settlements (
    event_at TIMESTAMPTZ NOT NULL,
    received_at TIMESTAMPTZ NOT NULL,
    instrument_id INTEGER NOT NULL,
    type TEXT NOT NULL,
    index_price FLOAT8,
    mark_price FLOAT8,
    position FLOAT8,
    profit_loss FLOAT8,
    session_profit_loss FLOAT8,
    funding FLOAT8,
    CONSTRAINT settlements_key UNIQUE (instrument_id, event_at, type)
);

CREATE TABLE delivery_prices (
    event_at TIMESTAMPTZ NOT NULL,
    received_at TIMESTAMPTZ NOT NULL,
    instrument_id INTEGER NOT NULL,
    price FLOAT8 NOT NULL,
    CONSTRAINT delivery_prices_key UNIQUE (instrument_id, event_at)
);
"""

HYPERTABLES = {"book_summaries": "7 days", "settlements": "365 days", "delivery_prices": "365 days"}

# A view's columns keep their places; new ones stand behind them.
VIEWS = """
CREATE FUNCTION usd_value(price FLOAT8, price_unit TEXT, coin_price FLOAT8) RETURNS FLOAT8 IMMUTABLE PARALLEL SAFE LANGUAGE sql AS
$$ SELECT CASE WHEN price_unit IN ('USD', 'USDC', 'USDT') THEN price WHEN price_unit IS NOT NULL THEN price * coin_price END $$;
COMMENT ON FUNCTION usd_value IS 'a price in USD: as it stands where it is in dollars, else times the price of the coin it is in';

CREATE OR REPLACE VIEW marketdata.symbols AS
SELECT venue, symbol, instrument_id, status, base_asset, quote_asset, contract_type, tick_size, lot_size, listed_at, expires_at, updated_at,
       amount_unit, price_unit
FROM instruments;

CREATE OR REPLACE VIEW eth_option_quotes AS
SELECT q.event_at AS event_time, q.received_at, i.venue, i.symbol, i.expires_at,
       i.attributes->>'option_type' AS option_type, (i.attributes->>'strike')::float8 AS strike,
       i.price_unit, q.bid_price, q.bid_quantity, q.ask_price, q.ask_quantity, i.amount_unit
FROM quotes q JOIN instruments i USING (instrument_id)
WHERE i.base_asset = 'ETH' AND i.contract_type ILIKE 'option';

CREATE OR REPLACE VIEW eth_option_trades AS
SELECT t.event_at AS trade_time, t.received_at, i.venue, i.symbol, i.expires_at,
       i.attributes->>'option_type' AS option_type, (i.attributes->>'strike')::float8 AS strike,
       i.price_unit, t.trade_id, t.price, t.quantity, t.side, t.mark_price, t.index_price,
       t.implied_volatility, t.flags, i.amount_unit, usd_value(t.price, i.price_unit, t.index_price) AS price_usd
FROM trades t JOIN instruments i USING (instrument_id)
WHERE i.base_asset = 'ETH' AND i.contract_type ILIKE 'option';

CREATE OR REPLACE VIEW options_greeks AS
SELECT k.event_at AS event_time, k.received_at, i.venue, i.symbol, i.base_asset, i.expires_at,
       i.attributes->>'option_type' AS option_type, (i.attributes->>'strike')::float8 AS strike,
       i.price_unit, k.mark_price, k.underlying_price, k.index_price, k.open_interest,
       k.mark_iv, k.bid_iv, k.ask_iv, k.delta, k.gamma, k.vega, k.theta, k.rho, i.amount_unit,
       usd_value(k.mark_price, i.price_unit, coalesce(k.underlying_price, k.index_price)) AS mark_usd
FROM tickers k JOIN instruments i USING (instrument_id)
WHERE i.contract_type ILIKE 'option' AND k.delta IS NOT NULL;
"""


def upgrade() -> None:
    op.execute(UNITS)
    op.execute(TABLES)
    for table, chunk in HYPERTABLES.items():
        create_hypertable(table, "event_at", chunk)
    op.execute(VIEWS)
