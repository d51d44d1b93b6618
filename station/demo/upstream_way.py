"""How the Smart Metering Inventory is told, apart from what needs the simulators: the command line lists them."""

from __future__ import annotations

from enum import StrEnum


class UpstreamWay(StrEnum):
    """How the Smart Metering Inventory is told."""

    N3 = "n3"
    """Option A: pre-notifications by the CSP."""
    SSMI = "ssmi"
    """Option B: a file, uploaded by DCC Logistics."""
