"""Paper trading: what was offered, ordered, filled, held and settled, what is forbidden, and why each decision fell. No order ever left the farm.

Dollars, prices and shares are NUMERIC. All times are our clock's, as the engine was told them.
"""

from sqlalchemy import BigInteger, Boolean, Column, Date, Identity, Index, Integer, LargeBinary, Numeric, Table, Text, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TIMESTAMP

from db.tables import metadata

_AT = TIMESTAMP(timezone=True)
_PAIR = "contract_matches: the number of the pair"


def _dollars(name: str, meaning: str) -> Column:  # type: ignore[type-arg]
    return Column(name, Numeric, nullable=False, comment=meaning)


def _leg() -> list[Column]:  # type: ignore[type-arg]
    return [
        Column("venue", Text, nullable=False, comment="folder name below venues/"),
        Column("instrument_id", Integer, nullable=False, comment="instruments.instrument_id, whose book is that of YES"),
        Column("outcome", Text, nullable=False, comment="yes or no: what a share pays on; prices are those of a share of it"),
    ]


opportunities = Table(
    "opportunities",
    metadata,
    Column("opportunity_id", BigInteger, primary_key=True, autoincrement=False, comment="number, counted by the engine"),
    Column("pair_id", Integer, nullable=False, comment=_PAIR),
    Column("yes_leg", Text, nullable=False, comment="a or b: the leg whose YES is bought, with NO of the other"),
    Column("first_seen_at", _AT, nullable=False, comment="first look at the books that showed it"),
    Column("last_seen_at", _AT, nullable=False, comment="last such look; up to a second behind while it lives"),
    Column("ended_at", _AT, comment="when the books did not show it any more; absent while they do"),
    Column(
        "end_reason",
        Text,
        comment="edge gone, taken, stale book, book not trusted, venue paused, market ..., pair withdrawn, terms changed",
    ),
    _dollars("best_edge", "dollars that the best look promised: shares less cost less fees"),
    _dollars("best_edge_share", "the most dollars a share that a look promised"),
    _dollars("capacity", "the most shares that the books offered above the least edge"),
    _dollars("cost", "dollars for both legs at the best look, without fees"),
    _dollars("fees", "dollars of fees at the best look"),
    Column("fees_known", Boolean, nullable=False, comment="false: a venue did not say its fees, and the worst it charges was taken"),
    Column("note", Text, nullable=False, comment="why fees are not known"),
    Column("breaks", ARRAY(Text), nullable=False, comment="results of a/b in which the lock pays less than was reckoned with"),
    Column("looks", BigInteger, nullable=False, comment="looks at the books that showed it"),
    Column("appearances", BigInteger, nullable=False, comment="times it came; one that is back within a second is the same"),
    Column("taken", Boolean, nullable=False, comment="whether orders were sent"),
    _dollars("taken_shares", "shares of a lock that were ordered"),
    Column("reasons", ARRAY(Text), nullable=False, comment="why it was not taken, or not more of it, each once"),
    Index("opportunities_seen", "first_seen_at"),
    Index("opportunities_pair", "pair_id", "first_seen_at"),
    comment="locks that two books offered, each with its life",
)

orders = Table(
    "orders",
    metadata,
    Column("order_id", BigInteger, primary_key=True, autoincrement=False, comment="number, counted by the engine"),
    Column("lock_id", BigInteger, nullable=False, comment="orders.order_id of the first order of the same lock"),
    Column("opportunity_id", BigInteger, nullable=False, comment="opportunities.opportunity_id"),
    Column("pair_id", Integer, nullable=False, comment=_PAIR),
    Column("leg", Text, nullable=False, comment="a or b"),
    Column("purpose", Text, nullable=False, comment="lock: one leg of it; unwind: sells what one leg got too much"),
    *_leg(),
    Column("action", Text, nullable=False, comment="buy or sell"),
    _dollars("quantity", "shares asked for"),
    _dollars("limit_price", "the worst price of a share that is taken"),
    Column("sent_at", _AT, nullable=False, comment="when it was decided"),
    Column("arrives_at", _AT, nullable=False, comment="when it meets the book: latency and the venue's own delay later"),
    Column("state", Text, nullable=False, comment="under way, filled, partly filled, missed"),
    _dollars("reserved", "dollars that it may cost at most"),
    _dollars("filled", "shares it got"),
    _dollars("paid", "price times shares of its fills"),
    _dollars("fee", "dollars of fees"),
    Column("why", Text, nullable=False, comment="what kept it from more"),
    Index("orders_opportunity", "opportunity_id"),
    comment="orders on paper; none was ever sent to a venue",
)

fills = Table(
    "fills",
    metadata,
    Column("fill_id", BigInteger, primary_key=True, autoincrement=False, comment="number, counted by the engine"),
    Column("order_id", BigInteger, nullable=False, comment="orders.order_id"),
    Column("pair_id", Integer, nullable=False, comment=_PAIR),
    *_leg(),
    Column("action", Text, nullable=False, comment="buy or sell"),
    _dollars("price", "dollars a share"),
    _dollars("quantity", "shares"),
    _dollars("fee", "dollars that this fill adds to the fee of its order; below nothing where a venue gives rounded cents back"),
    _dollars("realised", "of a sale: proceeds less fee less the cost of what was sold; 0 of a purchase"),
    Column("filled_at", _AT, nullable=False, comment="when the order met the book"),
    Column("book_received_at", _AT, nullable=False, comment="our clock at the newest frame of that book"),
    Index("fills_order", "order_id"),
    Index("fills_filled", "filled_at"),
    comment="what orders took of recorded books, level by level",
)

