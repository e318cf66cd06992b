"""`python -m ops.console`: serve the console until SIGTERM."""

import asyncio
import logging
import os
import socket
import sys

import uvicorn

from core import log, settings
from core.settings import Settings
from ops.console.app import create
from ops.console.security import objection

#: A page that is read on while the server goes away is waited for so long.
LEAVE_SECONDS = 2
#: uvicorn looks ten times a second whether it shall end, which a quiet farm would feel.
LOOK_SECONDS = 0.5


class Server(uvicorn.Server):
    async def main_loop(self) -> None:
        while not await self.on_tick(0):  # noqa: ASYNC110 (signals and tests set a flag)
            await asyncio.sleep(LOOK_SECONDS)


def main() -> int:
    knobs = settings.load()
    log.configure(knobs.log_level, knobs.log_format)
    if words := objection(knobs):
        sys.stderr.write(f"{words}\n")
        return 2
    ports = [int(text) for text in os.environ.get("FARM_CONSOLE_PORTS", "8000").split(",")]
    sockets = [listening(knobs.console_address, port) for port in ports]
    server(knobs).run(sockets)
    return 0


def leave(status: int) -> None:
    """Without waiting for threads that ask a database which does not answer."""
    logging.shutdown()
    sys.stderr.flush()
    os._exit(status)


def server(knobs: Settings) -> Server:
    return Server(
        uvicorn.Config(
            create(knobs),
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=LEAVE_SECONDS,
        )
    )


def listening(address: str, port: int) -> socket.socket:
    made = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind((address, port))
    made.listen(128)
    return made


if __name__ == "__main__":
    leave(main())
