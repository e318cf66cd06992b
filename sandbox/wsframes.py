"""Server-side WebSocket text frames as bytes; written here because one write per tick carries thousands of them."""

import struct

SMALL = 126
MEDIUM = 65536


def header(length: int) -> bytes:
    """Head of an unmasked, final text frame (RFC 6455 section 5.2)."""
    if length < SMALL:
        return bytes((0x81, length))
    if length < MEDIUM:
        return b"\x81\x7e" + struct.pack(">H", length)
    return b"\x81\x7f" + struct.pack(">Q", length)


# nearly all frames are shorter than this, and a list lookup is some ten times faster than packing
HEADERS = [header(length) for length in range(4096)]


def text_frame(body: bytes) -> bytes:
    length = len(body)
    return (HEADERS[length] if length < len(HEADERS) else header(length)) + body
