"""Measures recall and false positives of scrubbing by type, on the data set of `bench/pii_data.py`.

.venv/bin/python -m bench.pii_recall            # prints the tables of docs/pii.md
.venv/bin/python -m bench.pii_recall --write    # also updates docs/pii.md
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

from bench.figures import write_section
from bench.pii_data import SEED, Sample, samples
from proxy.config.pii import Pii
from proxy.pii.detect import Detector

PAGE = Path(__file__).parents[1] / "docs" / "pii.md"


def found(detector: Detector, sample: Sample) -> list[tuple[str, str]]:
    """Return type and value of the hits in a sample."""
    data = sample.text.encode()
    return [
        (entity, data[start:end].decode("utf-8", "replace")) for start, end, entity in detector.find(data)
    ]


def tables() -> str:
    """Return the two tables in Markdown."""
    settings = Pii()
    detector = Detector(settings.entities, settings.patterns, settings.phone_regions)
    total: Counter[tuple[str, str]] = Counter()
    exact: Counter[tuple[str, str]] = Counter()
    gone: Counter[tuple[str, str]] = Counter()
    other: Counter[tuple[str, str]] = Counter()
    for sample in samples():
        key = (sample.entity, sample.form)
        hits = found(detector, sample)
        total[key] += 1
        exact[key] += (sample.entity, sample.value) in hits
        gone[key] += any(sample.value in value for _, value in hits)
        other[key] += any(entity != sample.entity for entity, _ in hits)
    lines = [f"Seed {SEED}; {sum(total.values())} texts.", ""]
    lines += [
        "| type | form | texts | found as this type | wholly removed | a hit of another type |",
        "|---|---|---|---|---|---|",
    ]
    for entity, form in total:
        if entity:
            key = (entity, form)
            lines.append(f"| {entity} | {form} | {total[key]} | {exact[key]} | {gone[key]} | {other[key]} |")
    for entity in dict.fromkeys(entity for entity, _ in total if entity):
        count, hit = (sum(each[key] for key in total if key[0] == entity) for each in (total, exact))
        lines.append(f"| **{entity}** | all forms | {count} | {hit} ({hit / count:.0%}) | | |")
    lines += ["", "| no personal data | texts | false positives |", "|---|---|---|"]
    lines += [
        f"| {form} | {total[entity, form]} | {other[entity, form]} |" for entity, form in total if not entity
    ]
    return "\n".join(lines)


def main() -> None:
    """Print the tables; with `--write` also update the page."""
    text = tables()
    print(text)
    if "--write" in sys.argv[1:]:
        write_section(PAGE, "recall", text)


if __name__ == "__main__":
    main()
