"""Prometheus and promtool, for checks of metrics and rules: fetched as the servers are and unpacked beside them, never installed.

Debian's programs need nothing but a C library as new as bookworm's, so neither what their package depends on nor patches.
"""

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ops.local import tree
from ops.local.locks import exclusive
from ops.local.packages import PackageCache, Selection, cache_folder
from ops.local.platforms import this_platform

SELECTION = Selection(
    "bookworm",
    ("prometheus",),
    "Prometheus",
    place="prometheus",
    kept=lambda package: package == "prometheus",
    room_bytes=100_000_000,
)


@dataclass(frozen=True)
class Programs:
    prometheus: Path
    promtool: Path


def ensure_prometheus(folder: Path, say: Callable[[str], None]) -> Programs:
    """The programs below `folder`, fetched and unpacked when they are not there. Raises LocalError."""
    found = Programs(folder / "usr/bin/prometheus", folder / "usr/bin/promtool")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with exclusive(folder.with_name(f"{folder.name}.lock"), lambda: say("waiting for another who unpacks Prometheus")):
        if not folder.is_dir():
            packages = PackageCache(cache_folder(), this_platform(), SELECTION).packages(say)
            with tempfile.TemporaryDirectory(prefix=f"{folder.name}.building-", dir=folder.parent) as draft:
                tree.unpack((package.path for package in packages), Path(draft) / "tree")
                shutil.move(Path(draft) / "tree", folder)
    tree.check(found.prometheus)
    return found
