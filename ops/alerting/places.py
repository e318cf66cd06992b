"""ALERT_URLS: which places it names, and how to speak of them without telling a password. Pure."""

import re
from urllib.parse import unquote

_SEPARATOR = re.compile(r"[,\s]+(?=[A-Za-z0-9]+://)")
#: What a part of a URL may be without being worth hiding.
_HARMLESS = {"https", "http", "true", "false", "starttls", "insecure"}
_SHORTEST_SECRET = 4


def split(urls: str) -> list[str]:
    """A comma within a URL stays its own."""
    return [url for url in _SEPARATOR.split(urls.strip().strip(",")) if url]


def places(urls: str) -> dict[str, str]:
    """name -> URL. A name is a number and the URL's kind, such as `1 (mailtos)`."""
    return {f"{number} ({url.partition('://')[0]})": url for number, url in enumerate(split(urls), start=1)}


def hidden(text: str, urls: str) -> str:
    """The text without what the URLs are made of, but for the names of their hosts."""
    secrets: set[str] = set()
    for url in split(urls):
        _, _, rest = url.partition("://")
        host = re.split(r"[/?]", rest)[0].rpartition("@")[2].partition(":")[0]
        parts = {part for raw in re.split(r"[/?&=:@]", rest) for part in (raw, unquote(raw))}
        # What stands in a host's place without a dot in it may be a token.
        known = _HARMLESS | ({host} if "." in host else set())
        secrets |= {rest} | {part for part in parts if len(part) >= _SHORTEST_SECRET and part not in known}
    for part in sorted(secrets, key=len, reverse=True):
        text = text.replace(part, "…")
    return text
