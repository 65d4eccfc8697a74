"""What every part of the configuration is made of: a frozen section, and the amounts that stand in it."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Annotated, Final, get_args
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationInfo,
    field_validator,
)

_NUMBERS: Final = frozenset((int, float, Decimal))


class Section(BaseModel):
    """A part of the configuration: frozen, and strict about names."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @field_validator("*", mode="before")
    @classmethod
    def _is_meant(cls, value: object, info: ValidationInfo) -> object:
        """Refuses what pydantic would take for something else: true for 1, "" for the current directory."""
        meant = kinds(cls.model_fields[info.field_name].annotation) if info.field_name else set()
        if isinstance(value, bool) and bool not in meant and meant & _NUMBERS:
            raise ValueError("should be a number")
        if value == "" and Path in meant:
            raise ValueError("should be a path")
        return value


def kinds(annotation: object) -> set[object]:
    """The annotation and every type in it."""
    return {annotation}.union(*map(kinds, get_args(annotation)))


def _decimal_text(value: object) -> object:
    if isinstance(value, float):
        raise ValueError('should be a price as a quoted decimal, e.g. "0.15", so that no digit is lost')  # noqa: TRY004
    return value


def _priced_provider(name: str) -> str:
    """A name that nobody has prices under would leave every answer unpriced without a word."""
    # Its tables take a tenth of a second, which nobody spends who names no provider.
    from genai_prices.data_snapshot import get_snapshot  # noqa: PLC0415

    snapshot = get_snapshot()
    try:
        snapshot.find_provider(None, name, None)
    except LookupError:
        known = [provider.id for provider in snapshot.providers]
        from difflib import get_close_matches  # noqa: PLC0415 -- for this mistake alone

        close = get_close_matches(name.lower(), known, n=1)
        right = f"'{close[0]}'" if close else f"one of {', '.join(known)}"
        raise ValueError(f"should be a provider in genai-prices, {right}") from None
    return name


PricedProvider = Annotated[str, AfterValidator(_priced_provider)]
Usd = Annotated[Decimal, BeforeValidator(_decimal_text), Field(ge=0, allow_inf_nan=False)]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]

_REDIS_SCHEMES: Final = ("redis", "rediss", "unix")


def redis_mistake(section: str, backend: str, url: SecretStr | None) -> str | None:
    """What is wrong with a section's choice of `memory` or `redis`; None when nothing is.

    It does not quote the URL, which may hold a password.
    """
    if url is not None and not _is_redis_url(url.get_secret_value()):
        return "has a redis_url that is not of the form redis://host:6379/0, rediss:// or unix://"
    if backend == "redis" and url is None:
        return f"has the backend 'redis' but no redis_url; set {section}.redis_url"
    if backend == "memory" and url is not None:
        return f"has a redis_url but the backend 'memory'; set {section}.backend to redis"
    return None


def _is_redis_url(url: str) -> bool:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    return parts.scheme in _REDIS_SCHEMES and port != 0
