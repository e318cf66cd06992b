"""What Kalshi's attributes say of a market's question, for who looks for the same one elsewhere."""

from collections.abc import Mapping
from typing import Any

from core.venue import Question


def question(attributes: Mapping[str, Any]) -> Question:
    event = attributes.get("event")
    context = " ".join(str(event[name]) for name in ("title", "sub_title") if event.get(name)) if isinstance(event, Mapping) else ""
    return Question(context, _unfit(attributes), tuple(_cautions(attributes)))


def _unfit(attributes: Mapping[str, Any]) -> str:
    if attributes.get("mve_collection_ticker") or attributes.get("mve_selected_legs"):
        return "a combo of several markets"
    kind = attributes.get("market_type", "binary")
    return "" if kind == "binary" else f"{kind}: it may pay anything between"


def _cautions(attributes: Mapping[str, Any]) -> list[str]:
    found = []
    if attributes.get("can_close_early"):
        found.append(f"may close early: {attributes.get('early_close_condition') or 'it does not say when'}")
    if attributes.get("is_provisional"):
        found.append("provisional: it may be taken away")
    return found
