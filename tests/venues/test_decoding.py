"""Batches of frames: the one-call path, its proof, and the path frame by frame."""

import msgspec
import numpy as np
import pytest

from core.venue import Frames
from venues import decoding
from venues.decoding import Ignore, decode_each, decode_lines, optional_floats, optional_integers, optional_microseconds
from venues.errors import BadFrame


class Row(msgspec.Struct, gc=False):
    i: decoding.Id = 0
    t: decoding.Milliseconds = decoding.FIRST_MS
    f: decoding.Number = 0.0
    s: decoding.Symbol = "x"


DECODER = msgspec.json.Decoder(Row, strict=False)
GOOD = b'{"i":1}'


def lines(*frames: bytes) -> Frames:
    return Frames(b"\n".join(frames), len(frames), np.arange(len(frames)), lines=True)


def test_good_lines_are_decoded_at_once() -> None:
    assert [row.i for row in decode_lines(DECODER, lines(GOOD, b'{"i":"2"}')) or []] == [1, 2]


@pytest.mark.parametrize(
    "frames",
    [
        pytest.param([b""], id="empty frame"),
        pytest.param([GOOD, b""], id="empty frame at the end"),
        pytest.param([GOOD + GOOD, b""], id="two objects in one frame make up for an empty one"),
        pytest.param([GOOD + b" " + GOOD, b" "], id="two objects make up for a blank"),
        pytest.param([b'{"i":1', b"}"], id="torn in two"),
        pytest.param([b'{"i":1', b"}" + GOOD], id="torn in two, and another object behind: as many objects as lines"),
        pytest.param([b'{"i":1', b',"t":1600000000000}', GOOD + GOOD], id="torn in two, and two objects elsewhere"),
        pytest.param([b"1"], id="no object"),
        pytest.param([b'{"s":"\\u0000"}'], id="NUL"),
        pytest.param([b'{"s":"a\xff"}'], id="not UTF-8"),
        pytest.param([b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}"], id="nested without end"),
        pytest.param([GOOD, b"{}}"], id="trailing brace"),
        pytest.param([], id="no frame"),
    ],
)
def test_a_batch_with_anything_else_is_left_to_the_slow_path(frames: list[bytes]) -> None:
    assert decode_lines(DECODER, lines(*frames)) is None


def test_a_batch_that_is_not_lines_is_left_to_the_slow_path() -> None:
    frame = b'{"i":\n1}'
    frames = Frames(len(frame).to_bytes(4, "little") + frame, 1, np.arange(1), lines=False)
    assert decode_lines(DECODER, frames) is None
    assert [row.i for row in decode_each(DECODER.decode, frames).rows] == [1]


@pytest.mark.parametrize(
    "text",
    [
        *(
            '{"f":"nan"}',
            '{"f":"NaN"}',
            '{"f":"inf"}',
            '{"f":"-Infinity"}',
            '{"f":NaN}',
            '{"f":"1e999"}',
            '{"f":"0x10"}',
            '{"f":""}',
            '{"f":true}',
        ),
        *('{"i":9223372036854775808}', '{"i":-1}', '{"i":1e30}', '{"i":"nan"}', '{"i":null}', '{"i":1.5}', '{"i":' + "9" * 5000 + "}"),
        *('{"t":0}', '{"t":1230767999999}', '{"t":4102444800001}', '{"t":1600000000}', '{"t":1600000000000000}'),
        *('{"s":""}', '{"s":5}', '{"s":null}', '{"s":"' + "x" * 101 + '"}', '{"s":"\\ud800"}'),
    ],
)
def test_a_value_no_table_could_hold_is_refused(text: str) -> None:
    assert decode_lines(DECODER, lines(GOOD, text.encode())) is None
    picked = decode_each(DECODER.decode, lines(GOOD, text.encode(), GOOD))
    assert picked.where == [0, 2]
    assert [rejected.frame for rejected in picked.rejected] == [1]


def test_frame_by_frame_each_is_kept_ignored_or_rejected() -> None:
    def read(frame: bytes) -> Row:
        if frame == b"skip":
            raise Ignore("by name")
        if frame == b"bad":
            raise BadFrame("quoting \0 what it met")
        return DECODER.decode(frame)

    frames = lines(b"skip", GOOD, b"bad", b"{", b"skip")
    picked = decode_each(read, frames)
    assert [row.i for row in picked.rows] == [1]
    assert picked.received(frames).tolist() == [1]
    assert picked.ignored == {"by name": 2}
    assert [(rejected.frame, rejected.reason) for rejected in picked.rejected] == [
        (2, "quoting \\0 what it met"),
        (3, "Input data was truncated"),
    ]


def test_a_batch_that_holds_other_than_it_counts_is_rejected() -> None:
    picked = decode_each(DECODER.decode, Frames(b"{}\n{}", 1, np.arange(1), lines=True))
    assert [rejected.reason for rejected in picked.rejected] == ["the batch counts 1 frames and holds 2"]


def test_a_long_reason_is_cut() -> None:
    assert len(decoding.reason_of(ValueError("x" * 1000))) == 300
    assert decoding.reason_of(RecursionError()) == "RecursionError"


@pytest.mark.parametrize(
    ("column", "values", "expected"),
    [
        (optional_floats, [1.5, 2.0], [1.5, 2.0]),
        (optional_floats, [None, 0.0], [None, 0.0]),
        (optional_integers, [7, -1], [7, -1]),
        (optional_integers, [None, 0], [None, 0]),
        (optional_microseconds, [None, 3], [None, 3000]),
    ],
)
def test_optional_columns_are_masked_only_where_some_are_absent(column, values, expected) -> None:
    found = column(values)
    assert found.tolist() == expected
    assert isinstance(found, np.ma.MaskedArray) is (None in values)
    assert column([None, None]) is None
