"""Whether YES of one market and NO of the other still cost about 1 together, as both sides of one question must. Pure."""

#: Dollars. Fees of both venues and two spreads may keep mids some cents apart; what is further from 1 for long is no edge, as somebody would
#: have taken it.
TOLERANCE = 0.15
#: Looks in a row, a minute apart.
LOOKS = 5
#: The mid of a wider book says nothing.
WIDEST_SPREAD = 0.20


def looked(mid_a: float, mid_b: float, off: int) -> tuple[float, int]:
    """(sum, looks in a row that were off) after a look at the mids of YES on both sides."""
    total = mid_a + (1 - mid_b)
    return total, off + 1 if abs(total - 1) > TOLERANCE else 0


def verdict(mid_a: float, mid_b: float) -> str:
    """In words, of a pair that was off too often."""
    what = "perhaps inverted" if abs(mid_a + mid_b - 1) < abs(mid_a - mid_b) else "perhaps not one question"
    return f"{what}: YES of a and NO of b cost {mid_a + 1 - mid_b:.2f} together, {LOOKS} looks in a row"
