"""What became of the rows that met nobody: quarantined, lost and counted, or missing; copied twice, or never emitted. Pure."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from ops.verify.compared import Rows, keys, symbol_of, symbols_of

#: Cause of a gap in which a replayed book is not what the venue holds.
DOUBT = "book"
#: Ledger faults whose frame no reader can accept: torn, corrupt, torn within a character.
UNREADABLE_FAULTS = (1, 5, 7)
_ALWAYS = np.iinfo(np.int64)


@dataclass(frozen=True, slots=True)
class Gap:
    """A row of data_gaps: a deaf shard (`symbol` None), or ids of one instrument that were left out, or the doubt about its book. Times in
    the venue's clock."""

    from_us: int | None
    to_us: int | None
    symbol: int | None = None
    first_missing: int = 0
    last_missing: int = 0
    cause: str = ""

    def span(self) -> tuple[int, int]:
        """Both ends belong to it; an absent one has not been seen, or has not come yet."""
        return (_ALWAYS.min if self.from_us is None else self.from_us, _ALWAYS.max if self.to_us is None else self.to_us)


@dataclass(frozen=True, slots=True)
class Absences:
    """`intervals`: the gaps that explain a loss."""

    quarantined: int
    counted_loss: int
    missing: Rows
    intervals: list[Gap]


def explain_absent(
    absent: Rows, gaps: Sequence[Gap], quarantined: Iterable[int], *, by_moment: bool = False, replayed: bool = False
) -> Absences:
    """`quarantined`: the instrument of each frame in quarantine, -1 where its frame does not tell. `by_moment`: a frame held all rows
    of its instrument and time. `replayed`: rows may be wrong, and so not be found, while their book is in doubt."""
    put_aside = _put_aside(absent, Counter(quarantined), by_moment=by_moment)
    losses = _losses(absent[~put_aside], gaps, replayed=replayed)
    lost = np.zeros(int((~put_aside).sum()), bool)
    for _, found in losses:
        lost |= found
    return Absences(int(put_aside.sum()), int(lost.sum()), absent[~put_aside][~lost], [gap for gap, _ in losses])


def _put_aside(absent: Rows, frames: Counter[int], *, by_moment: bool) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
    """Unreadable frames for which a frame of the same instrument is in quarantine; one frame excuses one row, or those of one moment."""
    found = np.zeros(len(absent), bool)
    excused: set[tuple[int, int]] = set()
    for at in np.flatnonzero(np.isin(absent["fault"], UNREADABLE_FAULTS)):
        symbol = symbol_of(absent["key"][at])
        moment = (symbol, int(absent["event_us"][at]))
        pool = symbol if frames[symbol] > 0 else -1
        if by_moment and moment in excused:
            found[at] = True
        elif frames[pool] > 0:
            frames[pool] -= 1
            found[at] = True
            excused.add(moment)
    return found


def _losses(absent: Rows, gaps: Sequence[Gap], *, replayed: bool) -> list[tuple[Gap, "np.ndarray[tuple[int], np.dtype[np.bool_]]"]]:
    """Gaps, each with the rows that it explains. A hole in the ids explains nothing by itself: that we noticed it does not mean that
    nobody was to blame for it."""
    deaf = [gap.span() for gap in gaps if gap.symbol is None]
    order = np.argsort(absent["key"])
    losses = []
    for gap in gaps:
        if gap.symbol is None:
            found = _within(absent, gap)
        elif gap.symbol < 0:
            continue
        elif replayed and gap.cause == DOUBT:
            found = _within(absent, gap)
        elif gap.last_missing and _overlaps(gap.span(), deaf):
            # A loss of unknown size leaves out no ids: what it cost is told by the deaf time. The ids of one instrument are one range of keys.
            ends = keys(np.array([gap.symbol] * 2), np.array([gap.first_missing, gap.last_missing]))
            found = np.zeros(len(absent), bool)
            found[order[slice(*np.searchsorted(absent["key"], ends + np.array([0, 1], np.uint64), sorter=order))]] = True
        else:
            continue
        if found.any():
            losses.append((gap, found))
    return losses


def _within(rows: Rows, gap: Gap) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
    """Rows of the gap's time and, where it is about one, of its instrument."""
    start, end = gap.span()
    found: np.ndarray[tuple[int], np.dtype[np.bool_]] = (rows["event_us"] >= start) & (rows["event_us"] <= end)
    if gap.symbol is not None:
        found &= symbols_of(rows["key"]) == gap.symbol
    return found


def _overlaps(span: tuple[int, int], others: Sequence[tuple[int, int]]) -> bool:
    return any(start <= span[1] and end >= span[0] for start, end in others)


@dataclass(frozen=True, slots=True)
class Extras:
    """`moved`: pairs (absent row's place, table row) with another event time; the others are table rows, `doubted` such as the farm itself
    does not stand for."""

    moved: list[tuple[int, Rows]]
    duplicate: Rows
    surplus: Rows
    doubted: Rows


def explain_unmatched(unmatched: Rows, absent: Rows, emitted: Rows, doubts: Sequence[Gap] = (), *, over_rest: bool = True) -> Extras:
    """`emitted`: all ledger rows, delivered or not, whose key is among the unmatched ones. `doubts`: gaps in which a row may be wrong.
    `over_rest`: what no socket was given may have been asked for."""
    in_doubt = np.zeros(len(unmatched), bool)
    for gap in doubts:
        in_doubt |= _within(unmatched, gap)
    doubted, unmatched = unmatched[in_doubt], unmatched[~in_doubt]
    keys_of, order = unmatched["key"], np.argsort(emitted["key"], kind="stable")
    newest = np.searchsorted(emitted["key"], keys_of, side="right", sorter=order) - 1
    known, as_emitted = np.zeros((2, len(unmatched)), bool)
    if len(emitted):
        same = emitted[order[np.maximum(newest, 0)]]
        known = (newest >= 0) & (same["key"] == keys_of)
        as_emitted = known & (same["event_us"] == unmatched["event_us"])
    lost = np.isin(keys_of, absent["key"])
    late = _first(keys_of, known & lost)
    alone = _first(keys_of, as_emitted & ~lost) if over_rest else np.zeros(len(unmatched), bool)
    places = {int(key): at for at, key in enumerate(absent["key"])} if late.any() else {}
    moved = [(places[int(row["key"])], row) for row in unmatched[late]]
    return Extras(moved, unmatched[known & ~late & ~alone], unmatched[~known], doubted)


def _first(found: Rows, chosen: Rows) -> Rows:
    """bool array: of the chosen rows the first of each key."""
    first = np.zeros(len(found), bool)
    places = np.flatnonzero(chosen)
    first[places[np.unique(found[places], return_index=True)[1]]] = True
    return first
