"""All tables, whichever module has them: for who needs them whole, the steps and their test."""

from __future__ import annotations

from typing import Final

from sqlalchemy import MetaData

from inventory.database import (
    charge_tables,
    delivery_tables,
    notice_tables,
    packing_tables,
    people_tables,
    redelivery_tables,
    tables,
    upstream_tables,
)

METADATA: Final[MetaData] = tables.METADATA
MODULES: Final = (
    *(tables, packing_tables, delivery_tables, upstream_tables),
    *(notice_tables, redelivery_tables, charge_tables, people_tables),
)
"""Each adds its tables when it is imported."""
