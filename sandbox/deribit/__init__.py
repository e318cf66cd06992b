"""Deribit, simulated: JSON-RPC over HTTP under /deribit/api/v2 and over a WebSocket at /deribit/ws/api/v2."""

from aiohttp import web

from sandbox.config import Config
from sandbox.deribit.credits import Credits
from sandbox.deribit.methods import Methods
from sandbox.deribit.rest import Rest
from sandbox.deribit.venue import Deribit
from sandbox.deribit.ws import Door


def open_venue(config: Config, app: web.Application) -> Deribit:
    """The venue with its doors; the server calls it by this name."""
    venue = Deribit(config)
    methods, credits = Methods(venue), Credits(config.credit_refill)
    door = Door(venue, methods, credits)
    venue.keep_house = door.keep_house
    door.add_routes(app)
    Rest(venue, methods, credits).add_routes(app)
    return venue
