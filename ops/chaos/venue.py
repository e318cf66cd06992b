"""The sandbox's control API, as the faults use it."""

import json
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ops.cli.errors import Refused

ANSWER_SECONDS = 20.0
#: A fault that strikes single frames has struck as often as it should within moments.
STRUCK_SECONDS = 30.0
POLL_SECONDS = 0.1


class Sandbox:
    def __init__(self, port: int, venue: str) -> None:
        self._base, self._venue = f"http://127.0.0.1:{port}/control/faults", venue

    def begin(self, kind: str, **fields: object) -> int:
        """The number of the fault."""
        return int(self._ask("POST", {"venue": self._venue, "kind": kind, **fields})["id"])

    def end(self, number: int) -> None:
        self._ask("DELETE", {"venue": self._venue, "id": number})

    def is_active(self, number: int) -> bool:
        return any(fault["id"] == number for fault in self._ask("GET")[self._venue]["active"])

    def inflict(self, kind: str, **fields: object) -> None:
        """Returns when the fault has struck as often as it should. Raises Refused when it does not come to that."""
        number, deadline = self.begin(kind, **fields), time.monotonic() + STRUCK_SECONDS
        while self.is_active(number):
            if time.monotonic() > deadline:
                self.end(number)
                raise Refused(f"the sandbox's fault {kind} found nothing to strike")
            time.sleep(POLL_SECONDS)

    @contextmanager
    def lasting(self, kind: str, **fields: object) -> Iterator[None]:
        number = self.begin(kind, seconds=3600, **fields)
        try:
            yield
        finally:
            self.end(number)

    def _ask(self, method: str, body: dict[str, object] | None = None) -> Any:
        request = urllib.request.Request(  # noqa: S310  # our own sandbox
            self._base, json.dumps(body).encode() if body else None, {"Content-Type": "application/json"}, method=method
        )
        with urllib.request.urlopen(request, timeout=ANSWER_SECONDS) as answer:  # noqa: S310
            return json.load(answer)
