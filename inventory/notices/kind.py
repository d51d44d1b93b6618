"""What a party can be told of."""

from __future__ import annotations

from enum import StrEnum


class Kind(StrEnum):
    """Each has a template of its name."""

    REQUEST_ACCEPTED = "request_accepted"
    REQUEST_IN_PART = "request_in_part"
    REQUEST_REJECTED = "request_rejected"
    AUTHORISED = "authorised"
    AMENDED = "amended"
    GOODS_RECEIVED = "goods_received"
    GOODS_REJECTED = "goods_rejected"
    DONE = "done"
    SCRAPPED = "scrapped"
    DISPATCHED = "dispatched"
    RECALLED = "recalled"
