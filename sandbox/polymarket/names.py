"""Ids as the venue has them, drawn from a seed: tokens of up to 78 digits, condition ids, wallets, transactions. Pure."""

import hashlib


def digest(seed: int, *parts: object) -> bytes:
    return hashlib.sha256(":".join(map(str, (seed, *parts))).encode()).digest()


def token_id(seed: int, market: int, side: int) -> str:
    """A 256-bit number in decimal, mostly of 77 digits."""
    return str(int.from_bytes(digest(seed, "token", market, side), "big"))


def condition_id(seed: int, market: int) -> str:
    return "0x" + digest(seed, "condition", market).hex()


def question_id(seed: int, market: int) -> str:
    return "0x" + digest(seed, "question", market).hex()


def wallet(seed: int, number: int) -> bytes:
    return digest(seed, "wallet", number)[:20]


def transaction(seed: int, number: int) -> bytes:
    return digest(seed, "transaction", number)


def number_of(hexadecimal: str) -> int:
    """The first 63 bits of a hash, which is how the ledger numbers states of books and prints."""
    return int(hexadecimal[:16], 16) >> 1
