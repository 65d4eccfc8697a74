"""Detector and scrubber with the default settings. All personal data in the tests is invented."""

from __future__ import annotations

from proxy.config.pii import Pii
from proxy.pii.detect import Detector
from proxy.pii.scrubber import Scrubber

REGIONS = Pii().phone_regions
ENTITIES = Pii().entities


def scrubber(**patterns: str) -> Scrubber:
    """Return a scrubber of all entity types, with custom patterns."""
    return Scrubber(ENTITIES, patterns, REGIONS)


def found(text: str, **patterns: str) -> list[tuple[str, str]]:
    """Return type and value of the hits of all entity types in a text."""
    data = text.encode()
    hits = Detector(ENTITIES, patterns, REGIONS).find(data)
    return [(entity, data[start:end].decode()) for start, end, entity in hits]
