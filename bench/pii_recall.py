"""Measures recall, false positives and speed of scrubbing by type, on the data set of `bench/pii_data.py`.

.venv/bin/python -m bench.pii_recall                       # prints the tables of docs/pii.md
.venv/bin/python -m bench.pii_recall --write               # also updates docs/pii.md
.venv/bin/python -m bench.pii_recall --presidio PYTHON     # also runs Presidio with that interpreter
"""

from __future__ import annotations

import argparse
import json
import subprocess
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.figures import write_section
from bench.pii_data import DEFAULT, KNOWN, OTHER, SEED, Sample, samples
from proxy.config.pii import Pii
from proxy.pii.detect import Detector

PAGE = Path(__file__).parents[1] / "docs" / "pii.md"
_PEER = Path(__file__).parent / "pii_presidio.py"
_ROUNDS = 3
_MEGABYTE = 1_000_000

Hits = list[tuple[str, int, int]]  # type, start and end in characters


@dataclass(frozen=True, kw_only=True)
class Run:
    """The hits in every sample and the CPU seconds for a megabyte of text."""

    hits: Sequence[Hits]
    seconds: float


@dataclass(kw_only=True)
class Tally:
    """Counts by type, form and group of regions."""

    total: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    exact: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    gone: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    other: Counter[tuple[str, str, str]] = field(default_factory=Counter)

    def add(self, sample: Sample, hits: Hits) -> None:
        """Count one sample."""
        key = (sample.entity, sample.form, sample.group)
        start = sample.text.index(sample.value)
        end = start + len(sample.value)
        self.total[key] += 1
        self.exact[key] += (sample.entity, start, end) in hits
        covering = {entity for entity, begin, stop in hits if begin <= start and end <= stop}
        self.gone[key] += bool(covering)
        self.other[key] += any(entity != sample.entity for entity, _, _ in hits)

    def sum(self, counts: Counter[tuple[str, str, str]], entity: str, group: str = "") -> int:
        """Return the sum of a type's counts, of one group if it is given."""
        return sum(
            count for key, count in counts.items()
            if key[0] == entity and (not group or key[2] == group)
        )  # fmt: skip


def run(texts: Sequence[str]) -> Run:
    """Search the texts with the default settings; the best of several rounds."""
    settings = Pii()
    detector = Detector(settings.entities, settings.patterns, settings.phone_regions)
    detector.warm_up()
    data = [text.encode() for text in texts]
    seconds = []
    for _ in range(_ROUNDS):
        began = time.thread_time()
        found = [list(detector.find(each)) for each in data]
        seconds.append(time.thread_time() - began)
    hits = [
        [(entity, len(each[:start].decode()), len(each[:end].decode())) for start, end, entity in several]
        for each, several in zip(data, found, strict=True)
    ]
    return Run(hits=hits, seconds=min(seconds) * _MEGABYTE / sum(map(len, data)))


def run_presidio(python: str, texts: Sequence[str]) -> Run:
    """Search the texts with Presidio, in the environment of an interpreter."""
    done = subprocess.run(
        [python, str(_PEER)], input=json.dumps(texts), capture_output=True, text=True, check=True
    )
    result = json.loads(done.stdout)
    hits = [[(entity, start, end) for entity, start, end in several] for several in result["hits"]]
    return Run(hits=hits, seconds=result["seconds"] * _MEGABYTE / sum(len(text.encode()) for text in texts))


def tally(data: Iterable[Sample], run: Run) -> Tally:
    """Count the hits of a run."""
    counts = Tally()
    for sample, hits in zip(data, run.hits, strict=True):
        counts.add(sample, hits)
    return counts


def tables(data: Sequence[Sample], own: Run, peer: Run | None) -> str:
    """Return the tables in Markdown."""
    counts = tally(data, own)
    sections = [
        [f"Seed {SEED}; {len(data)} texts."],
        _by_type(counts, own, tally(data, peer) if peer else None, peer),
    ]
    sections += [_by_form(counts), _phones(counts), _decoys(counts)]
    return "\n\n".join("\n".join(lines) for lines in sections)


def _by_type(counts: Tally, own: Run, others: Tally | None, peer: Run | None) -> list[str]:
    lines = ["| | texts | Relay | Presidio |", "|---|---|---|---|"]
    entities = [entity for entity in dict.fromkeys(key[0] for key in counts.total) if entity]
    rows = [(entity, entity, "") for entity in entities]
    rows += [(f"PHONE_NUMBER, {group}", "PHONE_NUMBER", group) for group in (DEFAULT, KNOWN, OTHER)]
    for name, entity, group in rows:
        total = counts.sum(counts.total, entity, group=group)
        share = [
            f"{each.sum(each.gone, entity, group=group) / total:.1%}" if each else "-"
            for each in (counts, others)
        ]
        lines.append(f"| {name}, removed | {total} | {share[0]} | {share[1]} |")
    for name, match in (("clear look-alikes", ""), ("ambiguous look-alikes", "ambiguous")):
        total, *wrong = (
            sum(count for key, count in each.items() if not key[0] and key[2] == match)
            for each in (counts.total, counts.other, others.other if others else Counter())
        )
        lines.append(f"| {name}, false positives | {total} | {wrong[0]} | {wrong[1] if others else '-'} |")
    seconds = f"{peer.seconds * 1e3:,.0f} ms" if peer else "-"
    lines.append(f"| CPU time for 1 MB of these texts | | {own.seconds * 1e3:,.0f} ms | {seconds} |")
    return lines


def _by_form(counts: Tally) -> list[str]:
    lines = [
        "| type | form | texts | found as this type | wholly removed | a hit of another type |",
        "|---|---|---|---|---|---|",
    ]
    for key, total in counts.total.items():
        if key[0] and not key[2]:
            lines.append(
                f"| {key[0]} | {key[1]} | {total} | {counts.exact[key]} | {counts.gone[key]} "
                f"| {counts.other[key]} |"
            )
    return lines


def _phones(counts: Tally) -> list[str]:
    groups = (DEFAULT, KNOWN, OTHER)
    lines = [f"| telephone number, found exactly | {' | '.join(groups)} |", "|---|---|---|---|"]
    for form in dict.fromkeys(key[1] for key in counts.total if key[0] == "PHONE_NUMBER"):
        cells = []
        for group in groups:
            key = ("PHONE_NUMBER", form, group)
            cells.append(f"{counts.exact[key]} of {counts.total[key]}")
        lines.append(f"| {form} | {' | '.join(cells)} |")
    return lines


def _decoys(counts: Tally) -> list[str]:
    lines = ["| no personal data | texts | false positives |", "|---|---|---|"]
    lines += [
        f"| {key[1]}{' (ambiguous)' if key[2] else ''} | {total} | {counts.other[key]} |"
        for key, total in counts.total.items() if not key[0]
    ]  # fmt: skip
    return lines


def main() -> None:
    """Print the tables; with `--write` also update the page."""
    parser = argparse.ArgumentParser(description="Measure recall and false positives of scrubbing.")
    parser.add_argument("--write", action="store_true", help="update docs/pii.md")
    parser.add_argument("--presidio", metavar="PYTHON", help="interpreter with presidio-analyzer")
    options = parser.parse_args()
    data = samples()
    texts = [sample.text for sample in data]
    peer = run_presidio(options.presidio, texts) if options.presidio else None
    text = tables(data, run(texts), peer)
    print(text)
    if options.write:
        write_section(PAGE, "recall", text)


if __name__ == "__main__":
    main()
