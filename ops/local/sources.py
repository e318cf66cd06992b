"""Which Debian mirror the host itself uses, read from its apt sources (one-line and deb822); reads files only."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

APT_FOLDER = Path("/etc/apt")
KEYRINGS = Path("/usr/share/keyrings")
# Only Debian's own suites: other vendors' repositories name theirs after the same releases, but rank behind.
_DEBIAN_SUITE = re.compile(r"^(bullseye|bookworm|trixie|forky|duke|sid|unstable|testing|stable|oldstable)(-updates|-backports)?/?$")
_ONE_LINE = re.compile(r"^deb\s+(?:\[[^\]]*\]\s*)?(?P<uri>\S+)\s+(?P<suite>\S+)\s+(?P<components>.+)$")
_USABLE_SCHEMES = ("http:", "https:", "mirror", "file:", "tor+http")


@dataclass(frozen=True)
class Source:
    """One mirror of one suite, as the host's apt knows it."""

    uri: str
    suite: str
    components: tuple[str, ...]


def parse_one_line(text: str) -> Iterator[Source]:
    for line in text.splitlines():
        match = _ONE_LINE.match(line.split("#", 1)[0].strip())
        if match:
            yield Source(match["uri"], match["suite"], tuple(match["components"].split()))


def parse_deb822(text: str) -> Iterator[Source]:
    for stanza in _stanzas(text):
        enabled = stanza.get("enabled", "yes").lower() not in ("no", "false", "0")
        if not enabled or "deb" not in stanza.get("types", "").split():
            continue
        components = tuple(stanza.get("components", "").split())
        for uri in stanza.get("uris", "").split():
            for suite in stanza.get("suites", "").split():
                yield Source(uri, suite, components)


def _stanzas(text: str) -> Iterator[dict[str, str]]:
    fields: dict[str, str] = {}
    name = ""
    for line in [*text.splitlines(), ""]:
        if line.startswith("#"):
            continue
        if not line.strip():
            if fields:
                yield fields
            fields, name = {}, ""
        elif line[0] in " \t":
            fields[name] = f"{fields.get(name, '')} {line.strip()}"
        elif ":" in line:
            name, value = line.split(":", 1)
            name = name.strip().lower()
            fields[name] = value.strip()


def host_sources(apt_folder: Path = APT_FOLDER) -> list[Source]:
    """All sources the host's apt reads, in its own order; unreadable files are passed over."""
    files = [apt_folder / "sources.list", *sorted((apt_folder / "sources.list.d").glob("*"))]
    found: list[Source] = []
    for file in files:
        parse = {".list": parse_one_line, ".sources": parse_deb822}.get(file.suffix)
        if parse and file.is_file():
            try:
                found.extend(parse(file.read_text(encoding="utf-8", errors="replace")))
            except OSError:
                continue
    return found


def debian_mirrors(sources: Iterable[Source]) -> list[str]:
    """Mirrors that may carry Debian itself, likeliest first. The archive's signature decides in the end."""
    uris = {
        source.uri.rstrip("/")
        for source in sources
        if _DEBIAN_SUITE.match(source.suite) and "main" in source.components and source.uri.startswith(_USABLE_SCHEMES)
    }
    return sorted(uris, key=lambda uri: (not _looks_like_debian(uri), uri))


def _looks_like_debian(uri: str) -> bool:
    return re.search(r"(/debian|/debian/\w+|/debian\.list)$", uri) is not None


def archive_keyrings(folder: Path = KEYRINGS, *, release: str) -> list[Path]:
    """Keyrings that can hold the release's archive keys: the common one first, then those of the release."""
    common = [folder / f"debian-archive-keyring.{suffix}" for suffix in ("gpg", "pgp")]
    return [path for path in [*common, *sorted(folder.glob(f"debian-archive-{release}-*"))] if path.is_file()]
