"""The kinds of machine the embedded runtime is made for."""

import platform
import shutil
import sys
from dataclasses import dataclass

from ops.local.errors import RuntimeUnavailable


@dataclass(frozen=True)
class Platform:
    """How Debian names this kind of machine."""

    architecture: str
    triplet: str
    loader: str


_PLATFORMS = {
    "x86_64": Platform("amd64", "x86_64-linux-gnu", "ld-linux-x86-64.so.2"),
    "aarch64": Platform("arm64", "aarch64-linux-gnu", "ld-linux-aarch64.so.1"),
}
_TOOLS = ("apt-get", "apt-config", "dpkg-deb", "tar", "setpriv")


def this_platform() -> Platform:
    """This machine's platform. Raises RuntimeUnavailable where the embedded runtime cannot be had."""
    if sys.platform != "linux":
        raise RuntimeUnavailable("This is not Linux.")
    found = _PLATFORMS.get(platform.machine())
    if found is None:
        raise RuntimeUnavailable(f"There is no embedded runtime for {platform.machine()} processors.")
    return found


def require_tools() -> None:
    missing = [tool for tool in _TOOLS if shutil.which(tool) is None]
    if missing:
        raise RuntimeUnavailable(f"This system lacks {', '.join(missing)}.")
