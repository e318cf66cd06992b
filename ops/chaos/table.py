"""The verdicts as a table of 80 columns and as one document. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from ops.chaos.fault import Verdict

#: `counted`: events within a gap, and frames in quarantine.
_ROW = "{:<22}{:>6}{:>10}{:>11}{:>6}{:>7}{:>9} {:<8}"
HEAD = _ROW.format("fault", "held", "detected", "recovered", "lost", "twice", "counted", "verdict").rstrip()
WIDTH = 80


def line(verdict: Verdict) -> str:
    losses = verdict.losses
    figures = [f"{figure:,}" for figure in (losses.lost, losses.duplicated, losses.counted + losses.quarantined)] if losses else ["–"] * 3
    if verdict.skipped:
        return _ROW.format(verdict.name, *["–"] * 6, "skipped").rstrip()
    return _ROW.format(
        verdict.name,
        _seconds(verdict.held_seconds) if verdict.held_seconds else "–",
        _seconds(verdict.detected_seconds) if verdict.detected_seconds is not None else "–",
        _seconds(verdict.recovered_seconds) if verdict.recovered_seconds is not None else "never",
        *figures,
        verdict.word,
    ).rstrip()


def remarks(verdict: Verdict) -> list[str]:
    """What stands below a row: why it was left out, or what speaks against the farm."""
    return [f"  {text}" for text in ((verdict.skipped,) if verdict.skipped else verdict.problems)]


def document(verdicts: Sequence[Verdict], end: Mapping[str, Any], *, rate: float, seed: int, seconds: float) -> dict[str, Any]:
    """`end`: what is known at the end, with the comparison of everything as `verify`."""
    return {
        "ok": passed(verdicts) and bool(end["verify"]["ok"]),
        "rate": rate,
        "seed": seed,
        "seconds": round(seconds, 1),
        "faults": [verdict.document() for verdict in verdicts],
        **end,
    }


def passed(verdicts: Sequence[Verdict]) -> bool:
    """A fault that could not be had here is told, and is no failure; a run in which none could be had proves nothing."""
    return any(verdict.word == "passed" for verdict in verdicts) and all(verdict.word != "failed" for verdict in verdicts)


def _seconds(value: float) -> str:
    return f"{value:.1f} s"
