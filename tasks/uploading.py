"""Closed files of the archive to S3-compatible storage, in order. Up to where each channel has been proven to be there stands beside it."""

import json
import logging
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from core.objects import Objects, ObjectsError, Upload
from core.settings import Settings
from tasks import lifecycle
from tasks.archiving import Hour, files, replace

log = logging.getLogger(__name__)

MARK = "uploaded.json"


class Waiting(NamedTuple):
    """A closed file that is not there yet; `closed_at`: seconds since 1970."""

    closed_at: float
    path: Path
    hour: Hour


#: On its way, kept from turn to turn of this process: a large file is read back over several.
_under_way: dict[Path, Upload] = {}


def waiting(root: Path) -> list[Waiting]:
    """The oldest first; of each channel only what is behind its mark."""
    return sorted(one for folder in root.glob("*/*") if folder.is_dir() for one in _behind_mark(folder))


def _behind_mark(folder: Path) -> Iterator[Waiting]:
    mark = _mark(folder)
    for hour, path in files(folder, mark.hour):
        if path.suffix == ".zst" and hour > mark:
            yield Waiting(path.stat().st_mtime, path, hour)


def _mark(folder: Path) -> Hour:
    """What cannot be read begins anew: what is there already is only looked at."""
    try:
        return Hour(*map(int, json.loads((folder / MARK).read_bytes())))
    except (OSError, ValueError, TypeError):
        return Hour(0)


def work(settings: Settings, until: float) -> tuple[int, str]:
    """(files that were proven to be there, why it ended early). At most one failure a turn: the next one tries again."""
    done, root, trouble = 0, settings.data / "raw", ""
    found = waiting(root)
    if not found:
        return 0, ""
    try:
        objects = Objects(settings)
        for one in sorted(found, key=lambda one: (one.path.parent.parent, one.hour)):
            if not _bring(objects, settings.data, one, until):
                break
            done += 1
    except (ObjectsError, OSError, ValueError) as exc:
        _under_way.clear()
        trouble = str(exc)[:300]
        log.warning("the archive cannot be copied for now cause=%s", trouble)
    return done, trouble


def _bring(objects: Objects, data: Path, one: Waiting, until: float) -> bool:
    """False when the turn is over before."""
    manifest = one.path.with_suffix(".json")
    for path, sha256 in ((manifest, None), (one.path, json.loads(manifest.read_bytes())["sha256"])):
        upload = _under_way.get(path) or Upload(objects, path, path.relative_to(data).as_posix(), sha256)
        _under_way[path] = upload
        while not upload.step():
            if time.monotonic() > until or lifecycle.ending():
                return False
    _under_way.clear()
    replace(one.path.parent.parent / MARK, json.dumps(one.hour).encode())
    return True
