"""Option prices: a smooth volatility surface and Black's formula of 1976 on the forward, without discounting. Pure."""

import math
from typing import NamedTuple

import numpy as np

YEAR_US = 365 * 86_400 * 1_000_000
LEAST_YEARS = 1e-7  # about three seconds: an option at its end is worth what it would deliver
ROOT_TWO_PI = math.sqrt(2 * math.pi)


class Valued(NamedTuple):
    """Price and greeks in quote currency per unit of the underlying, as the venue words them."""

    price: np.ndarray
    delta: np.ndarray
    gamma: np.ndarray
    vega: np.ndarray  # per percent of volatility
    theta: np.ndarray  # per day
    rho: np.ndarray  # per percent of interest


def normal(values: np.ndarray) -> np.ndarray:
    """NumPy has no error function; the standard library's is exact and fast enough for a chain."""
    scaled = (values / math.sqrt(2)).tolist()
    return np.fromiter((0.5 * math.erfc(-value) for value in scaled), float, len(values))


def implied_percent(strike: np.ndarray, forward: np.ndarray, years: np.ndarray, level: np.ndarray) -> np.ndarray:
    """Volatility in percent, two decimals: a skew that fades with time, and wings."""
    moneyness = np.log(strike / forward) / np.sqrt(years + 0.05)
    short = 0.06 * np.exp(-years / 0.1)
    percent = 100 * (level + short - 0.05 * moneyness + 0.10 * moneyness**2)
    return np.asarray(np.round(np.clip(percent, 15.0, 250.0), 2))


def valued(strike: np.ndarray, forward: np.ndarray, years: np.ndarray, percent: np.ndarray, sign: np.ndarray) -> Valued:
    """`sign`: 1 for a call, -1 for a put."""
    volatility, root = percent / 100, np.sqrt(years)
    deviation = volatility * root
    d1 = np.log(forward / strike) / deviation + deviation / 2
    d2 = d1 - deviation
    density = np.exp(-(d1**2) / 2) / ROOT_TWO_PI
    first, second = normal(sign * d1), normal(sign * d2)
    return Valued(
        price=np.maximum(sign * (forward * first - strike * second), 0.0),
        delta=sign * first,
        gamma=density / (forward * deviation),
        vega=forward * density * root / 100,
        theta=-forward * density * volatility / (2 * root) / 365,
        rho=sign * strike * years * second / 100,
    )
