"""What can be traded on the simulated Binance, and its exchangeInfo. Shapes as documented, seen 2026-10."""

import math
from dataclasses import asdict, dataclass
from typing import Any

from sandbox.engine import Instrument

PERPETUAL_DELIVERY_MS = 4_133_404_800_000
NOTIONAL = 500.0  # typical size of a trade, in quote currency
ZIPF_EXPONENT = 1.0

# base, start price, price decimals, units of the last decimal per tick, quantity decimals
KNOWN: tuple[tuple[str, float, int, int, int], ...] = (
    ("BTC", 76947.30, 2, 10, 3),
    ("ETH", 2891.42, 2, 1, 3),
    ("SOL", 141.180, 4, 100, 2),
    ("XRP", 1.9214, 4, 1, 1),
    ("DOGE", 0.143210, 6, 10, 0),
    ("BNB", 861.250, 3, 10, 2),
    ("ADA", 0.42870, 5, 10, 0),
    ("LINK", 12.741, 3, 1, 2),
    ("LTC", 84.63, 2, 1, 3),
    ("BCH", 512.44, 2, 1, 3),
    ("TRX", 0.28714, 5, 1, 0),
    ("AVAX", 13.8920, 4, 10, 0),
    ("SUI", 1.471200, 6, 100, 1),
    ("1000PEPE", 0.0046281, 7, 1, 0),
    ("DOT", 2.314, 3, 1, 1),
    ("NEAR", 1.8640, 4, 10, 0),
    ("UNI", 5.9210, 4, 10, 0),
    ("AAVE", 164.370, 3, 10, 1),
    ("ETC", 13.294, 3, 1, 2),
    ("FIL", 1.562, 3, 1, 1),
    ("ATOM", 7.6110, 4, 10, 2),
    ("APT", 2.47100, 5, 10, 1),
    ("ARB", 0.214500, 6, 100, 1),
    ("OP", 0.3178000, 7, 1000, 1),
    ("INJ", 5.632000, 6, 1000, 1),
    ("1000SHIB", 0.008412, 6, 1, 0),
    ("WIF", 0.3821000, 7, 1000, 1),
    ("TIA", 0.6213000, 7, 1000, 0),
    ("SEI", 0.1382000, 7, 100, 0),
    ("HBAR", 0.13874, 5, 1, 0),
)
NON_ASCII = "币安人生"
TRADIFI = (("TSLA", 391.40), ("XAU", 4071.20), ("NVDA", 178.90))
COIN_M = ("BTCUSD_PERP", "ETHUSD_PERP", "SOLUSD_PERP", "XRPUSD_PERP", "BTCUSD_261225")


@dataclass(frozen=True)
class Listing:
    """What exchangeInfo says beside the grids."""

    symbol: str
    pair: str
    base: str
    contract: str = "PERPETUAL"
    status: str = "TRADING"
    delivery_ms: int = PERPETUAL_DELIVERY_MS
    onboard_ms: int = 1_569_398_400_000
    underlying: str = "COIN"


def grids(price: float, decimals: int, tick_units: int, quantity_decimals: int) -> dict[str, int]:
    steps = max(1, round(NOTIONAL / price * 10**quantity_decimals))
    return {
        "price_decimals": decimals,
        "tick_units": tick_units,
        "quantity_decimals": quantity_decimals,
        "anchor_ticks": round(price * 10**decimals / tick_units),
        "typical_steps": steps,
    }


def generated(number: int) -> tuple[Listing, Instrument]:
    """The n-th made-up coin; price and grids follow from the number alone, so a universe can grow later."""
    base = f"TF{number:03d}"
    price = 10 ** (math.sin(number * 1.7) * 2)  # 0.01 to 100
    decimals = 4 if price > 1 else 6
    grid = grids(price, decimals, 1, 0 if price < 10 else 1)
    return entry(Listing(f"{base}USDT", f"{base}USDT", base), grid, 40 + number)


def entry(listing: Listing, grid: dict[str, int], rank: int) -> tuple[Listing, Instrument]:
    activity = 1 / rank**ZIPF_EXPONENT
    return listing, Instrument(listing.symbol, activity=activity, trading=listing.status == "TRADING", **grid)


def special(first_rank: int) -> list[tuple[Listing, Instrument]]:
    """The awkward ones every collector meets: dated, non-ASCII, TradFi, and not trading."""
    rows = [
        (
            Listing("BTCUSDT_261225", "BTCUSDT", "BTC", "CURRENT_QUARTER", delivery_ms=1_798_185_600_000),
            (77310.1, 1, 1, 3),
        ),
        (Listing(f"{NON_ASCII}USDT", f"{NON_ASCII}USDT", NON_ASCII), (0.13174, 7, 100, 0)),
    ]
    for base, price in TRADIFI:
        listing = Listing(f"{base}USDT", f"{base}USDT", base, "TRADIFI_PERPETUAL", underlying="EQUITY")
        rows.append((listing, (price, 2, 1, 2)))
    for base, status in (("OLDX", "SETTLING"), ("GONE", "CLOSE"), ("SOON", "PENDING_TRADING")):
        rows.append((Listing(f"{base}USDT", f"{base}USDT", base, status=status), (0.5, 4, 1, 0)))
    return [entry(listing, grids(*grid), first_rank + rank) for rank, (listing, grid) in enumerate(rows)]


