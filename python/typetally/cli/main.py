"""The `typetally` command. Exit codes: 0 fine, 1 findings, 2 a call or an input that cannot be served."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from rich.console import Console

import typetally
from typetally.cli.audit import audit
from typetally.cli.demo import demo
from typetally.cli.grammars import grammars
from typetally.cli.pack import pack
from typetally.cli.plugin import plugin
from typetally.cli.show import show

app = typer.Typer(
    name="typetally",
    help="Shows what a grounding vision-language model is learning: loss, accuracy and entropy by token type.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(grammars)
app.command()(demo)
app.command()(audit)
app.command()(pack)
app.command()(plugin)
app.command()(show)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(typetally.__version__)
        raise typer.Exit


@app.callback()
def _commands(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Makes `typetally` a command with subcommands, however few there are."""


def main() -> None:
    """Runs the command; what the library refuses becomes a message and exit code 2."""
    try:
        app()
    except (ValueError, TypeError, OSError) as error:
        Console(stderr=True).print(f"typetally: {error}", style="red", markup=False, highlight=False, soft_wrap=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
