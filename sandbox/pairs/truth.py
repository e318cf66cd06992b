"""A pair as it stands on both venues, and the truth about it as the control API tells it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sandbox.faults import Fault, Faults
from sandbox.pairs.costs import Book, Terms
from sandbox.pairs.questions import Question
from sandbox.pairs.scripts import REST, Script


class Host(Protocol):
    """A venue that can be one side of a pair, and tells the question in words of its own."""

    name: str

    @property
    def faults(self) -> Faults: ...
    def terms(self, topic: str) -> Terms: ...
    def list_all(self, questions: Sequence[Question], now_us: int) -> None: ...
    def ids(self, asked: Question) -> dict[str, Any]: ...
    def symbols(self, asked: Question) -> list[str]: ...
    def put(self, asked: Question, book: Book) -> None: ...
    def end(self, asked: Question, result: str, *, disputed: bool) -> None: ...


@dataclass
class Pair:
    number: int
    asked: Question
    script: Script
    phase: str = REST
    until_us: int = 0  # the end of a life
    frozen: Fault | None = None
    breaths: int = 0


def truth(pair: Pair, hosts: tuple[Host, Host]) -> dict[str, Any]:
    """Books and locks are of YES as the question has it, whichever token that is."""
    names, made = [host.name for host in hosts], pair.script
    phases = {
        phase: {
            "books": {name: book._asdict() for name, book in zip(names, books, strict=True)},
            "lock": None if (lock := made.locks[phase]) is None else lock.told(names),
            "clears": made.clears(phase),
        }
        for phase, books in made.phases.items()
    }
    return {
        "pair": pair.number,
        "kind": made.kind,
        "topic": pair.asked.topic,
        "verdict": "reject" if pair.asked.differs else "confirm",
        "inverted": pair.asked.inverted,
        **{host.name: host.ids(pair.asked) for host in hosts},
        "decided_us": pair.asked.at_us,
        "phase": pair.phase,
        "phases": phases,
        "struck": None if made.struck is None else names[made.struck],
        "frozen": pair.frozen is not None,
        "life_seconds": made.life_seconds,
        "steps": [*made.steps, "resolve"],
        "results": dict(zip(names, made.results, strict=True)),
        "disputed": [name for name, disputed in zip(names, made.disputed, strict=True) if disputed],
    }
