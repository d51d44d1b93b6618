"""A device's status in the Smart Metering Inventory: `DeviceStatus` of DCC's public DUIS 5.4 schema."""

from __future__ import annotations

from enum import StrEnum


class DeviceStatus(StrEnum):
    """The nine statuses, spelt as the schema spells them. Only `Pending` hubs are re-flashed (MP155 A-008)."""

    PENDING = "Pending"
    WHITELISTED = "Whitelisted"
    INSTALLED_NOT_COMMISSIONED = "InstalledNotCommissioned"
    COMMISSIONED = "Commissioned"
    DECOMMISSIONED = "Decommissioned"
    WITHDRAWN = "Withdrawn"
    SUSPENDED = "Suspended"
    RECOVERY = "Recovery"
    RECOVERED = "Recovered"
