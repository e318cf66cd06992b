"""What can go wrong between a venue and the journal, and what to do about it.

StreamerError
├── ConnectFailed   the connection could not be made: the venue is away, try again until it is back
│   └── Refused     the venue answered the handshake with a status: try again, some of them only after a long while
├── BadAddress      the endpoint is no WebSocket address: no attempt can help
├── SocketStuck     the peer does not take what is sent: the connection is given up
└── SpoolBusy       another process owns the spool folder
"""

from enum import Enum


class StreamerError(Exception):
    """The message says what happened and, where somebody can help, what to do."""


class ConnectFailed(StreamerError):
    """the connection could not be made"""


class Refused(ConnectFailed):
    """the venue answered the handshake with an HTTP status"""

    def __init__(self, status: int) -> None:
        super().__init__(f"handshake answered with HTTP {status}")
        self.status = status


class BadAddress(StreamerError):
    """the endpoint is no WebSocket address"""


class SocketStuck(StreamerError):
    """the peer does not take what is sent"""


class SpoolBusy(StreamerError):
    """another process owns the spool folder"""


class Verdict(Enum):
    RETRY = "retry"
    AWAY = "away"
    RETRY_LATE = "retry late"
    GIVE_UP = "give up"


#: Statuses by which a venue says "too often" or "not from here": asking again soon makes a ban longer (Binance: 418 after ignored 429s).
LATE_STATUSES = frozenset({403, 418, 429, 451})


def verdict(error: StreamerError) -> Verdict:
    """The one place that says which socket errors are worth another attempt."""
    if isinstance(error, Refused) and error.status in LATE_STATUSES:
        return Verdict.RETRY_LATE
    if isinstance(error, ConnectFailed) and not (isinstance(error, Refused) and error.status < 500):
        return Verdict.AWAY
    if isinstance(error, ConnectFailed | SocketStuck):
        return Verdict.RETRY
    return Verdict.GIVE_UP
