"""Every number that Deribit was recorded to send survives as float64."""

import json
from decimal import Decimal


def _numbers(value, found: list[Decimal]) -> None:
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            _numbers(inner, found)
    elif isinstance(value, Decimal):
        found.append(value)


def test_float64_reads_back_to_the_venues_own_decimal(captures, recorded) -> None:
    texts = [frame.decode() for frame in recorded("deribit")]
    texts += [path.read_text() for path in sorted((captures / "deribit").rglob("rest_*.json"))]
    numbers: list[Decimal] = []
    for text in texts:
        _numbers(json.loads(text, parse_float=Decimal), numbers)
    # `interest_value`, which is not kept, has 19 digits.
    kept = [number for number in numbers if len(number.as_tuple().digits) <= 15]
    assert len(kept) > 3_000 and len(numbers) - len(kept) <= 2
    assert [number for number in kept if Decimal(repr(float(number))) != number] == []
