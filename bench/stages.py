"""Which stage measures which figures, in the order in which a whole run takes them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from bench import (
    backfill,
    books,
    console,
    cryptofeed,
    drain,
    export,
    idle,
    lag,
    lag_filling,
    memory,
    opportunity,
    reading,
    rollups,
    streamer,
    two_hosts,
    wire,
)
from bench.figures import Bar, Figure
from bench.servers import Lab


@dataclass(frozen=True)
class Stage:
    bars: Sequence[Bar]
    measure: Callable[..., Iterable[Figure]]


STAGES = (
    Stage((drain.BAR,), drain.measure),
    Stage((wire.BAR,), wire.measure),
    Stage((two_hosts.BAR,), two_hosts.measure),
    Stage((cryptofeed.QUOTES, cryptofeed.TRADES), cryptofeed.measure),
    *(Stage(bars, lambda lab, rate=rate: lag.measure(lab, rates=(rate,))) for rate, bars in lag.BARS.items()),
    Stage((streamer.BAR,), streamer.measure),
    Stage((books.BAR,), books.measure),
    Stage((opportunity.BAR,), opportunity.measure),
    Stage((backfill.BAR,), backfill.measure),
    Stage((lag_filling.BAR,), lag_filling.measure),
    Stage((rollups.BAR,), rollups.measure),
    Stage((reading.BARS_FILES, reading.QUOTES_FILES), reading.from_files),
    Stage((reading.BARS_DATABASE,), reading.from_database),
    Stage((export.SECONDS, export.MEMORY), export.measure),
    Stage(tuple(console.PATHS.values()), console.measure),
    Stage((memory.BAR,), memory.measure),
    Stage((idle.BAR,), idle.measure),
)
NAMES = tuple(bar.name for stage in STAGES for bar in stage.bars)


def measured(lab: Lab, stages: Sequence[Stage], names: Sequence[str]) -> list[Figure]:
    """The wanted figures of these stages. A stage measures all of its own at once; what was not asked for is left out."""
    return [figure for stage in stages for figure in stage.measure(lab) if not names or figure.name in names]


def wanted(names: Sequence[str]) -> list[Stage]:
    return [stage for stage in STAGES if not names or any(bar.name in names for bar in stage.bars)]
