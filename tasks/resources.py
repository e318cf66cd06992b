"""What tasks work with, opened once a process and on first use, so that a forked child never shares a socket with its parent."""

import functools

from core import redisdb, settings
from core.board import Board
from core.http import Http
from core.journal import Journal
from core.settings import Settings
from venues import VENUES


@functools.cache
def config() -> Settings:
    return settings.load()


def config_now() -> Settings:
    """With farm.toml as it stands at this moment: what to collect may change while the farm runs."""
    return settings.load()


@functools.cache
def _redis() -> "redisdb.Client":
    return redisdb.connect(config().redis_url, timeout_seconds=config().redis_timeout_seconds)


@functools.cache
def journal() -> Journal:
    return Journal(_redis(), config().key_prefix)


@functools.cache
def board() -> Board:
    return Board(_redis(), config().key_prefix)


@functools.cache
def http(venue: str) -> Http:
    found = VENUES[venue]
    return Http(
        found,
        config().rest_url(venue, found.rest_url),
        _redis(),
        prefix=config().key_prefix,
        credentials=config().credentials(venue),
        timeout_seconds=config().http_timeout_seconds,
    )
