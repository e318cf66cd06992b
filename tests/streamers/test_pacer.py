"""When attempts to connect are made. Time passes as fast as nobody works."""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from itertools import pairwise
from random import Random
from typing import Any

import pytest

from streamers.pacer import PROBE_CAP_SECONDS, PROBE_SECONDS, QUICK_SECONDS, Pacer

SPACING = 0.25


class Hurried(asyncio.SelectorEventLoop):
    """A loop whose clock jumps to whatever is due next."""

    def __init__(self) -> None:
        self.now = 0.0
        selector = selectors.DefaultSelector()
        self._look = selector.select
        selector.select = self._jump  # type: ignore[method-assign]
        super().__init__(selector)

    def _jump(self, timeout: float | None = None) -> Any:
        self.now += timeout or 0.0
        return self._look(0)

    def time(self) -> float:
        return self.now


def play(scene: Callable[[Pacer], Coroutine[Any, Any, None]]) -> None:
    with asyncio.Runner(loop_factory=Hurried) as runner:
        runner.run(scene(Pacer(Random(1), SPACING)))


def now() -> float:
    return asyncio.get_running_loop().time()


async def turns(pacer: Pacer, count: int, *, fails: bool) -> list[float]:
    """When each of so many attempts began."""
    found = []
    for _ in range(count):
        await pacer.turn()
        found.append(now())
        if fails:
            pacer.failed()
    return found


def test_attempts_are_spaced() -> None:
    async def scene(pacer: Pacer) -> None:
        assert await turns(pacer, 4, fails=False) == pytest.approx([0.0, SPACING, 2 * SPACING, 3 * SPACING])

    play(scene)


def test_while_the_venue_is_away_all_slots_together_probe_it() -> None:
    async def scene(pacer: Pacer) -> None:
        slots = await asyncio.gather(*(turns(pacer, 40, fails=True) for _ in range(10)))
        times = sorted(time for slot in slots for time in slot)
        waits = [after - before for before, after in pairwise(times)]
        assert min(waits) >= QUICK_SECONDS and max(waits) <= PROBE_SECONDS[1]
        assert max(sum(start <= time < start + 300 for time in times) for start in times) < 300, "what Binance allows in five minutes"

    play(scene)


def test_the_first_that_gets_through_calls_the_others() -> None:
    async def scene(pacer: Pacer) -> None:
        await turns(pacer, 3, fails=True)
        waiting = [asyncio.create_task(turns(pacer, 1, fails=False)) for _ in range(4)]
        await asyncio.sleep(0)
        back = now()
        pacer.reached()
        times = sorted([(await slot)[0] for slot in waiting])
        assert times == pytest.approx([back + SPACING * n for n in range(1, 5)])

    play(scene)


def test_a_venue_that_is_away_for_long_is_probed_less_often() -> None:
    async def scene(pacer: Pacer) -> None:
        await turns(pacer, 1, fails=True)
        for away, longest in ((600.0, 1.6), (3600.0, 10.6), (86_400.0, PROBE_CAP_SECONDS)):
            await asyncio.sleep(away)
            first, second = await turns(pacer, 2, fails=True)
            assert second - first <= longest + 0.01

    play(scene)
