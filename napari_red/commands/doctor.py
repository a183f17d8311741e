"""``napari-red doctor``: what is here, and what is missing."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from napari_red.core import doctor as checks

console = Console()


def doctor(
    quick: Annotated[bool, typer.Option("--quick", help="Without the two-second self-test.")] = (
        False
    ),
) -> None:
    """Say what is here and what is missing; exit code 1 if something needed is."""
    found = checks.examine()
    if not quick:
        found.append(checks.try_out())
    table = Table("", "", "", show_edge=False)
    for check in found:
        mark = "[green]✓[/]" if check.well else "[red]✗[/]"
        table.add_row(mark, check.name, escape(check.found))
    console.print(table)
    for check in found:
        if not check.well and check.advice:  # on a line of its own, to be copied
            console.print(f"[red]{check.name}[/]:", highlight=False)
            console.print(f"  {escape(check.advice)}", soft_wrap=True, highlight=False)
    needed = (*checks.PACKAGES, "Python", "torch", "Codecs", "Weights", "Self-test")
    if any(not check.well and check.name in needed for check in found):
        raise typer.Exit(1)
