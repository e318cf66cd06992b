"""One run: a farm under load, fault after fault with a verdict each, a storm, and a comparison of everything."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from core import redisdb, settings
from core.board import Board
from core.journal import Journal
from core.redisdb import RedisError
from ops.chaos import schedule, soak
from ops.chaos.canaries import Canaries, canaries
from ops.chaos.catalogue import SOAK, STORM
from ops.chaos.disks import Disks
from ops.chaos.farm import Farm
from ops.chaos.fault import DEAF, Fault, Losses, Verdict, judged
from ops.chaos.proxy_hand import proxy
from ops.chaos.recovery import await_recovery
from ops.chaos.watch import Watch
from ops.cli import environment, plan, state
from ops.cli.errors import AWAY, Refused
from ops.cli.private import bring_up, private_home
from ops.cli.verify import document
from ops.local import supervision
from ops.local.errors import LocalError
from ops.local.ports import free_port
from ops.verify.ledger import LedgerUnreadable
from ops.verify.run import Doors
from ops.verify.run import Verdict as Compared
from ops.verify.run import verify as compare
from ops.verify.settle import Unsettled

Say = Callable[[str], None]
REDIS_SECONDS = 30.0
SETTLE_SECONDS = 120.0
#: A farm that has just come up, or was brought back, is well within so long.
STEADY_SECONDS = 120.0
STORM_SECONDS = 60.0
#: Of the minutes given, what the end needs: the storm, its recovery, the comparison of everything.
END_SECONDS = 150.0
#: What strikes and heals may fail with while parts of the farm are down.
BROKEN = (*AWAY, LocalError, Refused)


@dataclass(frozen=True, slots=True)
class Wish:
    """What a run was asked for. `rate`: events a second and venue."""

    faults: Sequence[Fault]
    storm: Sequence[Fault]
    rate: float
    seed: int
    minutes: float
    soak: bool = False  # not each fault once, but one of the storm's a minute


@contextmanager
def farm(folder: Path, rate: float, say: Say, *, disks: bool) -> Iterator[Farm]:
    """A farm with rows landing, its sockets going through a proxy, and disks that can be filled where that is wanted and can be had."""
    sandbox, door = free_port(), free_port()
    venue = plan.chosen_venues(plan.Wish(), settings.load({}))[0]
    chosen = {environment.port_variable("sandbox"): str(sandbox), f"{venue.upper()}_WS_URL": f"ws://127.0.0.1:{door}/{venue}"}
    with proxy(door, sandbox) as between, private_home(folder, say, **chosen) as (home, env):
        room = Disks(home)
        if disks:
            room.mount_spool()
        say(f"./farm up --venues {venue} --rate {rate:g}, in {home}")
        bring_up(("--venues", venue, "--rate", f"{rate:g}"), env)
        found = state.load(home)
        if found is None:
            raise Refused(f"./farm up left no state in {home}")
        made = Farm(home, found, between, room, say)
        if disks:
            room.mount_database(made.data("postgres"))
        yield made


class Run:
    """The farm's verdicts, one a fault; `tell` is given each as it comes."""

    def __init__(self, farm: Farm, watch: Watch, birds: Canaries, wish: Wish, *, began: float, tell: Callable[[Verdict], None]) -> None:
        self._farm, self._watch, self._birds, self._wish, self._tell = farm, watch, birds, wish, tell
        self._until = began + 60 * wish.minutes
        self._judged_us = 0  # all before is judged
        self.verdicts: list[Verdict] = []

    def everything(self) -> None:
        self._recovered(STEADY_SECONDS)
        end = END_SECONDS if self._wish.storm else END_SECONDS - STORM_SECONDS
        overheads = [schedule.OVERHEAD_SECONDS]
        for place, fault in enumerate(self._wish.faults):
            left = [one.hold_seconds for one in self._wish.faults[place:]]
            by = schedule.scale(left, self._until - end - time.monotonic(), sum(overheads) / len(overheads))
            began = time.monotonic()
            verdict = self._struck(fault, schedule.hold(fault, by))
            if not verdict.skipped:
                overheads.append(time.monotonic() - began - verdict.held_seconds)
            self._add(verdict)
        if self._wish.storm:
            self._add(self._stormed())

    def soaked(self) -> dict[str, Any]:
        """A fault of the storm's each minute: what has grown by the end."""
        self._recovered(STEADY_SECONDS)
        chance, before = Random(self._wish.seed), dict[str, int]()  # noqa: S311  # a run wants a seed, not secrecy
        with soak.Growth(self._farm).watched() as growth:
            began, settled = time.monotonic(), soak.SETTLED_SHARE * 60 * self._wish.minutes
            while (at := time.monotonic() - began) < 60 * self._wish.minutes:
                if at >= settled and not before:
                    before = soak.sizes_of_keys(self._farm)
                fault, hold_seconds = chance.choice(self._wish.storm), chance.uniform(*schedule.STORM_HOLD_SECONDS)
                self._add(self._struck(fault, hold_seconds))
                time.sleep(max(0.0, began + at + soak.EVERY_SECONDS - time.monotonic()))
        memory, after = soak.sizes(growth.samples, settled), soak.sizes_of_keys(self._farm)
        self._add(Verdict(SOAK, time.monotonic() - began, problems=soak.grown(memory, before, after)))
        return {"growth": soak.document(memory, before, after)}

    def end(self) -> dict[str, Any]:
        """What is known when all is over, the comparison of everything that was ever sent among it: what came twice long after its time
        shows there."""
        restarts = {known.name: known.restarts for known in supervision.states(self._farm.home)}
        return {"restarts": restarts, "verify": self._whole(), "gaps": self._gaps()}

    def _gaps(self) -> list[dict[str, Any]]:
        with suppress(*BROKEN), self._farm.transaction() as cursor:
            cursor.execute(
                "SELECT channel, cause, count(*), count(event_to) FROM data_gaps WHERE instrument_id IS NULL GROUP BY 1, 2 ORDER BY 1, 2"
            )
            return [dict(zip(("channel", "cause", "gaps", "ended"), row, strict=True)) for row in cursor.fetchall()]
        return []

    def _whole(self) -> dict[str, Any]:
        try:
            verdicts = self._compared(0)
        except (Unsettled, LedgerUnreadable, *BROKEN) as exc:
            return {"ok": False, "venues": {}, "reason": str(exc)}
        return document(verdicts, ok=all(one.ok for kinds in verdicts.values() for one in kinds.values()))

    def _recovered(self, patience_seconds: float, *, rung: bool = False) -> float | None:
        return await_recovery(self._farm, self._watch, self._birds, patience_seconds, rung=rung)

    def _add(self, verdict: Verdict) -> None:
        self.verdicts.append(verdict)
        self._tell(verdict)

    def _struck(self, fault: Fault, hold_seconds: float) -> Verdict:
        if lacking := fault.lacks(self._farm):
            return Verdict(fault.name, skipped=lacking)
        self._farm.say(f"{fault.name}: {fault.what}" + (f", {hold_seconds:.0f} s" if hold_seconds else ""))
        self._watch.begin()
        struck = time.monotonic()
        try:
            with fault.strike(self._farm):
                time.sleep(hold_seconds)
        except BROKEN as exc:
            self._brought_back()
            return Verdict(fault.name, hold_seconds, problems=(f"could not be had as wished: {exc}",))
        return self._verdict(fault, time.monotonic() - struck if hold_seconds else 0.0, whole=hold_seconds >= fault.hold_seconds)

    def _stormed(self) -> Verdict:
        """Faults that overlap; whatever of it a fault cannot do because of another is left out."""
        blows = schedule.storm(self._wish.storm, self._wish.seed, STORM_SECONDS)
        self._farm.say(f"storm of {len(blows)} faults, seed {self._wish.seed}: {', '.join(blow.fault.name for blow in blows)}")
        self._watch.begin()
        began = time.monotonic()
        moments = sorted(
            [(blow.at, 1, place) for place, blow in enumerate(blows)] + [(blow.until, 0, place) for place, blow in enumerate(blows)]
        )
        raging: dict[int, ExitStack] = {}
        for at, begins, place in moments:
            time.sleep(max(0.0, began + at - time.monotonic()))
            if not begins:
                _healed(raging.pop(place, None))
                continue
            stack = ExitStack()
            with suppress(*BROKEN):
                stack.enter_context(blows[place].fault.strike(self._farm))
                raging[place] = stack
        raged = Fault(STORM, "", lambda _: ExitStack(), ".", excused=DEAF.union(*(blow.fault.excused for blow in blows)))
        return self._verdict(raged, time.monotonic() - began, whole=True)

    def _verdict(self, fault: Fault, held_seconds: float, *, whole: bool) -> Verdict:
        """`whole`: it was held for its time; one that was cut short may pass unnoticed."""
        recovered = self._recovered(fault.patience_seconds, rung=fault.rung)
        reasons = tuple(self._watch.report["reasons"][:3])
        losses: Losses | None = None
        problems: tuple[str, ...] = ()
        try:
            losses = self._losses()
        except (Unsettled, LedgerUnreadable, *BROKEN) as exc:
            recovered, problems = None, (f"cannot be judged: {exc}",)
        detected, said = self._watch.first(fault.told) if fault.told else (None, "")
        if losses is not None:
            unnoticed = whole and bool(fault.told) and detected is None
            problems = judged(fault, losses, recovered=recovered is not None, reasons=reasons, unnoticed=unnoticed)
        if recovered is None:
            self._brought_back()
        return Verdict(fault.name, held_seconds, detected, said, recovered, losses, problems)

    def _losses(self) -> Losses:
        """Of what was sent since the last time."""
        since_us, until_us = self._judged_us, time.time_ns() // 1000
        compared = self._compared(since_us, until_us)
        self._judged_us = until_us + 1
        kinds = [one for kinds in compared.values() for one in kinds.values()]
        figures = {name: sum(one.figures()[name] for one in kinds) for name in Compared().figures()}
        # What a hole in the ids of one instrument explains lies within a deaf time, and that one is told too.
        causes = frozenset(str(gap["cause"]) for one in kinds for gap in one.intervals if gap["symbol"] is None)
        return Losses.of(figures, causes, tuple(example for one in kinds for example in one.examples))

    def _compared(self, since_us: int, until_us: int = 0) -> dict[str, dict[str, Compared]]:
        knobs = self._farm.knobs
        redis = redisdb.connect(knobs.redis_url, timeout_seconds=REDIS_SECONDS)
        doors = Doors(knobs.database_url, Journal(redis, knobs.key_prefix), Board(redis, knobs.key_prefix), self._farm.home / "sandbox")
        return compare(doors, [self._farm.venue], timeout_seconds=SETTLE_SECONDS, since_us=since_us, until_us=until_us)

    def _brought_back(self) -> None:
        """A farm that did not recover is started anew, so that the next fault is judged by itself."""
        self._farm.say("the farm has not recovered: its programs are started anew")
        names = [known.name for known in supervision.states(self._farm.home) if known.name != "sandbox"]
        with suppress(*BROKEN):
            supervision.stop_programs(self._farm.home, names)
            supervision.start_programs(self._farm.home, names)
        self._recovered(STEADY_SECONDS)
        with suppress(Unsettled, LedgerUnreadable, *BROKEN):
            self._losses()


def _healed(stack: ExitStack | None) -> None:
    with suppress(*BROKEN, RedisError):
        if stack is not None:
            stack.close()


def run(wish: Wish, folder: Path, say: Say, tell: Callable[[Verdict], None]) -> tuple[list[Verdict], dict[str, Any]]:
    """(verdicts, what is known at the end)."""
    began = time.monotonic()
    needs_disks = any("disk" in fault.name for fault in wish.faults)
    with farm(folder, wish.rate, say, disks=needs_disks) as struck, Watch(struck).running() as watch, canaries(struck) as birds:
        done = Run(struck, watch, birds, wish, began=began, tell=tell)
        grown = done.soaked() if wish.soak else {}
        if not wish.soak:
            done.everything()
        say("comparing everything that was sent")
        return done.verdicts, {**done.end(), **grown}