def universe(count: int) -> list[tuple[Listing, Instrument]]:
    """The first `count` instruments by rank; the awkward ones come along from ten on."""
    rows = [
        entry(Listing(f"{base}USDT", f"{base}USDT", base), grids(price, *grid), rank)
        for rank, (base, price, *grid) in enumerate(KNOWN, start=1)
    ]
    if count >= 10:
        rows[6:6] = special(10)
    rows += [generated(number) for number in range(max(0, count - len(rows)))]
    return rows[:count]


def decimal(units: int, decimals: int) -> str:
    return f"{units / 10**decimals:.{decimals}f}"


def filters(instrument: Instrument) -> list[dict[str, Any]]:
    tick = decimal(instrument.tick_units, instrument.price_decimals)
    step = decimal(1, instrument.quantity_decimals)
    if "." in tick:
        tick = tick.rstrip("0").rstrip(".")  # the venue writes tickSize "0.10" and "0.1" alike; the short form is stricter
    ceiling = decimal(instrument.anchor_ticks * instrument.tick_units * 100, instrument.price_decimals)
    lot = {"minQty": step, "maxQty": "10000000", "stepSize": step}
    return [
        {"filterType": "PRICE_FILTER", "minPrice": tick, "maxPrice": ceiling, "tickSize": tick},
        {"filterType": "LOT_SIZE", **lot},
        {"filterType": "MARKET_LOT_SIZE", **lot},
        {"filterType": "MAX_NUM_ORDERS", "limit": 200},
        {"filterType": "MAX_NUM_ALGO_ORDERS", "limit": 10},
        {"filterType": "MIN_NOTIONAL", "notional": "5"},
        {"filterType": "PERCENT_PRICE", "multiplierUp": "1.1500", "multiplierDown": "0.8500", "multiplierDecimal": "4"},
    ]


def symbol_info(listing: Listing, instrument: Instrument) -> dict[str, Any]:
    return {
        "symbol": listing.symbol,
        "pair": listing.pair,
        "contractType": listing.contract,
        "deliveryDate": listing.delivery_ms,
        "onboardDate": listing.onboard_ms,
        "status": listing.status,
        "maintMarginPercent": "2.5000",
        "requiredMarginPercent": "5.0000",
        "baseAsset": listing.base,
        "quoteAsset": "USDT",
        "marginAsset": "USDT",
        "pricePrecision": instrument.price_decimals,
        "quantityPrecision": instrument.quantity_decimals,
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "underlyingType": listing.underlying,
        "underlyingSubType": [],
        "triggerProtect": "0.0500",
        "liquidationFee": "0.012500",
        "marketTakeBound": "0.05",
        "maxMoveOrderLimit": 10000,
        "filters": filters(instrument),
        "orderTypes": [
            "LIMIT",
            "MARKET",
            "STOP",
            "STOP_MARKET",
            "TAKE_PROFIT",
            "TAKE_PROFIT_MARKET",
            "TRAILING_STOP_MARKET",
        ],
        "timeInForce": ["GTC", "IOC", "FOK", "GTX", "GTD"],
    }


def exchange_info(symbols: list[dict[str, Any]], now_ms: int, weight_limit: int) -> dict[str, Any]:
    minute, second = {"interval": "MINUTE", "intervalNum": 1}, {"interval": "SECOND", "intervalNum": 10}
    return {
        "timezone": "UTC",
        "serverTime": now_ms,
        "futuresType": "U_MARGINED",
        "rateLimits": [
            {"rateLimitType": "REQUEST_WEIGHT", **minute, "limit": weight_limit},
            {"rateLimitType": "ORDERS", **minute, "limit": 1200},
            {"rateLimitType": "ORDERS", **second, "limit": 300},
        ],
        "exchangeFilters": [],
        "assets": [{"asset": "USDT", "marginAvailable": True, "autoAssetExchange": "-10000"}],
        "symbols": symbols,
    }


def stored(rows: list[tuple[Listing, Instrument]]) -> list[list[dict[str, Any]]]:
    return [[asdict(listing), asdict(instrument)] for listing, instrument in rows]


def restored(rows: list[list[dict[str, Any]]]) -> list[tuple[Listing, Instrument]]:
    return [(Listing(**listing), Instrument(**instrument)) for listing, instrument in rows]
