"""What every part of the configuration is made of: a frozen section, and the amounts that stand in it."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


class Section(BaseModel):
    """A part of the configuration: frozen, and strict about names."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def _decimal_text(value: object) -> object:
    if isinstance(value, float):
        raise ValueError('should be a price as a quoted decimal, e.g. "0.15", so that no digit is lost')  # noqa: TRY004
    return value


Usd = Annotated[Decimal, BeforeValidator(_decimal_text), Field(ge=0, allow_inf_nan=False)]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
