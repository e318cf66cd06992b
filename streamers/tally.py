"""What a streamer counts: a batch at a time, and how connections end."""

from core import metrics
from streamers.batcher import Batch

#: By whom a connection was ended that is not asked for any more: that is no loss of one.
_LEFT = {"stopped", "no instruments"}
#: Ends of our own making; whatever else is said, the venue or the way to it has closed the connection.
_REASONS = {"idle": "silent", "no first frame": "silent", "rotated": "rotated"}


def count(batch: Batch) -> None:
    """Each batch once, on its way to the journal; session events bring no frames."""
    if batch.frames:
        venue, channel, _, replica = batch.stream
        metrics.FRAMES.add(len(batch.frames), venue, channel, replica)
        metrics.BYTES.add(batch.bytes, venue, channel, replica)
        metrics.BATCH_FRAMES.observe(len(batch.frames), venue, channel)
        metrics.BATCH_BYTES.observe(batch.bytes, venue, channel)


def count_end(venue: str, channel: str, cause: str) -> None:
    """A connection that was open has ended."""
    if cause not in _LEFT:
        metrics.RECONNECTS.add(1, venue, channel, _REASONS.get(cause, "closed"))


def count_failure(venue: str, channel: str, *, refused: bool) -> None:
    """An attempt brought no connection. `refused`: the venue answered, with a status."""
    metrics.RECONNECTS.add(1, venue, channel, "refused" if refused else "unreachable")
