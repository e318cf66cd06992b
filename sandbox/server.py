"""One process, one port: the venues, their tick loops and the control API."""

import asyncio
import importlib
import logging
import signal
from collections.abc import Coroutine
from typing import Any

from aiohttp import web

from sandbox.config import Config
from sandbox.control import Control
from sandbox.pairs import open_arena

log = logging.getLogger(__name__)


async def serve(config: Config) -> None:
    """Run until SIGTERM or SIGINT."""
    app = web.Application()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    # a venue is a module or package sandbox.<name> with open_venue(config, app)
    venues = {name: importlib.import_module(f"sandbox.{name}").open_venue(config, app) for name in config.venues}
    arena = open_arena(config, venues.values())
    Control(venues, arena).add_routes(app)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=3.0)
    await runner.setup()
    await web.TCPSite(runner, config.host, config.port).start()
    log.info("sandbox is up", extra={"port": config.port, "venues": config.venues})
    beats: list[Coroutine[Any, Any, None]] = [beat(venue, stop) for venue in venues.values()]
    beats += [beat(arena, stop)] if arena else []
    try:
        await asyncio.gather(*beats)
    finally:
        for venue in venues.values():
            venue.close()
        if arena:
            arena.close()
        await runner.cleanup()
        for venue in venues.values():
            venue.ledger.close()


async def beat(venue: Any, stop: asyncio.Event) -> None:
    """Tick at the venue's pace, keep house once a second. An error ends the process: a silent market would mislead."""
    loop = asyncio.get_running_loop()
    housekeeping = loop.time()
    while not stop.is_set():
        venue.tick()
        if loop.time() - housekeeping >= 1.0:
            housekeeping = loop.time()
            venue.keep_house()
        await asyncio.sleep(venue.pace.interval_seconds())
