"""Going on where the ledger ends: numbers and trade ids never restart, volumes continue. Books are begun anew."""

from typing import TYPE_CHECKING

from sandbox.kalshi.market import Totals

if TYPE_CHECKING:
    from sandbox.kalshi.venue import Kalshi


def resume(venue: "Kalshi") -> None:
    market = venue.market
    saved = venue.ledger.load("checkpoint.json") or {"number": 0, "changes": 0, "totals": []}
    market.number, market.changes = saved["number"], saved["changes"]
    for symbol, values in enumerate(saved["totals"][: len(market.totals)]):
        market.totals[symbol] = Totals(*values)
    for _, rows in venue.ledger.kinds["trades"].sealed():
        for row in rows[rows["number"] > market.number]:
            market.totals[row["symbol"]].add(round(float(row["price"]) * 10_000), round(float(row["quantity"]) * 100))
        market.number = max(market.number, int(rows["number"].max()))
    for _, rows in venue.ledger.kinds["book_changes"].sealed():
        market.changes = max(market.changes, int(rows["update_id"].max()))
    market.reseed()
    checkpoint(venue)


def checkpoint(venue: "Kalshi") -> None:
    """Keep what segments may take with them when they are deleted; what was traded since is read off them."""
    venue.ledger.save("checkpoint.json", venue.market.saved())
