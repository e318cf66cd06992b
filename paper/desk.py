"""Where the parts of the engine meet: rules, state, and what of both has to be stored. Pure."""

from typing import Any

from paper import audit
from paper.rules import Rules
from paper.state import ZERO, Changes, Head, Opportunity, Order, Row, Scope, State, Venue, encode

DAY_US = 86_400_000_000
#: A time that does not come.
FOREVER_US = 1 << 62


class Desk:
    """Whoever changes an entry of the state says so (`touch`, or `keep_…` where a table shows it too); `take` hands over what was said."""

    def __init__(self, rules: Rules, state: State) -> None:
        self.rules = rules
        self.state = state
        self.head: Head = state.head[""]
        self.max_age_us = int(rules.max_book_age_seconds * 1_000_000)
        self.max_silence_us = int(rules.max_silence_seconds * 1_000_000)
        #: When the engine has something to do without being told anything: never later than that.
        self.wakes_us = FOREVER_US
        self._dirty: dict[str, set[Any]] = {}
        self._rows: dict[str, dict[Any, Row | None]] = {}

    def wake(self, at_us: int) -> None:
        self.wakes_us = min(self.wakes_us, at_us)

    def touch(self, kind: str, key: Any) -> None:
        try:
            self._dirty[kind].add(key)
        except KeyError:
            self._dirty[kind] = {key}

    def row(self, table: str, key: Any, row: Row | None) -> None:
        self._rows.setdefault(table, {})[key] = row

    @property
    def decided(self) -> bool:
        """There are rows to be stored."""
        return bool(self._rows)

    def take(self) -> Changes:
        self.touch("head", "")
        changes = Changes(self._rows, encode(self.state, self._dirty))
        self._rows, self._dirty = {}, {}
        return changes

    # --- decisions --------------------------------------------------------------------------------------------------------
    def note(self, kind: str, subject: str, **details: Any) -> None:
        """A decision: one more row of the chain."""
        head = self.head
        entry = audit.follow(head.hash, head.audits + 1, head.now_us, kind, subject, details)
        head.audits, head.hash = entry.number, entry.hash
        row = {"number": entry.number, "at": entry.at_us, "kind": entry.kind, "subject": entry.subject, "details": entry.details}
        self.row("audit_logs", entry.number, {**row, "previous": entry.previous, "hash": entry.hash})

    # --- entries that a table shows ---------------------------------------------------------------------------------------
    def venue(self, name: str) -> Venue:
        found = self.state.venues.get(name)
        if found is None:
            found = self.state.venues[name] = Venue()
            self.touch("venues", name)
            cash = self.rules.cash.get(name)
            if cash:
                self.note("cash", f"venue {name}", dollars=cash)
                for scope in (f"venue {name}", "all"):
                    self.scope(scope).cash += cash
                    self.keep_scope(scope)
        return found

    def scope(self, name: str) -> Scope:
        """Of today: what is counted by the day begins anew with it."""
        found = self.state.scopes.get(name)
        if found is None:
            found = self.state.scopes[name] = Scope()
            self.touch("scopes", name)
        today = self.head.now_us // DAY_US
        if found.day != today:
            self.touch("scopes", name)
            found.day, found.spent, found.won, found.accepted = today, ZERO, ZERO, ZERO
        return found

    def keep_scope(self, name: str) -> None:
        one = self.state.scopes[name]
        self.touch("scopes", name)
        row = _columns(one, "cash bound reserved bound_days capital_days realised fees spent won accepted")
        halted = {"halted": list(one.halted), "halted_at": one.halted_us or None}
        self.row("risk_states", name, {"scope": name, **row, **halted, "day": one.day * DAY_US, "updated_at": self.head.now_us})

    def keep_order(self, order: Order) -> None:
        self.touch("orders", order.number)
        row = _columns(order, "lock opportunity pair_id purpose action outcome quantity price reserved state filled paid fee why")
        row |= {"order_id": order.number, "leg": order.name, "venue": order.leg.venue, "instrument_id": order.leg.instrument_id}
        row |= {"lock_id": row.pop("lock"), "opportunity_id": row.pop("opportunity"), "limit_price": row.pop("price")}
        self.row("orders", order.number, {**row, "sent_at": order.sent_us, "arrives_at": order.arrives_us})

    def keep_position(self, key: str) -> None:
        self.touch("positions", key)
        one = self.state.positions.get(key)
        if one is None:
            self.row("open_positions", key, None)
            return
        row = _columns(one, "pair_id venue instrument_id outcome quantity cost bound_days capital_days unmatched")
        times = {"opened_at": one.opened_us, "updated_at": one.since_us}
        self.row("open_positions", key, {"position": key, **row, "leg": one.name, **times})

    def keep_opportunity(self, one: Opportunity, *, over: bool = False) -> None:
        one.stored_us, one.unstored = self.head.now_us, False
        row = _columns(one, "pair_id yes_leg best_edge best_edge_share capacity cost fees fees_known note looks appearances taken_shares")
        lists = {"breaks": list(one.breaks), "reasons": list(one.reasons)}
        times = {"first_seen_at": one.first_us, "last_seen_at": one.last_us, "ended_at": one.gone_us if over else None}
        row |= {"opportunity_id": one.number, **lists, **times, "taken": one.taken_shares > 0, "end_reason": one.gone_why if over else None}
        self.row("opportunities", one.number, row)


def _columns(one: Any, names: str) -> Row:
    return {name: getattr(one, name) for name in names.split()}
