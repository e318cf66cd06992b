"""Where replies of REST go: to the journal as they came, numbered without holes under one connection a round."""

import time
import uuid

from core import journal as journals
from core.journal import Journal, StreamName
from core.venue import Reply, Request


class Replies:
    """Of one poll of a venue. A journal that fails raises RedisError, and the number is not used up."""

    def __init__(self, journal: Journal, venue: str, poll: str) -> None:
        self.stream = StreamName(venue, poll, "rest")
        self._journal, self._connection_id, self._number = journal, uuid.uuid4().hex, 0

    def keep(self, reply: Reply) -> None:
        number = self._number + 1
        self._append(number, journals.reply_fields(self._connection_id, number, reply.body, reply.received_us, dict(reply.params)))

    def keep_refusal(self, request: Request, cause: Exception) -> None:
        """A reply that never came is told in its place."""
        context = {"cause": f"{type(cause).__name__}: {cause}", "path": request.path, "params": dict(request.params)}
        number = self._number + 1
        self._append(number, journals.event_fields(journals.REFUSED, self._connection_id, number, time.time_ns() // 1000, context))

    def newest(self) -> str:
        """Journal id at or behind the last one that was kept."""
        return self._journal.last_id(self.stream) or journals.START

    def _append(self, number: int, fields: dict[bytes, bytes]) -> None:
        self._journal.append([(self.stream, fields)])
        self._number = number
