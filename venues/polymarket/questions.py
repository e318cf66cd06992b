"""What Polymarket's attributes say of a market's question, for who looks for the same one elsewhere."""

import re
from collections.abc import Mapping
from typing import Any

from core.venue import Question

#: In a set that may grow, places are kept for names that come later: "Person B", "Candidate AC".
_KEPT_PLACE = re.compile(r"(?:[A-Z][a-z]+ ){1,2}[A-Z]{1,2}")
_OTHER = re.compile(r"other|another\b.*|someone else|the field", re.IGNORECASE)


def question(attributes: Mapping[str, Any]) -> Question:
    title = str(attributes.get("groupItemTitle") or "").strip()
    return Question(str(attributes.get("eventTitle") or ""), _unfit(attributes, title), tuple(_cautions(attributes)))


def _unfit(attributes: Mapping[str, Any], title: str) -> str:
    if attributes.get("negRiskOther") is True or (attributes.get("negRisk") is True and _OTHER.fullmatch(title)):
        return "the Other of a set: what it covers changes when a name is added"
    if attributes.get("negRisk") is True and _KEPT_PLACE.fullmatch(title):
        return "a place kept for a name that comes later"
    return ""


def _cautions(attributes: Mapping[str, Any]) -> list[str]:
    found = []
    if attributes.get("negRisk") is True:
        found.append("one of a set of which exactly one pays: look at what becomes of it when none of the names wins")
    if attributes.get("umaResolutionStatus") in ("proposed", "disputed", "challenged"):
        found.append(f"its result is {attributes['umaResolutionStatus']}")
    return found
