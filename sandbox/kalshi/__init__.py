"""Kalshi, simulated: REST under /kalshi/trade-api/v2 and a WebSocket at /kalshi/trade-api/ws/v2, both without the prefix too."""

from aiohttp import web

from sandbox.config import Config
from sandbox.kalshi.keys import Account
from sandbox.kalshi.rest import Rest
from sandbox.kalshi.venue import Kalshi
from sandbox.kalshi.ws import Door

#: the second is for clients of which only the host can be chosen
PREFIXES = ("/kalshi", "")


def open_venue(config: Config, app: web.Application) -> Kalshi:
    """The venue with its doors; the server calls it by this name."""
    account = Account.open(config.root, config.public_key, config.key_type)
    venue = Kalshi(config)
    door = Door(venue, account, PREFIXES)
    venue.ping = door.keep_house
    door.add_routes(app)
    Rest(venue, account, PREFIXES).add_routes(app)
    return venue
