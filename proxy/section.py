"""What every part of the configuration is made of: a frozen section, and the amounts that stand in it."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr


class Section(BaseModel):
    """A part of the configuration: frozen, and strict about names."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def _decimal_text(value: object) -> object:
    if isinstance(value, float):
        raise ValueError('should be a price as a quoted decimal, e.g. "0.15", so that no digit is lost')  # noqa: TRY004
    return value


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
