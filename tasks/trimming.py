"""How far the journal may be forgotten: behind what is committed and, where there is an archive, behind what that holds."""

import logging
import time
from collections.abc import Mapping

from core.held import Held, earlier
from core.journal import Journal, StreamName, id_order
from core.settings import Settings

log = logging.getLogger(__name__)

#: What is waited for so long is told again.
TELL_SECONDS = 60.0


class Trimmer:
    """Recording goes before archiving: a Redis that is fuller than ARCHIVE_HOLD_PERCENT keeps nothing back for the archive, which counts
    what it misses by that (tasks/archiving.py)."""

    def __init__(self, settings: Settings, journal: Journal) -> None:
        self._journal = journal
        self._held = Held(journal.client, settings.key_prefix) if settings.archives else None
        self._most = settings.archive_hold_percent / 100
        self._told_at = -TELL_SECONDS

    def trim(self, committed: Mapping[StreamName, str]) -> dict[StreamName, str]:
        """Forget what is committed and archived; returns those of which some is committed and still held."""
        if self._held is None or self._lacks_room(self._held):
            self._journal.trim(committed)
            return {}
        archived = self._held.archived(committed)
        self._journal.trim({stream: earlier(offset, archived[stream]) for stream, offset in committed.items()})
        return {stream: offset for stream, offset in committed.items() if id_order(archived[stream]) < id_order(offset)}

    def _lacks_room(self, held: Held) -> bool:
        if (share := held.share()) <= self._most:
            return False
        if time.monotonic() - self._told_at >= TELL_SECONDS:
            self._told_at = time.monotonic()
            log.warning("redis is too full to keep the journal for the archive, it is trimmed behind commits alone share=%.2f", share)
        return True
