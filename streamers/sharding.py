"""Which instrument sits on which connection. Pure.

An instrument stays where it is while it is listed: moving it would cost a gap or a duplicate.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple
from zlib import crc32


class Share(NamedTuple):
    """This process takes part `part` of `of` equal ones."""

    part: int = 0
    of: int = 1

    @classmethod
    def parse(cls, text: str) -> "Share":
        """Raises ValueError when text is not k/n with k < n."""
        found = re.fullmatch(r"(\d{1,3})/(\d{1,3})", text)
        if found is None or int(found[1]) >= int(found[2]):
            raise ValueError(f"{text!r} is not k/n with k from 0 to n-1")
        return cls(int(found[1]), int(found[2]))

    def of_symbols(self, symbols: Iterable[str]) -> list[str]:
        """CRC-32, so that a process started again, or elsewhere, takes the same ones."""
        return [symbol for symbol in symbols if crc32(symbol.encode()) % self.of == self.part]

    def shard(self, slot: int) -> str:
        """The journal's shard of a connection slot."""
        return str(slot) if self.of == 1 else f"{self.part}.{slot}"


def assign(current: Mapping[int, Sequence[str]], wanted: Sequence[str], capacity: int) -> dict[int, tuple[str, ...]]:
    """slot -> its symbols: the listed ones stay, new ones fill free room in the lowest slots, empty slots vanish."""
    listed = dict.fromkeys(wanted)
    kept = {slot: [symbol for symbol in symbols if symbol in listed] for slot, symbols in sorted(current.items())}
    placed = {symbol for symbols in kept.values() for symbol in symbols}
    fresh = iter([symbol for symbol in listed if symbol not in placed])
    slot = 0
    for symbol in fresh:
        while len(kept.get(slot, ())) >= capacity:
            slot += 1
        kept.setdefault(slot, []).append(symbol)
    return {slot: tuple(symbols) for slot, symbols in sorted(kept.items()) if symbols}
