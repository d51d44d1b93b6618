"""What the inventory cannot do, in one line for people: what happened, where, and what to do next."""

from __future__ import annotations


class InventoryError(Exception):
    """The root of all that goes wrong here. Exit code 1 unless a class says otherwise."""


class WrongInput(InventoryError):
    """What was given can never be worked with: a file, a name, a setting. Exit code 2."""
