"""The option of every command that reads Relay's configuration."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from relayctl.commands.options import OwnVariableFirst

Command = TypeVar("Command", bound=Callable[..., Any])


def config_option(command: Command) -> Command:
    """Adds `--config`, the path of `relay.yaml`."""
    return click.option(
        "--config",
        cls=OwnVariableFirst,
        type=click.Path(path_type=Path, dir_okay=False),
        envvar="RELAY_CONFIG",
        help="The configuration file.  [default: relay.yaml, where there is one]",
    )(command)
