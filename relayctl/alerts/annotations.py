"""Expands the templates in an alert's annotations, as far as Relay's own rules use them.

Supports `{{ $value }}`, `{{ $labels.name }}` and the functions `humanize`, `humanizePercentage` and
`humanizeDuration`, with the same results as Prometheus
(https://prometheus.io/docs/prometheus/latest/configuration/template_reference/).
Any other template in a user's own rules is left unchanged.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Final

_EXPRESSION = re.compile(
    r"\{\{\s*(?:\$labels\.(?P<label>\w+)|\$value(?:\s*\|\s*(?P<function>humanize\w*))?)\s*\}\}"
)
_LARGE: Final = "kMGTPEZY"
_SMALL: Final = "munpfazy"
_DAY: Final = 86_400


def expand(text: str, labels: Mapping[str, str], value: Decimal | None) -> str:
    """Fills in the labels and the value; a missing value becomes `unknown`."""

    def replacement(match: re.Match[str]) -> str:
        if match["label"]:
            return labels.get(match["label"], "")
        if value is None:
            return "unknown"
        function = _FUNCTIONS.get(match["function"] or "")
        return function(float(value)) if function else match[0]

    return _EXPRESSION.sub(replacement, text)


def humanize(value: float) -> str:
    """Formats four significant digits with a metric prefix: `1.5k`, `25m`."""
    prefix = ""
    if abs(value) >= 1:
        for larger in _LARGE:
            if abs(value) < 1000:
                break
            prefix, value = larger, value / 1000
    elif value:
        for smaller in _SMALL:
            if abs(value) >= 1:
                break
            prefix, value = smaller, value * 1000
    return f"{value:.4g}{prefix}"


def humanize_percentage(value: float) -> str:
    """Formats a ratio as a percentage: `97.5%`."""
    return f"{value * 100:.4g}%"


def humanize_duration(value: float) -> str:
    """Formats seconds as a duration: `1d 2h 0m 5s`, `12.5s`, `250ms`."""
    if abs(value) < 1:
        return f"{humanize(value)}s"
    if abs(value) < 60:
        return f"{value:.4g}s"
    whole = int(abs(value))
    parts = (
        (whole // _DAY, "d"),
        (whole // 3600 % 24, "h"),
        (whole // 60 % 60, "m"),
        (whole % 60, "s"),
    )
    first = next(index for index, (count, _) in enumerate(parts) if count)
    return ("-" if value < 0 else "") + " ".join(f"{count}{unit}" for count, unit in parts[first:])


_FUNCTIONS: Final[dict[str, Callable[[float], str]]] = {
    "": lambda value: f"{value:.17g}" if value != int(value) else f"{value:.0f}",
    "humanize": humanize,
    "humanizePercentage": humanize_percentage,
    "humanizeDuration": humanize_duration,
}
