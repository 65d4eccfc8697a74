"""Settings of what prompts may contain: personal data (`pii`) and blocked content (`policy`)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from proxy.config.patterns import MAX_PATTERNS, check_pattern, check_patterns
from proxy.config.section import Section

Entity = Literal["EMAIL_ADDRESS", "PHONE_NUMBER", "CREDIT_CARD", "US_SSN", "IP_ADDRESS", "IBAN_CODE"]


def _check_region(region: str) -> str:
    import phonenumbers  # noqa: PLC0415 -- loaded only where regions are configured (1 MiB)

    if region not in phonenumbers.SUPPORTED_REGIONS:
        raise ValueError("should be a region of two capitals that phonenumbers knows, such as US or GB")
    return region


class Pii(Section):
    """Entity types that are scrubbed from prompts, and whether their values are restored in answers.

    `patterns` are custom entity types, name to re2 pattern. Telephone numbers without a country code are
    matched against the numbering plans of `phone_regions`.
    """

    enabled: bool = False
    entities: tuple[Entity, ...] = (
        "EMAIL_ADDRESS", "PHONE_NUMBER", "CREDIT_CARD", "US_SSN", "IP_ADDRESS", "IBAN_CODE",
    )  # fmt: skip
    restore: bool = True
    patterns: Annotated[dict[str, str], AfterValidator(check_patterns)] = Field(default_factory=dict)
    phone_regions: tuple[Annotated[str, AfterValidator(_check_region)], ...] = (
        "US", "GB", "DE", "FR", "IL", "IN", "BR",
    )  # fmt: skip


class Policy(Section):
    """Prompts that are refused: those that match a re2 pattern, and those longer than `max_input_bytes`."""

    blocked_patterns: Annotated[
        tuple[Annotated[str, AfterValidator(check_pattern)], ...], Field(max_length=MAX_PATTERNS)
    ] = ()
    max_input_bytes: int | None = Field(default=None, gt=0)
