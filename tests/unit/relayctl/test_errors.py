"""A missing optional dependency becomes one sentence with the command that installs it."""

from __future__ import annotations

import pytest

from relayctl.errors import MissingExtraError, optional_imports


def missing(name: str) -> ModuleNotFoundError:
    """What the import of this module raises."""
    return ModuleNotFoundError(f"No module named {name!r}", name=name)


@pytest.mark.parametrize(
    ("module", "command", "extra"),
    [
        ("duckdb", None, "reports"),
        ("duckdb", "demo", "demo"),
        ("pyarrow.parquet", None, "etl"),
        ("psycopg", "usage", "etl"),
        ("psycopg", "langfuse", "langfuse"),
        ("langfuse.api.client", None, "langfuse"),
    ],
)
def test_a_missing_package_names_its_extra(module: str, command: str | None, extra: str) -> None:
    with pytest.raises(MissingExtraError) as raised, optional_imports(command):
        raise missing(module)
    name = module.partition(".")[0]
    assert str(raised.value) == (
        f"this needs {name}, which is not installed: run `pip install 'relayctl[{extra}]'`"
    )


@pytest.mark.parametrize("module", ["relayctl.no_such_module", "aiohttp", ""])
def test_any_other_missing_module_is_a_bug(module: str) -> None:
    with pytest.raises(ModuleNotFoundError), optional_imports("usage"):
        raise missing(module)
