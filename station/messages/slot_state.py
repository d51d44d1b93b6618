"""What is retained of a slot: its view, but for what is for screens alone."""

from __future__ import annotations

from typing import Final

from pydantic import Field

from station.domain.slot_view import SlotView
from station.messages.form import MessageForm


class SlotState(SlotView):
    """One slot as the broker keeps it. Codes and fields may join: take a `reason` that you don't know by `phase` and `to_do`."""

    # Each percent, and each view, would be another message.
    percent: int | None = Field(None, exclude=True)
    silent_seconds: int | None = Field(None, exclude=True)
    revision: int = Field(0, exclude=True)


LEFT_OUT: Final = frozenset(name for name, field in SlotState.model_fields.items() if field.exclude)

SLOT_STATE: Final = MessageForm("slot-state", 1, SlotState)
"""Retained as it is, in no envelope."""


def slot_state(view: SlotView) -> bytes:
    """Return what to retain of a slot that is as this view says."""
    return view.model_dump_json(exclude=set(LEFT_OUT)).encode()
