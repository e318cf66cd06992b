"""Numbers for what the venue numbers not: states of books by their hash, prints by what identifies them. Pure arithmetic."""

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

_HEX = 16  # digits of which 63 bits are taken


def state_numbers(hashes: Sequence[str], identity: Callable[[int], str]) -> Any:
    """The first 63 bits of each hash as int64; where there is none, of the SHA-256 of `identity` of its place."""
    whole = _first_bits("".join([text[:_HEX] for text in hashes]), len(hashes))
    if whole is not None:
        return whole
    alone = [_first_bits(text[:_HEX], 1) for text in hashes]
    return np.array([text_number(identity(place)) if found is None else found[0] for place, found in enumerate(alone)], np.int64)


def _first_bits(digits: str, count: int) -> Any | None:
    """None when it is not 16 hexadecimal digits each."""
    if len(digits) != _HEX * count or not digits.isalnum():
        return None
    try:
        return (np.frombuffer(bytes.fromhex(digits), ">u8") >> np.uint64(1)).astype(np.int64)
    except ValueError:
        return None


def text_number(text: str) -> int:
    """The first 63 bits of a text's SHA-256."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def print_number(transaction: str, token: str, side: str, size: float, price: float, *, otherwise: str = "") -> int:
    """The same for the stream and for the Data API. A print without a transaction is told apart by `otherwise`."""
    return text_number(f"{transaction.lower() or otherwise}:{token}:{side}:{size:.15g}:{price:.15g}")
