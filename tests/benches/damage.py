"""A file that is not what it was."""

from __future__ import annotations


def damaged(data: bytes) -> bytes:
    """Return the data with one bit of its last byte turned: a set value might be what stands there, as in a signature."""
    return data[:-1] + bytes([data[-1] ^ 1])
