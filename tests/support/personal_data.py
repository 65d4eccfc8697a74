"""What finds and scrubs personal data as the default settings do; all the data in the tests is made up."""

from __future__ import annotations

from proxy.config.pii import Pii
from proxy.pii.detect import Detector
from proxy.pii.scrubber import Scrubber

REGIONS = Pii().phone_regions
ENTITIES = Pii().entities


def scrubber(**patterns: str) -> Scrubber:
    """A scrubber of every type, with patterns of one's own."""
    return Scrubber(ENTITIES, patterns, REGIONS)


def found(text: str, **patterns: str) -> list[tuple[str, str]]:
    """What a detector of every type finds in a text: type and value."""
    data = text.encode()
    hits = Detector(ENTITIES, patterns, REGIONS).find(data)
    return [(entity, data[start:end].decode()) for start, end, entity in hits]
