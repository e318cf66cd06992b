"""[paper] of farm.toml as the rules of the paper engine: every key is a field of paper.rules.Rules, and what is left out has its default. Pure."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from core.storage import Unfit
from paper.rules import Latency, Limits, Rules

#: Tables below [paper]: of single values, of one value or table a venue, and of a venue that has none.
_LIMITS, _CASH, _LATENCY, _ANY = "limits", "cash", "latency", "any_latency"


def read(table: Any) -> Rules:
    """Raises Unfit."""
    plain = _plain("paper", table, Rules(), more=(_LIMITS, _CASH, _LATENCY, _ANY))
    if _ANY in table:
        plain[_ANY] = _latency(f"paper.{_ANY}", table[_ANY])
    limits = _plain(f"paper.{_LIMITS}", table.get(_LIMITS, {}), Limits())
    cash = _table(f"paper.{_CASH}", table.get(_CASH, {}))
    latency = _table(f"paper.{_LATENCY}", table.get(_LATENCY, {}))
    try:
        return Rules(
            **plain,
            limits=Limits(**limits),
            cash={venue: _decimal(f"paper.{_CASH}.{venue}", dollars) for venue, dollars in cash.items()},
            latency={venue: _latency(f"paper.{_LATENCY}.{venue}", told) for venue, told in latency.items()},
        )
    except Unfit:
        raise
    except ValueError as exc:
        raise Unfit("paper", table, f"other values ({exc})") from None


def _latency(where: str, told: Any) -> Latency:
    values = _plain(where, told, Latency(1.0, 1.0))
    if missing := {field.name for field in fields(Latency)} - set(values):
        raise Unfit(where, told, f"also {' and '.join(sorted(missing))}")
    try:
        return Latency(**values)
    except ValueError as exc:
        raise Unfit(where, told, f"other values ({exc})") from None


def _table(where: str, told: Any) -> Mapping[str, Any]:
    if not isinstance(told, dict):
        raise Unfit(where, told, f"a table: [{where}]")
    return told


def _plain(where: str, told: Any, defaults: Any, more: tuple[str, ...] = ()) -> dict[str, Any]:
    """The single values of a table, each of the type that its field has by default."""
    kinds = {field.name: getattr(defaults, field.name) for field in fields(defaults)}
    known = {name: value for name, value in kinds.items() if not isinstance(value, Mapping) and not is_dataclass(value)}
    if unknown := sorted(set(_table(where, told)) - set(known) - set(more)):
        raise Unfit(where, unknown, f"only {', '.join([*known, *more])}")
    return {name: _value(f"{where}.{name}", told[name], known[name]) for name in told if name in known}


def _value(where: str, value: Any, default: Any) -> Any:
    if isinstance(default, Decimal):
        return _decimal(where, value)
    if isinstance(default, str):
        if not isinstance(value, str):
            raise Unfit(where, value, "a text")
        return value
    whole = isinstance(default, int)
    if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
        raise Unfit(where, value, "a whole number" if whole else "a number")
    return value if whole else float(value)


def _decimal(where: str, value: Any) -> Decimal:
    """As it is written: a number of TOML is read back to its shortest decimal, and a text stays what it says."""
    try:
        found = Decimal(str(value)) if isinstance(value, str | int | float) and not isinstance(value, bool) else None
    except InvalidOperation:
        found = None
    if found is None or not found.is_finite():
        raise Unfit(where, value, "a number of dollars or shares")
    return found
