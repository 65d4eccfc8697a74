"""The settings of what may leave in a prompt: `pii` and `policy`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from proxy.config.patterns import MAX_PATTERNS, check_pattern, check_patterns
from proxy.config.section import Section

Entity = Literal["EMAIL_ADDRESS", "PHONE_NUMBER", "CREDIT_CARD", "US_SSN", "IP_ADDRESS", "IBAN_CODE"]


def _known_region(region: str) -> str:
    import phonenumbers  # noqa: PLC0415 -- 1 MiB for those who name regions

    if region not in phonenumbers.SUPPORTED_REGIONS:
        raise ValueError("should be a region of two capitals that phonenumbers knows, such as US or GB")
    return region


class Pii(Section):
    """Which personal data prompts are scrubbed of, and whether answers get the values back.

    `patterns` are types of your own, name to re2 pattern. Telephone numbers without a country code are read
    by the plans of `phone_regions`.
    """

    enabled: bool = False
    entities: tuple[Entity, ...] = (
        "EMAIL_ADDRESS", "PHONE_NUMBER", "CREDIT_CARD", "US_SSN", "IP_ADDRESS", "IBAN_CODE",
    )  # fmt: skip
    restore: bool = True
    patterns: Annotated[dict[str, str], AfterValidator(check_patterns)] = Field(default_factory=dict)
    phone_regions: tuple[Annotated[str, AfterValidator(_known_region)], ...] = (
        "US", "GB", "DE", "FR", "IL", "IN", "BR",
    )  # fmt: skip


class Policy(Section):
    """What may not be sent to a provider: texts that a re2 pattern fits, prompts of more bytes than this."""

    blocked_patterns: Annotated[
        tuple[Annotated[str, AfterValidator(check_pattern)], ...], Field(max_length=MAX_PATTERNS)
    ] = ()
    max_input_bytes: int | None = Field(default=None, gt=0)
