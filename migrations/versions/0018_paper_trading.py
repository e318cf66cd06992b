"""Paper trading: opportunities, orders, fills, positions, settlements, what is forbidden, every decision, and what the engine knows."""

from alembic import op

revision = "0018"
down_revision = "0017"

TABLES = """
CREATE TABLE opportunities (
    opportunity_id BIGINT NOT NULL,
    pair_id INTEGER NOT NULL,
    yes_leg TEXT NOT NULL,
    first_seen_at TIMESTAMPTZ NOT NULL,
    last_seen_at TIMESTAMPTZ NOT NULL,
    ended_at TIMESTAMPTZ,
    end_reason TEXT,
    best_edge NUMERIC NOT NULL,
    best_edge_share NUMERIC NOT NULL,
    capacity NUMERIC NOT NULL,
    cost NUMERIC NOT NULL,
    fees NUMERIC NOT NULL,
    fees_known BOOLEAN NOT NULL,
    note TEXT NOT NULL,
    breaks TEXT[] NOT NULL,
    looks BIGINT NOT NULL,
    appearances BIGINT NOT NULL,
    taken BOOLEAN NOT NULL,
    taken_shares NUMERIC NOT NULL,
    reasons TEXT[] NOT NULL,
    PRIMARY KEY (opportunity_id)
);
CREATE INDEX opportunities_pair ON opportunities (pair_id, first_seen_at);
CREATE INDEX opportunities_seen ON opportunities (first_seen_at);

CREATE TABLE orders (
    order_id BIGINT NOT NULL,
    lock_id BIGINT NOT NULL,
    opportunity_id BIGINT NOT NULL,
    pair_id INTEGER NOT NULL,
    leg TEXT NOT NULL,
    purpose TEXT NOT NULL,
    venue TEXT NOT NULL,
    instrument_id INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    action TEXT NOT NULL,
    quantity NUMERIC NOT NULL,
    limit_price NUMERIC NOT NULL,
    sent_at TIMESTAMPTZ NOT NULL,
    arrives_at TIMESTAMPTZ NOT NULL,
    state TEXT NOT NULL,
    reserved NUMERIC NOT NULL,
    filled NUMERIC NOT NULL,
    paid NUMERIC NOT NULL,
    fee NUMERIC NOT NULL,
    why TEXT NOT NULL,
    PRIMARY KEY (order_id)
);
CREATE INDEX orders_opportunity ON orders (opportunity_id);

CREATE TABLE fills (
    fill_id BIGINT NOT NULL,
    order_id BIGINT NOT NULL,
    pair_id INTEGER NOT NULL,
    venue TEXT NOT NULL,
    instrument_id INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    action TEXT NOT NULL,
    price NUMERIC NOT NULL,
    quantity NUMERIC NOT NULL,
    fee NUMERIC NOT NULL,
    realised NUMERIC NOT NULL,
    filled_at TIMESTAMPTZ NOT NULL,
    book_received_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (fill_id)
);
CREATE INDEX fills_filled ON fills (filled_at);
CREATE INDEX fills_order ON fills (order_id);

CREATE TABLE open_positions (
    position TEXT NOT NULL,
    pair_id INTEGER NOT NULL,
    leg TEXT NOT NULL,
    venue TEXT NOT NULL,
    instrument_id INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    quantity NUMERIC NOT NULL,
    cost NUMERIC NOT NULL,
    unmatched NUMERIC NOT NULL,
    bound_days NUMERIC NOT NULL,
    capital_days NUMERIC NOT NULL,
    opened_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (position)
);

CREATE TABLE paper_settlements (
    settlement_id BIGINT NOT NULL,
    pair_id INTEGER NOT NULL,
    venue TEXT NOT NULL,
    instrument_id INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    quantity NUMERIC NOT NULL,
    payout NUMERIC NOT NULL,
    cost NUMERIC NOT NULL,
    realised NUMERIC NOT NULL,
    capital_days NUMERIC NOT NULL,
    sources TEXT[] NOT NULL,
    opened_at TIMESTAMPTZ NOT NULL,
    settled_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (settlement_id)
);
CREATE INDEX paper_settlements_settled ON paper_settlements (settled_at);

CREATE TABLE risk_states (
    scope TEXT NOT NULL,
    halted TEXT[] NOT NULL,
    halted_at TIMESTAMPTZ,
    cash NUMERIC NOT NULL,
    bound NUMERIC NOT NULL,
    reserved NUMERIC NOT NULL,
    bound_days NUMERIC NOT NULL,
    capital_days NUMERIC NOT NULL,
    realised NUMERIC NOT NULL,
    fees NUMERIC NOT NULL,
    day DATE NOT NULL,
    spent NUMERIC NOT NULL,
    won NUMERIC NOT NULL,
    accepted NUMERIC NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (scope)
);

CREATE TABLE audit_logs (
    number BIGINT NOT NULL,
    at TIMESTAMPTZ NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    details JSONB NOT NULL,
    previous BYTEA NOT NULL,
    hash BYTEA NOT NULL,
    PRIMARY KEY (number)
);
CREATE INDEX audit_logs_at ON audit_logs (at);

CREATE TABLE paper_state (
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (key)
);
"""

# Whoever may write rows of it may not change them: the owner alone could take this away, and the chain of hashes would tell.
APPEND_ONLY = """
CREATE FUNCTION audit_logs_grow_only() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'audit_logs only grows: % is refused', TG_OP USING ERRCODE = 'restrict_violation';
END
$$;
CREATE TRIGGER audit_logs_grow_only BEFORE UPDATE OR DELETE ON audit_logs FOR EACH ROW EXECUTE FUNCTION audit_logs_grow_only();
CREATE TRIGGER audit_logs_stay BEFORE TRUNCATE ON audit_logs FOR EACH STATEMENT EXECUTE FUNCTION audit_logs_grow_only();
DO $$
BEGIN
    IF to_regrole('tapefarm_writer') IS NOT NULL THEN
        REVOKE UPDATE, DELETE ON audit_logs FROM tapefarm_writer;
    END IF;
END $$;
"""


def upgrade() -> None:
    op.execute(TABLES)
    op.execute(APPEND_ONLY)
