"""What a check found, and how checks are made: side by side, each within a bounded time."""

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

OK, WARNING, FAILURE, SKIPPED = "ok", "warning", "failure", "skipped"


@dataclass(frozen=True, slots=True)
class Finding:
    """`found` is what is the case; `advice`, where it is not well, what that means and what to do."""

    check: str
    state: str
    found: str
    advice: str = ""


#: A name for what it looks at, and the look.
Check = tuple[str, Callable[[], Iterable[Finding]]]


def examine(checks: Sequence[Check], seconds: float) -> list[Finding]:
    """What each found, in their order. One that is not done in time is a failure, and not waited for: a resolver of names knows no timeout."""
    results: list[list[Finding] | None] = [None] * len(checks)

    def look(place: int, name: str, check: Callable[[], Iterable[Finding]]) -> None:
        try:
            results[place] = list(check())
        except Exception as exc:  # noqa: BLE001  # one check must not cost the others; what it is, is told
            results[place] = [Finding(name, FAILURE, f"the check itself failed: {type(exc).__name__}: {exc}", "Report it as a bug.")]

    threads = [threading.Thread(target=look, args=(place, *check), daemon=True) for place, check in enumerate(checks)]
    deadline = time.monotonic() + seconds
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    late = "Something hangs there: a name server, a disk or a network; try again, and look at that."
    return [
        one
        for (name, _), found in zip(checks, list(results), strict=True)
        for one in (found if found is not None else [Finding(name, FAILURE, f"no answer within {seconds:g} s", late)])
    ]
