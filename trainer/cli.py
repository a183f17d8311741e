"""``python -m trainer``: train, finetune, evaluate, calibrate, align, benchmark."""

from __future__ import annotations

import typer

from trainer.align_command import align
from trainer.benchmark_command import benchmark
from trainer.calibrate_command import calibrate
from trainer.compare_command import compare_models
from trainer.console import ToldGroup
from trainer.evaluate_command import evaluate
from trainer.experiments.command import app as experiments
from trainer.finetune_command import finetune
from trainer.heads_command import heads
from trainer.peers.command import peers
from trainer.train_command import train

app = typer.Typer(
    cls=ToldGroup,
    name="trainer",
    help="RED-Net: its training, its errors, its speed, and landmarks for whole videos.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
)
for command in (train, finetune, evaluate, calibrate, align, benchmark):
    app.command()(command)
app.command("compare-models")(compare_models)
app.add_typer(experiments, name="experiments")
app.command()(peers)
app.command()(heads)
