"""Binance USD-M futures, simulated: streams under /public and /market, REST under /fapi and /futures/data."""

from aiohttp import web

from sandbox.binance.rest import Rest
from sandbox.binance.venue import Binance
from sandbox.binance.ws import Door
from sandbox.config import Config


def open_venue(config: Config, app: web.Application) -> Binance:
    """The venue with its doors; the server calls it by this name."""
    venue = Binance(config)
    door = Door(venue)
    venue.keep_house = door.keep_house
    door.add_routes(app)
    Rest(venue).add_routes(app)
    return venue
