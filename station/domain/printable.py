"""Text of strangers, as people may see it."""

from __future__ import annotations


def printable(text: str) -> str:
    """Return it with U+FFFD for each character that cannot be shown: on one line, whatever came."""
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text)
