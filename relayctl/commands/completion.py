"""`relayctl completion`: prints the completion script of a shell."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def command(context: click.Context, *, shell: str) -> None:
    """Print the completion script of a shell.

    \b
    bash:  relayctl completion bash > ~/.local/share/bash-completion/completions/relayctl
    zsh:   relayctl completion zsh > "${fpath[1]}/_relayctl"
    fish:  relayctl completion fish > ~/.config/fish/completions/relayctl.fish

    Example: relayctl completion bash
    """
    completion = get_completion_class(shell)
    assert completion is not None
    click.echo(completion(context.find_root().command, {}, "relayctl", "_RELAYCTL_COMPLETE").source())
