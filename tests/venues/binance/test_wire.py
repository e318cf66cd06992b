"""Every number of the recorded frames survives as float64, and every recorded frame is known."""

import json
from decimal import Decimal

import msgspec

from venues.binance import wire
from venues.decoding import Number

FLOAT = msgspec.json.Decoder(Number, strict=False)


def _numbers(value, found: list[str]) -> None:
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            _numbers(inner, found)
    elif isinstance(value, str):
        try:
            Decimal(value)
        except ArithmeticError:
            return
        found.append(value)


def test_float64_reads_back_to_the_venues_own_decimal(captures, recorded) -> None:
    texts: list[str] = []
    for frame in recorded("binance"):
        _numbers(json.loads(frame, parse_float=str), texts)
    for path in sorted((captures / "binance").rglob("rest_*.json")):
        _numbers(json.loads(path.read_text(), parse_float=str)["body"], texts)
    assert len(texts) > 20_000
    wrong = [text for text in texts if Decimal(repr(FLOAT.decode(json.dumps(text).encode()))) != Decimal(text)]
    assert wrong == []


def test_every_recorded_event_has_a_known_name(recorded) -> None:
    payloads = [json.loads(frame)["data"] for frame in recorded("binance")]
    assert {payload["e"] for payload in payloads if "e" in payload} <= wire.KNOWN_EVENTS


def test_plain_and_documented_frames_differ_only_in_what_may_be_absent() -> None:
    for plain, documented in ((wire.PlainBookTicker, wire.BookTicker), (wire.PlainAggTrade, wire.AggTrade)):
        assert set(plain.__struct_fields__) <= set(documented.__struct_fields__)
        assert plain.__struct_config__.tag == documented.__struct_config__.tag
