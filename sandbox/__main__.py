"""python -m sandbox --root DIR --port P: run the simulated venues until SIGTERM."""

import logging

import uvloop

from sandbox.config import parse
from sandbox.server import serve

if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    uvloop.run(serve(parse()))
