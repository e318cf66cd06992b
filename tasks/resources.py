"""What tasks work with, opened once a process and on first use, so that a forked child never shares a socket with its parent."""

import functools
from collections.abc import Sequence

from core import redisdb, settings
from core.board import Board
from core.http import Http
from core.journal import Journal
from core.settings import Settings
from tasks.pace import Pace
from venues import VENUES

BEAT_TIMEOUT_SECONDS = 2.0


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


def beats() -> "redisdb.Client":
    """Beat's own door: a beat that waits for a sick Redis longer than a lease would lose it without need."""
    return redisdb.connect(config().redis_url, timeout_seconds=BEAT_TIMEOUT_SECONDS)


@functools.cache
def http(venue: str) -> Http:
    return _http(venue, config().rest_url(venue, VENUES[venue].rest_url), share=None)


@functools.cache
def past(venue: str) -> Sequence[Http]:
    """Who serves what was: the venue itself, then its archive where it has one. All that is asked so is content with a share."""
    urls = [config().rest_url(venue, VENUES[venue].rest_url)]
    urls.append(config().archive_url(venue, VENUES[venue].archive_url))
    return [_http(venue, url, share=config().backfill_share) for url in urls if url]


@functools.cache
def pace() -> Pace:
    """Of all pages of the past that this process reads."""
    return Pace(config().backfill_pages_per_second)


def _http(venue: str, url: str, share: float | None) -> Http:
    return Http(
        VENUES[venue],
        url,
        _redis(),
        prefix=config().key_prefix,
        credentials=config().credentials(venue),
        share=share,
        timeout_seconds=config().http_timeout_seconds,
    )
