"""What counts as growing in a long run."""

from hypothesis import given
from hypothesis import strategies as st

from ops.chaos.soak import GROWTH_PERCENT, KEY_SLACK_BYTES, MORE_KEYS, SLACK_BYTES, document, grown, sizes

MB = 1_000_000.0


def line(start: float, slope: float, seconds: int = 3600) -> list[tuple[float, float]]:
    return [(float(at), start + slope * at) for at in range(0, seconds, 5)]


def test_what_fills_before_all_has_settled_does_not_count() -> None:
    samples = {"writer": [(at, 50 * MB if at < 600 else 200 * MB) for at, _ in line(0, 0)]}
    assert sizes(samples, 600) == {"writer": (200 * MB, 200 * MB)}


def test_a_slow_leak_is_told() -> None:
    memory = sizes({"writer": line(200 * MB, 0.02 * MB), "beat": line(60 * MB, 0)}, 600)
    assert list(grown(memory, {}, {})) == ["writer has grown from 213 to 271 MB"]


def test_a_run_too_short_to_tell_tells_nothing() -> None:
    assert sizes({"writer": line(1, 1, 700)}, 600) == {}


@given(st.integers(10**6, 10**9), st.floats(0, GROWTH_PERCENT))
def test_what_stays_within_the_bound_is_no_growth(size: int, percent: float) -> None:
    assert grown({"writer": (size, size * (1 + percent / 100))}, {}, {}) == ()
    assert grown({"writer": (size, size + SLACK_BYTES)}, {}, {}) == ()


def test_keys_may_breathe_and_not_grow() -> None:
    before = {"journal": 100, "board": 50}
    assert grown({}, before, {"journal": 100 + KEY_SLACK_BYTES, "new": KEY_SLACK_BYTES}) == ()
    assert grown({}, before, {"journal": 101 + KEY_SLACK_BYTES}) == (
        f"Redis' key journal has grown from 100 to {101 + KEY_SLACK_BYTES:,} bytes",
    )
    many = {f"key {number}": 1 for number in range(MORE_KEYS + 3)}
    assert grown({}, before, many) == (f"Redis holds {len(many)} keys, and 2 when all had settled",)


def test_the_document_has_both_ends() -> None:
    found = document({"writer": (MB, 2 * MB)}, {"a": 1}, {"a": 2, "b": 3})
    assert found == {
        "memory": {"writer": {"settled_mb": 1.0, "end_mb": 2.0}},
        "redis": {"settled": {"keys": 1, "bytes": 1}, "end": {"keys": 2, "bytes": 5}},
    }
