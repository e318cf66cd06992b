"""The vocabulary: a fault as a value, and what became of the farm under it. Pure."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ops.chaos.farm import Farm

#: Causes of a gap in which a socket was dead, known to be so or open and silent: what the venue sent into it is nobody's fault, if it is
#: counted.
DEAF = frozenset({"disconnected", "frozen"})


@dataclass(frozen=True, slots=True)
class Fault:
    """`strike` is a context: entering strikes, leaving heals. `told` is a pattern of what the farm must say of it (see watch.py), empty
    where it may say nothing. `excused` are the causes of gaps that may explain a loss."""

    name: str
    what: str
    strike: "Callable[[Farm], AbstractContextManager[object]]"
    told: str
    hold_seconds: float = 0.0  # from strike to heal in a full run
    excused: frozenset[str] = DEAF
    lacks: "Callable[[Farm], str]" = field(default=lambda _: "")  # why it cannot be had here, or ''
    core: bool = False
    storm: bool = False
    rung: bool = False  # recovered only when the schedule has rung of itself
    patience_seconds: float = 180.0  # until it must have recovered


@dataclass(frozen=True, slots=True)
class Losses:
    """What the ledger and the database say of a stretch of time, over all kinds: events lost without a word, rows too many or wrong,
    and what is counted. `causes`: of the gaps that explain what is counted as lost."""

    emitted: int = 0
    lost: int = 0
    duplicated: int = 0
    different: int = 0
    counted: int = 0
    quarantined: int = 0
    causes: frozenset[str] = frozenset()
    examples: tuple[str, ...] = ()

    @classmethod
    def of(cls, figures: Mapping[str, int], causes: frozenset[str], examples: tuple[str, ...] = ()) -> "Losses":
        """`figures` as `./farm verify` names them."""
        return cls(
            figures["emitted"],
            figures["missing"],
            figures["duplicate"] + figures["surplus"],
            figures["different"],
            figures["counted_loss"],
            figures["quarantined"],
            causes,
            examples,
        )


@dataclass(frozen=True, slots=True)
class Verdict:
    """`detected_seconds` from the strike on, `recovered_seconds` from the heal on; None: it did not come to that."""

    name: str
    held_seconds: float = 0.0
    detected_seconds: float | None = None
    said: str = ""
    recovered_seconds: float | None = None
    losses: Losses | None = None
    problems: tuple[str, ...] = ()
    skipped: str = ""

    @property
    def word(self) -> str:
        return "skipped" if self.skipped else "failed" if self.problems else "passed"

    def document(self) -> dict[str, Any]:
        losses = self.losses
        return {
            "name": self.name,
            "verdict": self.word,
            "held_seconds": round(self.held_seconds, 1),
            "detected_seconds": _rounded(self.detected_seconds),
            "said": self.said,
            "recovered_seconds": _rounded(self.recovered_seconds),
            **{
                key: getattr(losses, key) if losses else None
                for key in ("emitted", "lost", "duplicated", "different", "counted", "quarantined")
            },
            "causes": sorted(losses.causes) if losses else [],
            "problems": list(self.problems),
            "skipped": self.skipped,
        }


def judged(fault: Fault, losses: Losses, *, recovered: bool, reasons: tuple[str, ...] = (), unnoticed: bool = False) -> tuple[str, ...]:
    """What speaks against the farm, a sentence each; nothing when it has passed."""
    problems = []
    if unnoticed:
        problems.append(f"the farm said nothing of it: neither its logs, its status nor its tables matched {fault.told!r}")
    if not recovered:
        problems.append(f"not recovered within {fault.patience_seconds:g} s: {'; '.join(reasons) or 'no row was committed'}")
    if losses.lost:
        problems.append(f"{losses.lost} of {losses.emitted} events are lost without a gap")
    if losses.duplicated:
        problems.append(f"{losses.duplicated} rows stand there twice, or were never sent")
    if losses.different:
        problems.append(f"{losses.different} rows differ from what was sent")
    if losses.counted and (other := losses.causes - fault.excused):
        problems.append(f"a loss is counted under a cause that is no excuse here: {', '.join(sorted(other))}")
    return (*problems, *losses.examples[:3]) if problems else ()


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 1)
