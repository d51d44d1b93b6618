"""What a re-flashed hub costs, and from when on."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class PriceSettings(BaseModel):
    """A price, from a day on until the next one's."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    first_day: date = Field(description="in UTC, by when the hub's work was finished")
    pounds: Annotated[Decimal, Field(ge=0, le=10_000, decimal_places=2)] = Field(
        description='a re-flashed hub, as text: "7.60"'
    )


class ChargeSettings(BaseModel):
    """The prices. Transport is apart, as each dispatch has it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    prices: tuple[PriceSettings, ...] = Field(min_length=1, description="one for each period, in any order")

    @model_validator(mode="after")
    def _no_day_twice(self) -> Self:
        days = [each.first_day for each in self.prices]
        if len(set(days)) != len(days):
            raise ValueError("prices: two begin on the same day")
        return self

    def pence_on(self, day: date) -> int | None:
        """Return the price of a hub that was finished on this day, in pence; None before the first."""
        begun = [each for each in self.prices if each.first_day <= day]
        if not begun:
            return None
        return int(max(begun, key=lambda each: each.first_day).pounds * 100)
