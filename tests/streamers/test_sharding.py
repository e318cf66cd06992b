import pytest

from streamers.sharding import Share, assign


@pytest.mark.parametrize(
    ("current", "wanted", "expected"),
    [
        pytest.param({}, "ABCDE", {0: "AB", 1: "CD", 2: "E"}, id="filled in order"),
        pytest.param({0: "AB", 1: "CD"}, "DCBA", {0: "AB", 1: "CD"}, id="rank changes, places do not"),
        pytest.param({0: "AB", 1: "CD"}, "ACDE", {0: "AE", 1: "CD"}, id="new one takes the free room"),
        pytest.param({0: "AB", 1: "CD"}, "CDE", {0: "E", 1: "CD"}, id="an emptied slot is filled before a new one"),
        pytest.param({0: "AB", 1: "CD", 2: "E"}, "ABE", {0: "AB", 2: "E"}, id="an empty slot vanishes, others keep their number"),
        pytest.param({0: "AB", 2: "E"}, "ABEFG", {0: "AB", 1: "FG", 2: "E"}, id="the lowest free number is used again"),
        pytest.param({0: "AB"}, "", {}, id="nothing is listed"),
        pytest.param({}, "AAB", {0: "AB"}, id="listed twice, placed once"),
    ],
)
def test_assign(current: dict[int, str], wanted: str, expected: dict[int, str]) -> None:
    assert assign(current, wanted, 2) == {slot: tuple(symbols) for slot, symbols in expected.items()}


def test_shares_split_all_symbols_without_overlap() -> None:
    symbols = [f"S{number}USDT" for number in range(100)]
    shares = [Share(part, 3).of_symbols(symbols) for part in range(3)]
    assert sorted(symbol for share in shares for symbol in share) == sorted(symbols)
    assert min(map(len, shares)) > 20


def test_a_share_names_its_shards() -> None:
    assert (Share(0, 1).shard(4), Share(1, 2).shard(4)) == ("4", "1.4")


@pytest.mark.parametrize("text", ["2/2", "a/b", "1", "-1/2", "1/0"])
def test_a_share_that_cannot_be_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not k/n"):
        Share.parse(text)


def test_a_share_is_read() -> None:
    assert Share.parse("1/4") == Share(1, 4)
