"""``python -m trainer``: train, evaluate, align, benchmark."""

from __future__ import annotations

import typer

from trainer.align_command import align
from trainer.benchmark_command import benchmark
from trainer.console import ToldGroup
from trainer.evaluate_command import evaluate
from trainer.train_command import train

app = typer.Typer(
    cls=ToldGroup,
    name="trainer",
    help="RED-Net: its training, its errors, its speed, and landmarks for whole videos.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
)
for command in (train, evaluate, align, benchmark):
    app.command()(command)
