"""`celery -A bench.throttled worker`: the farm's own worker with a slow decoder. Each entry of the journal takes BENCH_DECODE_MS more, spent
asleep, so that neither the processors of this machine nor the database are what a drain waits for."""

import os
import time
from collections.abc import Sequence
from typing import Any

from tasks import app, digest

__all__ = ["app"]

_SECONDS = float(os.environ["BENCH_DECODE_MS"]) / 1000
_digest = digest.digest


def _slowly(reader: Any, entries: Sequence[Any], **more: Any) -> Any:
    time.sleep(_SECONDS * len(entries))
    return _digest(reader, entries, **more)


digest.digest = _slowly
