"""How people call a delivery."""

from __future__ import annotations

from inventory.errors import WrongInput


def delivery_name(delivery: int) -> str:
    """Return how people call a delivery."""
    return f"DL-{delivery:06}"


def delivery_number(name: str) -> int:
    """Return a delivery's number by how people call it. Raises WrongInput."""
    digits = name.upper().removeprefix("DL-")
    if not (digits.isascii() and digits.isdigit() and len(digits) < 18):
        raise WrongInput(f"{name[:40]!r} is no delivery, such as DL-000001")
    return int(digits)
