"""What can go wrong on the local machine; every message is a sentence that says what to do.

LocalError
├── RuntimeUnavailable      this host cannot have the embedded runtime at all
├── RuntimeBuildFailed      it could, but a step failed
│   └── NetworkFailed       the package mirror could not be reached
├── DiskFull
├── ServerRefused           PostgreSQL or Redis cannot be started as asked
│   ├── PortInUse
│   ├── DataRefused         the data folder is foreign, of another version or not ours to open
│   ├── AlreadyRunning      a server already works on this data folder
│   └── NotReady            started, and does not answer
└── SupervisionFailed       the supervisor cannot be started, reached or stopped
"""


class LocalError(Exception):
    """Something on this machine stands in the way."""


class RuntimeUnavailable(LocalError):
    """The embedded PostgreSQL and Redis cannot run here."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"{reason} The embedded PostgreSQL and Redis need Debian 12 or newer (or a system with its packages). "
            "Use `docker compose up` instead, or set DATABASE_URL and REDIS_URL to servers of your own."
        )


class RuntimeBuildFailed(LocalError):
    """A step of unpacking the embedded servers failed."""


class NetworkFailed(RuntimeBuildFailed):
    """The package mirror could not be reached."""


class DiskFull(LocalError):
    """There is no room left on the disk."""


class ServerRefused(LocalError):
    """A server cannot be started as asked."""


class PortInUse(ServerRefused):
    """Another program listens on the port."""


class DataRefused(ServerRefused):
    """The data folder cannot be used."""


class AlreadyRunning(ServerRefused):
    """A server already works on this data folder."""


class NotReady(ServerRefused):
    """The server does not answer in time."""


class SupervisionFailed(LocalError):
    """The supervisor of the farm's programs cannot be used."""
