"""What can go wrong with a backup, besides what can with its journal."""

from __future__ import annotations


class BackupError(Exception):
    """It cannot be made, used or brought in. One line: what, where, what to do next."""
