"""Polymarket, simulated: Gamma, CLOB and Data API under /polymarket/{gamma,clob,data}, the market channel at /polymarket/ws/market."""

from aiohttp import web

from sandbox.config import Config
from sandbox.polymarket.rest import Rest
from sandbox.polymarket.venue import Polymarket
from sandbox.polymarket.ws import Door


def open_venue(config: Config, app: web.Application) -> Polymarket:
    """The venue with its doors; the server calls it by this name."""
    venue = Polymarket(config)
    door = Door(venue)
    venue.keep_house = door.keep_house
    door.add_routes(app)
    Rest(venue).add_routes(app)
    return venue
