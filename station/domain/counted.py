"""Numbers of things, in words."""

from __future__ import annotations


def counted(number: int, thing: str) -> str:
    """Say how many there are of what is called `thing` when there is one of it."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
