"""Measures scrubbing: microseconds for a kilobyte, milliseconds for a megabyte of worst-case text.

    .venv/bin/python -m bench.pii            # prints the table, writes bench/results/pii.json
    .venv/bin/python -m bench.pii --write    # also updates docs/pii.md

CPU time of the thread, best of five rounds (the machine may be shared), after the warm-up that the proxy does
at start.
"""

from __future__ import annotations

import json
import platform
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path

from bench.figures import write_section
from proxy.config.pii import Pii
from proxy.pii.phones import WorkLimitExceeded
from proxy.pii.scrubber import Scrubber
from proxy.request.placeholders import Placeholders

RESULTS = Path(__file__).parent / "results" / "pii.json"
PAGE = Path(__file__).parents[1] / "docs" / "pii.md"
ROUNDS = 5
_KB, _MB = 1_000, 1_000_000

_PROSE = (
    "The quick brown fox jumps over the lazy dog, and the report of the third quarter is ready by Monday. "
)
_HITS = (
    "Write to ada@example.com or call +1 415 555 2671 from 192.0.2.7; card 4111 1111 1111 1111, thanks. "
    + _PROSE
)


def _mixed(alphabet: str) -> str:
    return "".join(random.Random(7).choices(alphabet, k=_MB))


def texts() -> dict[str, str]:
    """Return the texts by name, those of a kilobyte first."""
    long = {
        "prose": _PROSE,
        "one letter": "a", "one digit": "1", "@": "@", ":": ":", "+": "+", "(": "(", "<": "<",
        "[({": "[({",
        "a@": "a@", "1.": "1.", "1:": "1:", "1::": "1::", "+1": "+1", "1 ": "1 ",
        "half a placeholder": "<EMAIL_ADDRESS_", "C++": "std::vector<a::b> c(d::e); ",
        "UTF-8": "ünïcödé 漢字 текст ",
        "time stamps": "2026-11-23T13:17:17.123456Z 127.5 INFO done\n",
        "one address in 100 bytes": _PROSE[:84] + "ada@example.com ", "addresses only": "a@b.co ",
        "telephone numbers only": "+14155552671 ", "national numbers only": "030 123456 ",
        "cards that do not fit": "4111111111111112 ", "IPv4 only": "192.0.2.7 ", "IPv6 only": "2001:db8::1 ",
        "IBANs only": "GB82WEST12345698765432 ", "placeholders only": "<EMAIL_ADDRESS_1> ",
    }  # fmt: skip
    mixed = {
        "random digits and marks": _mixed("0123456789 .-()+:/"),
        "random hexadecimal": _mixed("0123456789abcdef:."),
        "random mail signs": _mixed("ab1.-@"),
        "random capitals": _mixed("ABDE0123456789 "),
        "different addresses": "".join(f"user{number}@example.com, " for number in range(50_000))[:_MB],
        "different numbers": "".join(f"+4930{number:08d}\n" for number in range(80_000))[:_MB],
    }
    one = {
        "clean, 1 kB": (_PROSE * 10)[:_KB],
        "with 16 hits, 1 kB": (_HITS * 10)[: _KB - 200] + _PROSE * 2,
    }
    whole = {name: (unit * (_MB // len(unit) + 1))[:_MB] for name, unit in long.items()}
    return one | {f"1 MB: {name}": text for name, text in (whole | mixed).items()}


def measure(scrub: Callable[[str, Placeholders], str], text: str) -> tuple[float, str]:
    """Return the seconds for one text in the best round, and the outcome."""
    repeat = 200 if len(text) <= 2 * _KB else 1
    best, outcome = float("inf"), ""
    for _ in range(ROUNDS):
        began = time.thread_time()
        for _ in range(repeat):
            placeholders = Placeholders()
            try:
                scrub(text, placeholders)
                outcome = f"{sum(placeholders.counts.values())} hits"
            except WorkLimitExceeded:
                outcome = "refused"
        best = min(best, (time.thread_time() - began) / repeat)
    return best, outcome


def _scrub_list(scrubber: Scrubber, text: str) -> str:
    """Scrub a body in which every letter is a separate text."""
    scrubber.scrub({"input": list(text)})
    return text


def main() -> None:
    """Measure, print and write the results."""
    settings = Pii()
    scrubber = Scrubber(settings.entities, settings.patterns, settings.phone_regions)
    scrubber.warm_up()
    rows = {name: measure(scrubber.scrub_text, text) for name, text in texts().items()}
    letters = "a" * (_MB // 4)
    rows["1 MB: JSON list of 250,000 letters"] = measure(lambda text, _: _scrub_list(scrubber, text), letters)
    lines = ["| text | time | outcome |", "|---|---|---|"]
    for name, (seconds, outcome) in rows.items():
        shown = f"{seconds * 1e3:.1f} ms" if name.startswith("1 MB") else f"{seconds * 1e6:.1f} µs"
        lines.append(f"| `{name}` | {shown} | {outcome} |")
    table = "\n".join(lines)
    print(table)
    RESULTS.parent.mkdir(exist_ok=True)
    content = {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "seconds": {name: round(seconds, 7) for name, (seconds, _) in rows.items()},
        "outcome": {name: outcome for name, (_, outcome) in rows.items()},
    }
    RESULTS.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", "utf-8")
    if "--write" in sys.argv[1:]:
        write_section(PAGE, "speed", table)


if __name__ == "__main__":
    main()
