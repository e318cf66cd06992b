"""Pairs of markets that are perhaps one question, and what a person has decided of them."""

from sqlalchemy import BigInteger, CheckConstraint, Column, Float, Identity, Index, Integer, Table, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY, TIMESTAMP

from db.tables import metadata

_AT = TIMESTAMP(timezone=True)


def _each(name: str, meaning: str) -> list[Column]:  # type: ignore[type-arg]
    return [Column(f"{name}_{side}", Text, comment=f"{meaning}, of market {side}") for side in ("a", "b")]


def _texts(name: str, meaning: str) -> Column:  # type: ignore[type-arg]
    return Column(name, ARRAY(Text), nullable=False, server_default=text("'{}'"), comment=meaning)


_TAILS = 'states "result of a/result of b" that break a lock and that the person has named as possible: yes/no, void/yes, ...'

contract_matches = Table(
    "contract_matches",
    metadata,
    Column("pair_id", Integer, Identity(), primary_key=True, comment="number of the pair"),
    Column("market_key_a", Integer, nullable=False, comment="markets.market_key, of the venue whose name comes first"),
    Column("market_key_b", Integer, nullable=False, comment="markets.market_key, of the other venue"),
    Column("state", Text, nullable=False, comment="proposed, confirmed (the only one that is traded), rejected or suspended"),
    *_each("yes_symbol", "instrument that pays when the answer is yes; absent: the machine does not know, and nobody has said"),
    *_each("yes_name", "name of that outcome at confirmation"),
    *_each("rules_sha256", "markets.rules_sha256 at confirmation"),
    _texts("tails", _TAILS),
    Column("notes", Text, nullable=False, server_default=text("''"), comment="what the person wrote: sources, early close, voids"),
    Column("score", Float(53), comment="0 to 1, how much both questions resemble each other; absent where nobody proposed the pair"),
    _texts("why", "what speaks for the pair"),
    _texts("cautions", "what a person has to look at before confirming"),
    Column("proposed_at", _AT, nullable=False, comment="our clock when the pair was first named"),
    Column("decided_at", _AT, comment="our clock at the last change of state"),
    Column("decided_by", Text, comment="who made it; `farm`: the farm itself"),
    Column("reason", Text, nullable=False, server_default=text("''"), comment="why, of the last change of state"),
    Column("last_sum", Float(53), comment="mid of YES on a and of NO on b together, at the last look; near 1 where both are one question"),
    Column("summed_at", _AT, comment="our clock at that look"),
    Column("sums_off", Integer, nullable=False, server_default=text("0"), comment="looks in a row at which the sum was not near 1"),
    UniqueConstraint("market_key_a", "market_key_b"),
    CheckConstraint("market_key_a <> market_key_b"),
    Index("contract_matches_state", "state", "score"),
    comment="pairs of markets that are perhaps one question: found by the machine, decided by a person",
)

contract_match_history = Table(
    "contract_match_history",
    metadata,
    Column("history_id", BigInteger, Identity(), primary_key=True, comment="number of the decision"),
    Column("pair_id", Integer, nullable=False, comment="contract_matches.pair_id"),
    Column("decided_at", _AT, nullable=False, comment="our clock"),
    Column("decided_by", Text, nullable=False, comment="who; `farm`: the farm itself"),
    Column("state", Text, nullable=False, comment="what the pair became"),
    Column("reason", Text, nullable=False, comment="why"),
    *_each("yes_symbol", "as in contract_matches then"),
    *_each("rules_sha256", "as in contract_matches then"),
    Column("tails", ARRAY(Text), nullable=False, comment=_TAILS),
    Column("notes", Text, nullable=False, comment="as in contract_matches then"),
    Index("contract_match_history_pair", "pair_id", "history_id"),
    comment="every decision about a pair, also the farm's own suspensions",
)
