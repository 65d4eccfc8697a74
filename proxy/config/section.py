"""Building blocks of the settings: the frozen base class of every section, and shared value types."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Annotated, Final, get_args
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationInfo, field_validator

_NUMBERS: Final = frozenset((int, float, Decimal))


class Section(BaseModel):
    """A section of the configuration. It is frozen and refuses unknown settings.

    A setting with `repr=False` may hold a secret: no error message shows its value. A setting with
    `exclude=True` is set by Relay and cannot be configured.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    @field_validator("*", mode="before")
    @classmethod
    def _refuse_coercion(cls, value: object, info: ValidationInfo) -> object:
        """Refuse values that pydantic would convert: true to 1, and "" to the current directory."""
        expected = types_in(cls.model_fields[info.field_name].annotation) if info.field_name else set()
        if isinstance(value, bool) and bool not in expected and expected & _NUMBERS:
            raise ValueError("should be a number")
        if value == "" and Path in expected:
            raise ValueError("should be a path")
        return value


def types_in(annotation: object) -> set[object]:
    """Return an annotation and every type nested in it."""
    return {annotation}.union(*map(types_in, get_args(annotation)))


def _refuse_float(value: object) -> object:
    if isinstance(value, float):
        raise ValueError('should be a price as a quoted decimal, e.g. "0.15", so that no digit is lost')  # noqa: TRY004
    return value


Usd = Annotated[Decimal, BeforeValidator(_refuse_float), Field(ge=0, allow_inf_nan=False)]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]

_REDIS_SCHEMES: Final = ("redis", "rediss", "unix")


def redis_conflict(section: str, backend: str, url: SecretStr | None) -> str | None:
    """Return why a section's backend and Redis URL do not fit together; None when they do.

    The URL is not quoted because it may contain a password. For the same reason sections check it in a model
    validator: pydantic reports an invalid field together with its value.
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
