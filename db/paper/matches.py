"""contract_matches: pairs, what becomes of them and by whom. Every decision is a row of history in the same transaction.

MatchError     a decision that cannot be made; the sentence says why
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import execute_values

from paper.matching import Candidate
from paper.values import NO, VOID, YES

PROPOSED, CONFIRMED, REJECTED, SUSPENDED = "proposed", "confirmed", "rejected", "suspended"
STATES = (PROPOSED, CONFIRMED, REJECTED, SUSPENDED)
#: Who suspends a pair that no longer is what a person has confirmed.
FARM = "farm"
#: States of both sides that a lock does not promise to pay in: only a person can say that they may come.
TAILS = tuple(f"{a}/{b}" for a in (YES, NO, VOID) for b in (YES, NO, VOID) if a != b or a == VOID)
#: A market that is over: nothing is to be decided of it any more.
_OVER = ("closed", "resolved")


class MatchError(Exception):
    """A decision that cannot be made."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What a person confirms. `yes_a`, `yes_b`: symbol or name of the outcome that is YES; None: as it was proposed. `rules`: the hashes (or
    their beginnings) of the texts that were read; None: whatever they are now."""

    by: str
    yes_a: str | None = None
    yes_b: str | None = None
    tails: Collection[str] = ()
    notes: str = ""
    rules: tuple[str, str] | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class _Side:
    name: str
    status: str
    outcomes: Sequence[tuple[str, str]]
    rules: str | None
    proposed: str | None

    def yes(self, said: str | None) -> tuple[str, str]:
        """(symbol, name) of the outcome. Raises MatchError."""
        wanted = said if said is not None else self.proposed
        if wanted is None:
            raise MatchError(f"Which outcome of {self.name} is YES has to be said: {self._choice()}.")
        found = [(symbol, name) for symbol, name in self.outcomes if wanted == symbol or wanted.casefold() == name.casefold()]
        if len(found) != 1:
            raise MatchError(f"{self.name} has no outcome {wanted!r}: {self._choice()}.")
        return found[0]

    def _choice(self) -> str:
        return " or ".join(name for _, name in self.outcomes)


# --- proposing ------------------------------------------------------------------------------------------------------------
def lock(cursor: Cursor) -> bool:
    """One proposes at a time, until the transaction ends."""
    cursor.execute("SELECT pg_try_advisory_xact_lock(hashtext('contract_matches'))")
    return bool(cursor.fetchone()[0])  # type: ignore[index]


def propose(cursor: Cursor, found: Sequence[Candidate]) -> tuple[int, int]:
    """(new, changed). What a person has decided of is left as it is; proposals about markets that are over go."""
    cursor.execute(
        "CREATE TEMP TABLE found_matches (a int, b int, yes_a text, yes_b text, score float8, why text[], cautions text[]) ON COMMIT DROP"
    )
    rows = [(one.market_key_a, one.market_key_b, one.yes_a, one.yes_b, one.score, list(one.why), list(one.cautions)) for one in found]
    execute_values(
        cursor, "INSERT INTO found_matches VALUES %s", rows, template="(%s, %s, %s, %s, %s, %s::text[], %s::text[])", page_size=500
    )
    cursor.execute(
        "UPDATE contract_matches m SET yes_symbol_a = f.yes_a, yes_symbol_b = f.yes_b, score = f.score, why = f.why, cautions = f.cautions "
        "FROM found_matches f WHERE (m.market_key_a, m.market_key_b) = (f.a, f.b) AND m.state = 'proposed' "
        "AND (m.yes_symbol_a, m.yes_symbol_b, m.score, m.why, m.cautions) IS DISTINCT FROM (f.yes_a, f.yes_b, f.score, f.why, f.cautions)"
    )
    changed = cursor.rowcount
    cursor.execute(
        "INSERT INTO contract_matches (market_key_a, market_key_b, state, yes_symbol_a, yes_symbol_b, score, why, cautions, proposed_at) "
        "SELECT a, b, 'proposed', yes_a, yes_b, score, why, cautions, now() FROM found_matches f "
        "WHERE NOT EXISTS (SELECT FROM contract_matches m WHERE (m.market_key_a, m.market_key_b) = (f.a, f.b)) ORDER BY score DESC, a, b"
    )
    new = cursor.rowcount
    cursor.execute(
        "DELETE FROM contract_matches m USING markets k WHERE m.state = 'proposed' AND k.market_key IN (m.market_key_a, m.market_key_b) "
        "AND k.status = ANY(%s)",
        (list(_OVER),),
    )
    return new, changed


def enter(cursor: Cursor, market_key_a: int, market_key_b: int) -> int:
    """The number of a pair that somebody names; it is a proposal if it was not there."""
    cursor.execute(
        "INSERT INTO contract_matches (market_key_a, market_key_b, state, proposed_at) VALUES (%s, %s, 'proposed', now()) "
        "ON CONFLICT (market_key_a, market_key_b) DO UPDATE SET state = contract_matches.state RETURNING pair_id",
        (market_key_a, market_key_b),
    )
    return int(cursor.fetchone()[0])  # type: ignore[index]


# --- a person's decisions -------------------------------------------------------------------------------------------------
def confirm(cursor: Cursor, pair_id: int, decision: Decision) -> None:
    """From now on the pair may be traded, until a text changes. Raises MatchError; the transaction is to be given up then."""
    a, b = _sides(cursor, pair_id)
    for side in (a, b):
        if side.status in _OVER:
            raise MatchError(f"{side.name} is {side.status}: there is nothing left to trade.")
        if side.rules is None:
            raise MatchError(f"{side.name} has no rules yet: a pair is confirmed by its rules.")
    if decision.rules is not None and not all(
        str(side.rules).startswith(read) and read for side, read in zip((a, b), decision.rules, strict=True)
    ):
        raise MatchError(f"The rules of pair {pair_id} are other ones than were read: look at them again.")
    if unknown := sorted(set(decision.tails) - set(TAILS)):
        raise MatchError(f"{', '.join(unknown)} is no tail case: there are {', '.join(TAILS)}.")
    yes_a, yes_b = a.yes(decision.yes_a), b.yes(decision.yes_b)
    cursor.execute(
        "UPDATE contract_matches SET yes_symbol_a = %s, yes_name_a = %s, yes_symbol_b = %s, yes_name_b = %s, rules_sha256_a = %s, "
        "rules_sha256_b = %s, tails = %s::text[], notes = %s, last_sum = NULL, summed_at = NULL, sums_off = 0 WHERE pair_id = %s",
        (*yes_a, *yes_b, a.rules, b.rules, sorted(decision.tails), decision.notes, pair_id),
    )
    cursor.execute(
        "SELECT FROM contract_matches m JOIN markets a ON a.market_key = m.market_key_a JOIN markets b ON b.market_key = m.market_key_b "
        "JOIN instruments ia ON (ia.venue, ia.symbol) = (a.venue, m.yes_symbol_a) "
        "JOIN instruments ib ON (ib.venue, ib.symbol) = (b.venue, m.yes_symbol_b) WHERE m.pair_id = %s",
        (pair_id,),
    )
    if not cursor.rowcount:
        raise MatchError(f"The instruments of pair {pair_id} are not listed yet: wait for the venue's next list.")
    _decide(cursor, [pair_id], CONFIRMED, decision.by, decision.reason)


def reject(cursor: Cursor, pair_id: int, by: str, reason: str) -> None:
    """The machine does not propose it again. Raises MatchError."""
    _sides(cursor, pair_id)
    _decide(cursor, [pair_id], REJECTED, by, reason)


def suspend(cursor: Cursor, pair_id: int, by: str, reason: str) -> None:
    """A confirmed pair is not traded until somebody confirms it again. Raises MatchError."""
    _sides(cursor, pair_id)
    cursor.execute("SELECT state FROM contract_matches WHERE pair_id = %s", (pair_id,))
    (state,) = cursor.fetchone()  # type: ignore[misc]
    if state not in (CONFIRMED, SUSPENDED):
        raise MatchError(f"Pair {pair_id} is {state}: only what is confirmed can be suspended.")
    _decide(cursor, [pair_id], SUSPENDED, by, reason)


def _sides(cursor: Cursor, pair_id: int) -> tuple[_Side, _Side]:
    """Locks the pair. Raises MatchError."""
    cursor.execute(
        "SELECT a.venue || ' ' || a.market_id, a.status, a.outcomes, a.rules_sha256, m.yes_symbol_a, "
        "b.venue || ' ' || b.market_id, b.status, b.outcomes, b.rules_sha256, m.yes_symbol_b FROM contract_matches m "
        "JOIN markets a ON a.market_key = m.market_key_a JOIN markets b ON b.market_key = m.market_key_b WHERE pair_id = %s FOR UPDATE OF m",
        (pair_id,),
    )
    found = cursor.fetchone()
    if found is None:
        raise MatchError(f"There is no pair {pair_id}.")
    return _Side(*found[:5]), _Side(*found[5:])


def _decide(cursor: Cursor, pairs: Sequence[int], state: str, by: str, reason: str) -> None:
    cursor.execute(
        "UPDATE contract_matches SET state = %s, decided_at = clock_timestamp(), decided_by = %s, reason = %s WHERE pair_id = ANY(%s)",
        (state, by, reason, list(pairs)),
    )
    cursor.execute(
        "INSERT INTO contract_match_history (pair_id, decided_at, decided_by, state, reason, yes_symbol_a, yes_symbol_b, rules_sha256_a, "
        "rules_sha256_b, tails, notes) SELECT pair_id, decided_at, decided_by, state, reason, yes_symbol_a, yes_symbol_b, rules_sha256_a, "
        "rules_sha256_b, tails, notes FROM contract_matches WHERE pair_id = ANY(%s) ORDER BY pair_id",
        (list(pairs),),
    )


def suspend_by_farm(cursor: Cursor, pair_id: int, reason: str) -> None:
    _decide(cursor, [pair_id], SUSPENDED, FARM, reason)


def state_of(cursor: Cursor, pair_id: int) -> dict[str, Any]:
    """What an import compares: state, orientation, tails, notes."""
    cursor.execute(
        "SELECT state, yes_symbol_a, yes_symbol_b, rules_sha256_a, rules_sha256_b, tails, notes FROM contract_matches WHERE pair_id = %s",
        (pair_id,),
    )
    names = ("state", "yes_a", "yes_b", "rules_a", "rules_b", "tails", "notes")
    return dict(zip(names, cursor.fetchone() or (), strict=True))