open_positions = Table(
    "open_positions",
    metadata,
    Column("position", Text, primary_key=True, comment="pair, instrument and outcome"),
    Column("pair_id", Integer, nullable=False, comment=_PAIR),
    Column("leg", Text, nullable=False, comment="a or b"),
    *_leg(),
    _dollars("quantity", "shares held"),
    _dollars("cost", "dollars paid for them, fees included"),
    _dollars("unmatched", "shares of them that no other leg covers, as nobody took them back"),
    _dollars("bound_days", "cost times days until the later market closes, as reckoned at entry"),
    _dollars("capital_days", "cost times days that it was bound, up to updated_at"),
    Column("opened_at", _AT, nullable=False, comment="first fill"),
    Column("updated_at", _AT, nullable=False, comment="last change"),
    comment="shares that are held; what is settled or sold is not here any more",
)

paper_settlements = Table(
    "paper_settlements",
    metadata,
    Column("settlement_id", BigInteger, primary_key=True, autoincrement=False, comment="number, counted by the engine"),
    Column("pair_id", Integer, nullable=False, comment=_PAIR),
    *_leg(),
    _dollars("quantity", "shares paid out"),
    _dollars("payout", "dollars a share of the outcome"),
    _dollars("cost", "dollars that they had cost, fees included"),
    _dollars("realised", "quantity times payout less cost"),
    _dollars("capital_days", "cost times days that it was bound"),
    Column("sources", ARRAY(Text), nullable=False, comment="who agreed on the result"),
    Column("opened_at", _AT, nullable=False, comment="first fill of the position"),
    Column("settled_at", _AT, nullable=False, comment="when enough sources had agreed"),
    Index("paper_settlements_settled", "settled_at"),
    comment="positions that were paid out at the end of their market",
)

risk_states = Table(
    "risk_states",
    metadata,
    Column("scope", Text, primary_key=True, comment="all, venue NAME or pair NUMBER"),
    Column(
        "halted", ARRAY(Text), nullable=False, comment="why nothing new is taken in it, until a person lifts it; empty: it is not halted"
    ),
    Column("halted_at", _AT, comment="since when"),
    _dollars("cash", "dollars on the paper account of a venue, or of all; of a pair 0"),
    _dollars("bound", "cost of its positions"),
    _dollars("reserved", "what its orders under way may cost at most"),
    _dollars("bound_days", "bound and reserved dollars times days until their markets close, as reckoned at entry"),
    _dollars("capital_days", "cost times days that its positions were bound, those that are open up to their last change"),
    _dollars("realised", "won or lost by sales and settlements, ever"),
    _dollars("fees", "dollars of fees, ever"),
    Column("day", Date, nullable=False, comment="the day of UTC of the next three"),
    _dollars("spent", "dollars newly bound on that day"),
    _dollars("won", "realised on that day"),
    _dollars("accepted", "of it, what a person took note of by lifting a halt"),
    Column("updated_at", _AT, nullable=False, comment="last change"),
    comment="what is bound, won and forbidden, in all, by venue and by pair",
)

audit_logs = Table(
    "audit_logs",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False, comment="from 1 on, without holes"),
    Column("at", _AT, nullable=False, comment="when it was decided"),
    Column("kind", Text, nullable=False, comment="what was decided"),
    Column("subject", Text, nullable=False, comment="about what"),
    Column("details", JSONB, nullable=False, comment="on what grounds; amounts are text"),
    Column("previous", LargeBinary, nullable=False, comment="hash of the row before"),
    Column("hash", LargeBinary, nullable=False, comment="SHA-256 of `previous` and this row's canonical text"),
    Index("audit_logs_at", "at"),
    comment="every decision of the paper engine, append only: a trigger refuses changes, and each row holds the hash of the one before",
)

paper_state = Table(
    "paper_state",
    metadata,
    Column("key", Text, primary_key=True, comment="kind and key of an entry of the engine's state; `offset`: how far events are read"),
    Column("value", Text, nullable=False, comment="the entry as JSON; the offset as it is"),
    comment="all that the paper engine needs to go on after a restart, in the transaction of the rows above",
)

paper_asks = Table(
    "paper_asks",
    metadata,
    Column("ask_id", BigInteger, Identity(), primary_key=True, comment="number; the engine takes them in this order"),
    Column("asked_at", _AT, nullable=False, server_default=text("clock_timestamp()"), comment="our clock"),
    Column("what", Text, nullable=False, comment="halt or resume"),
    Column("scope", Text, nullable=False, comment="all, venue NAME or pair NUMBER"),
    Column("reason", Text, nullable=False, comment="why, in the words of who asks"),
    Column("by", Text, nullable=False, comment="who asks: the account of the machine"),
    Column("taken_at", _AT, comment="our clock when the engine acted on it, in that transaction; absent: it waits"),
    Index("paper_asks_waiting", "ask_id", postgresql_where=text("taken_at IS NULL")),
    comment="halts and resumes that a person asks of the paper engine",
)
