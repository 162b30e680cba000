"""zoo completion."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

__all__ = ["completion"]

SHELLS = ("bash", "zsh", "fish")

_WHOLE_VERSIONS = "COMP_WORDBREAKS=${COMP_WORDBREAKS//@/}"
"""bash would take NAME@VERSION for three words."""


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the script that completes commands, options and the names of releases and components in SHELL.

    \b
    echo 'eval "$(zoo completion bash)"' >> ~/.bashrc
    zoo completion fish > ~/.config/fish/completions/zoo.fish
    """
    script = get_completion_class(shell)
    assert script is not None, f"click knows {shell}"
    click.echo(script(ctx.find_root().command, {}, "zoo", "_ZOO_COMPLETE").source())
    if shell == "bash":
        click.echo(_WHOLE_VERSIONS)
