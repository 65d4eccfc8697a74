"""Renders the chart with Helm's own code and returns its objects."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import helm_python
import yaml

ROOT = Path(__file__).parents[3]
CHART = ROOT / "helm" / "relay"
VALUES: dict[str, dict[str, Any]] = {
    "default": {},
    **{
        path.stem: yaml.safe_load(path.read_text("utf-8"))
        for path in sorted((ROOT / "helm" / "values").glob("*.yaml"))
    },
}
"""Sets of values by name; `default` is empty."""

Manifest = dict[str, Any]


def render(values: dict[str, Any]) -> list[Manifest]:
    """The objects of a release `relay` in the namespace `ai`. Raises `helm_python.HelmError`."""
    with helm_python.Chart.load(CHART) as chart:
        files = chart.render(values, name="relay", namespace="ai")
    texts = [text for path, text in files.items() if not path.endswith("NOTES.txt")]
    return [found for text in texts for found in yaml.safe_load_all(text) if found]


@lru_cache
def rendered(name: str) -> tuple[Manifest, ...]:
    """The objects rendered with a named set of values."""
    return tuple(render(VALUES[name]))


def of_kind(manifests: tuple[Manifest, ...] | list[Manifest], kind: str, name: str = "") -> list[Manifest]:
    """The objects of a kind whose name ends with `name`."""
    return [one for one in manifests if one["kind"] == kind and one["metadata"]["name"].endswith(name)]


def pods(manifests: tuple[Manifest, ...] | list[Manifest]) -> Iterator[tuple[str, Manifest, dict[str, str]]]:
    """Each pod of the objects: its owner, spec and labels."""
    for one in manifests:
        spec = one.get("spec", {})
        template = spec.get("jobTemplate", {}).get("spec", spec).get("template")
        pod = one if one["kind"] == "Pod" else template
        if pod:
            yield f"{one['kind']}/{one['metadata']['name']}", pod["spec"], pod["metadata"]["labels"]


def containers(pod: Manifest) -> list[Manifest]:
    """All containers of a pod's spec, sidecars included."""
    return [*pod.get("initContainers", []), *pod["containers"]]
