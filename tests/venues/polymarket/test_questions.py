"""What Polymarket's attributes say of a market's question."""

from typing import Any

import pytest

from venues.polymarket.questions import question

OTHER = "the Other of a set: what it covers changes when a name is added"
KEPT = "a place kept for a name that comes later"


@pytest.mark.parametrize(
    ("attributes", "unfit"),
    [
        ({}, ""),
        ({"negRisk": True, "groupItemTitle": "Harry Kane", "negRiskOther": False}, ""),
        ({"negRisk": True, "groupItemTitle": "Golden State Warriors"}, ""),
        ({"negRisk": True, "negRiskOther": True, "groupItemTitle": "Another name"}, OTHER),
        ({"negRisk": True, "groupItemTitle": "Other"}, OTHER),
        ({"negRisk": True, "groupItemTitle": "Another team"}, OTHER),
        ({"negRisk": True, "groupItemTitle": "Person B"}, KEPT),
        ({"negRisk": True, "groupItemTitle": "Candidate AC"}, KEPT),
        ({"negRisk": False, "groupItemTitle": "Other"}, ""),
    ],
)
def test_the_other_of_a_set_and_kept_places_are_no_question_of_their_own(attributes: dict[str, Any], unfit: str) -> None:
    assert question(attributes).unfit == unfit


def test_a_set_and_a_disputed_result_are_cautions() -> None:
    said = question({"negRisk": True, "umaResolutionStatus": "disputed", "eventTitle": "World Cup Winner"})
    assert said.context == "World Cup Winner"
    assert [caution.split(":")[0] for caution in said.cautions] == ["one of a set of which exactly one pays", "its result is disputed"]
