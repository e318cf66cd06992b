"""Who records under a name. Of two hosts that were given the same replica one is turned away: both would append to the same streams of the
journal, and each take the other's mark there for its own.

The holder is known by its spool, which one process has at a time: a streamer that died and is started anew goes on at once, and another host
takes the name over when the holder has not been heard of for a while. Redis away: nobody is turned away, as frames are kept in the spool.
"""

import logging
import socket
import uuid
from contextlib import suppress
from pathlib import Path

from core.lease import Lease
from core.redisdb import Client, RedisError

log = logging.getLogger(__name__)

#: Several visits of the clerk, and longer than Redis needs to restart.
CLAIM_SECONDS = 15.0


class Claim:
    def __init__(self, client: Client, prefix: str, who: str, spool: Path) -> None:
        self._lease = Lease(client, f"{prefix}:claim:{who}", seconds=CLAIM_SECONDS, token=_token(spool / "holder"))
        self._who = who

    def refused(self) -> str:
        """Take or keep the name; why it cannot be had, or ''."""
        try:
            if self._lease.renew():
                return ""
            holder = self._lease.holder().partition(" ")[0]
        except RedisError as exc:
            log.debug("the name cannot be claimed who=%s error=%s", self._who, exc)
            return ""
        return (
            f"{self._who} is recorded by host {holder or 'unknown'} already: give each host a replica of its own (REPLICAS_HERE), "
            f"or wait {CLAIM_SECONDS:.0f} s after the other has died."
        )

    def release(self) -> None:
        with suppress(RedisError):
            self._lease.release()


def _token(path: Path) -> str:
    """Host and a word of its own, kept beside the spool. On a disk that is full or new it is another one each time."""
    try:
        if kept := path.read_text(encoding="utf-8"):
            return kept
    except OSError:
        pass
    token = f"{socket.gethostname()} {uuid.uuid4().hex}"
    try:
        path.write_text(token, encoding="utf-8")
    except OSError as exc:
        log.warning("the name's holder cannot be noted path=%s error=%s", path, exc)
    return token
