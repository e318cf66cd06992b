"""What the database has to say to the paper engine since the last look: people, pairs, pauses, statuses, results."""

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

from db.paper import said
from db.paper.said import Ask, Result
from paper.events import Event, Halted, MarketSaid, PairsSet, ResultSaid, Resumed, VenuePaused
from paper.values import Pair

#: Results and terms change rarely, and asking costs more.
RARE_SECONDS = 5.0


class News:
    """Of one attempt at a turn: begins with everything. `instruments`: of the confirmed pairs, whose books are wanted."""

    def __init__(self, confirmed: Callable[[Any, int], tuple[Pair, ...]], held: Callable[[], Collection[int]]) -> None:
        """`confirmed`: (cursor, now in us) -> pairs. `held`: instruments of positions, whose results matter whatever becomes of their pair."""
        self._confirmed, self._held = confirmed, held
        self._pairs: tuple[Pair, ...] | None = None
        self._pauses: dict[str, str] = {}
        self._statuses: dict[int, str] = {}
        self._results: dict[tuple[int, str], Result] = {}
        self._rare_at = 0.0
        self.instruments: frozenset[int] = frozenset()
        self.asked: list[int] = []

    @property
    def pairs(self) -> Sequence[Pair]:
        return self._pairs or ()

    def look(self, cursor: Any, now_us: int) -> Iterator[Event]:
        """In the order in which the engine must hear of it: whoever pulls the switch comes first. `asked` names what of it people said, to
        be taken with what comes of it."""
        asks = said.asked(cursor)
        self.asked = [one.number for one in asks]
        yield from (_of_person(one, now_us) for one in asks)
        rare = time.monotonic() - self._rare_at > RARE_SECONDS
        if rare:
            self._rare_at = time.monotonic()
            yield from self._look_at_pairs(cursor, now_us)
        yield from self._look_at_pauses(cursor, now_us)
        yield from self._look_at_statuses(cursor, now_us)
        if rare:
            yield from self._look_at_results(cursor, now_us)

    def _look_at_pairs(self, cursor: Any, now_us: int) -> Iterator[Event]:
        pairs = self._confirmed(cursor, now_us)
        if pairs != self._pairs:
            self._pairs = pairs
            self.instruments = frozenset(leg.instrument_id for pair in pairs for leg in (pair.a, pair.b))
            yield PairsSet(now_us, pairs)

    def _look_at_pauses(self, cursor: Any, now_us: int) -> Iterator[Event]:
        venues = {leg.venue for pair in self.pairs for leg in (pair.a, pair.b)}
        pauses = said.pauses(cursor, venues)
        for venue in sorted(venues | self._pauses.keys()):
            if pauses.get(venue, "") != self._pauses.get(venue):
                yield VenuePaused(now_us, venue, pauses.get(venue, ""))
        self._pauses = {venue: pauses.get(venue, "") for venue in venues}

    def _look_at_statuses(self, cursor: Any, now_us: int) -> Iterator[Event]:
        markets = {leg.market_key for pair in self.pairs for leg in (pair.a, pair.b)}
        statuses = said.statuses(cursor, markets)
        yield from (MarketSaid(now_us, key, status) for key, status in statuses.items() if self._statuses.get(key) != status)
        self._statuses = statuses

    def _look_at_results(self, cursor: Any, now_us: int) -> Iterator[Event]:
        for one in said.results(cursor, self.instruments.union(self._held())):
            place = one.instrument_id, one.source
            if self._results.get(place) != one:
                self._results[place] = one
                yield ResultSaid(now_us, one.instrument_id, one.source, one.status, one.payout)


def _of_person(one: Ask, now_us: int) -> Event:
    return Resumed(now_us, one.scope, one.by) if one.what == said.RESUME else Halted(now_us, one.scope, f"{one.reason} ({one.by})")
