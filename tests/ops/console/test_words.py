"""How figures are said."""

from decimal import Decimal

import pytest

from ops.console import words


@pytest.mark.parametrize(
    ("say", "value", "said"),
    [
        (words.count, None, "–"),
        (words.count, 0, "0"),
        (words.count, 3.25, "3.2"),
        (words.count, 1234567, "1,234,567"),
        (words.size, 0, "0 B"),
        (words.size, 999, "999 B"),
        (words.size, 1_500, "1.5 kB"),
        (words.size, 2_345_000_000, "2.3 GB"),
        (words.size, -1_500, "-1.5 kB"),
        (words.lasted, 0.04, "0.0 s"),
        (words.lasted, 59.4, "59 s"),
        (words.lasted, 103, "1 min 43 s"),
        (words.lasted, 600, "10 min"),
        (words.lasted, 7_300, "2 h 1 min"),
        (words.lasted, 90_000, "25 h"),
        (words.lasted, 400_000, "4 d 15 h"),
        (words.every, 30, "30 s"),
        (words.every, 600, "10 min"),
        (words.every, 3600, "1 h"),
        (words.price, 0.0001, "0.0001"),
        (words.price, 1e-08, "0.00000001"),
        (words.price, 2898.5, "2\u2009898.5"),
        (words.price, 75000.0, "75\u2009000"),
        (words.price, Decimal("-0.50"), "-0.5"),
        (words.dollars, Decimal("-31.5234"), "−$31.52"),
        (words.dollars, 1234.5, "$1,234.50"),
        (words.cents, Decimal("0.0233"), "+2.33¢"),
        (words.cents, Decimal("-0.0028"), "−0.28¢"),
    ],
)
def test_a_figure_is_said(say: object, value: object, said: str) -> None:
    assert say(value) == said  # type: ignore[operator]


def test_a_long_name_keeps_both_ends() -> None:
    assert words.short("34014353162200754906991963743287", 12) == "34014353…3287"
    assert words.short("ETH-PERPETUAL", 28) == "ETH-PERPETUAL"
