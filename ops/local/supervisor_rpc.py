"""supervisord's XML-RPC over its unix socket, with a timeout; the only place that speaks it."""

import http.client
import socket
import xmlrpc.client
from pathlib import Path
from typing import Any

from ops.local.errors import SupervisionFailed

_TIMEOUT_SECONDS = 10.0
# supervisord's own fault numbers (supervisor.xmlrpc.Faults).
NOT_RUNNING, ALREADY_STARTED, SPAWN_ERROR, ALREADY_ADDED = 70, 60, 50, 90


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=_TIMEOUT_SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


class Daemon:
    """A supervisord that may or may not be there."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def call(self, method: str, *arguments: Any, accept: tuple[int, ...] = ()) -> Any:
        """The method's answer, None for an accepted fault. Raises ConnectionError when no supervisord is there."""
        try:
            return self._answer(xmlrpc.client.dumps(arguments, method, allow_none=True))
        except xmlrpc.client.Fault as fault:
            if fault.faultCode in accept:
                return None
            raise SupervisionFailed(f"supervisord refused {method} {arguments}: {fault.faultString}.") from fault
        except TimeoutError as exc:
            raise SupervisionFailed("supervisord is there and does not answer: `./farm down` ends it.") from exc
        except (FileNotFoundError, ConnectionError, http.client.HTTPException) as exc:
            raise ConnectionError(f"no supervisord at {self._path}") from exc

    def pid(self) -> int | None:
        """supervisord's process id, None when there is none."""
        try:
            return int(self.call("supervisor.getPID"))
        except ConnectionError:
            return None

    def _answer(self, request: str) -> Any:
        # One connection a call: a supervisord that is restarted between two calls is then nobody's concern.
        connection = _UnixConnection(self._path)
        try:
            connection.request("POST", "/RPC2", request.encode(), {"Content-Type": "text/xml"})
            (value,), _ = xmlrpc.client.loads(connection.getresponse().read())
            return value
        finally:
            connection.close()
