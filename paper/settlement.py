"""What a market comes out as, by as many sources as its venue needs, and what positions then pay. Pure.

Only `resolved` and `void` are final; what is proposed or determined may still turn. A dispute halts, and so do sources that contradict each other
or themselves.
"""

from decimal import Decimal

from paper import accounts, risk
from paper.desk import Desk
from paper.events import ResultSaid
from paper.state import Said
from paper.values import VOID, YES

RESOLVED, DISPUTED = "resolved", "disputed"
HALF, ONE, ZERO = Decimal("0.5"), Decimal(1), Decimal(0)
#: More different sources than any venue has: one more is told and left out.
MAX_SOURCES = 16


def hear(desk: Desk, event: ResultSaid) -> None:
    """One word of one source. Said twice it is one."""
    about = f"instrument {event.instrument_id}"
    said = desk.state.said.setdefault(event.instrument_id, {})
    word = Said(event.status, HALF if event.status == VOID and event.payout is None else event.payout)
    if said.get(event.source) == word:
        return
    told = {"source": event.source, "status": word.status, "payout": word.payout}
    possible = word.payout is None or (word.payout.is_finite() and ZERO <= word.payout <= ONE)
    if not possible or (event.source not in said and len(said) >= MAX_SOURCES):
        desk.note("result left out", about, **told)
        return
    said[event.source] = word
    desk.touch("said", event.instrument_id)
    desk.note("result", about, **told)
    if word.status == DISPUTED:
        _halt(desk, event.instrument_id, "disputed market")
    settle(desk, event.instrument_id)


def settle(desk: Desk, instrument_id: int) -> None:
    """Pay out what is held of the instrument, if enough sources agree."""
    said = desk.state.said.get(instrument_id, {})
    final = {source: word.payout for source, word in sorted(said.items()) if word.status in (RESOLVED, VOID) and word.payout is not None}
    payouts = set(final.values())
    before = desk.state.settled.get(instrument_id)
    if before is not None and payouts - {before}:
        _halt(desk, instrument_id, "result changed after settlement")
    elif len(payouts) > 1:
        _halt(desk, instrument_id, "sources disagree")
    elif payouts:
        for key, position in sorted(desk.state.positions.items()):
            if position.instrument_id == instrument_id and len(final) >= position.sources:
                _pay_out(desk, key, next(iter(final.values())), list(final))
        risk.count_loss(desk)


def _pay_out(desk: Desk, key: str, payout: Decimal, sources: list[str]) -> None:
    position, head = desk.state.positions[key], desk.head
    quantity, cost, share = position.quantity, position.cost, payout if position.outcome == YES else ONE - payout
    realised = accounts.sold(desk, key, quantity, quantity * share)
    head.settlements += 1
    row = {"settlement_id": head.settlements, "pair_id": position.pair_id, "venue": position.venue, "instrument_id": position.instrument_id}
    row |= {"outcome": position.outcome, "quantity": quantity, "payout": share, "cost": cost, "realised": realised, "sources": sources}
    row |= {"capital_days": position.capital_days, "opened_at": position.opened_us, "settled_at": head.now_us}
    desk.row("paper_settlements", head.settlements, row)
    desk.state.settled[position.instrument_id] = payout
    desk.touch("settled", position.instrument_id)
    told = {"outcome": position.outcome, "quantity": quantity, "payout": share, "cost": cost, "realised": realised, "sources": sources}
    desk.note("settlement", f"pair {position.pair_id}", instrument=position.instrument_id, venue=position.venue, **told)


def _halt(desk: Desk, instrument_id: int, reason: str) -> None:
    pairs = {pair.pair_id for pair in desk.state.pairs.values() if instrument_id in (pair.a.instrument_id, pair.b.instrument_id)}
    pairs |= {position.pair_id for position in desk.state.positions.values() if position.instrument_id == instrument_id}
    for pair_id in sorted(pairs):
        risk.halt(desk, f"pair {pair_id}", reason, instrument=instrument_id)
