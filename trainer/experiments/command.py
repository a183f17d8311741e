"""``python -m trainer experiments …``: one command for each of the paper's claims."""

from __future__ import annotations

import typer

from trainer.console import ToldGroup
from trainer.experiments.cascade import cascade
from trainer.experiments.economy import annotation_economy
from trainer.experiments.identity import identity
from trainer.experiments.labels import labels
from trainer.experiments.peers import peers
from trainer.experiments.ranking import ranking
from trainer.experiments.speed import speed
from trainer.experiments.steps import steps
from trainer.experiments.temporal import temporal
from trainer.experiments.variants import variants

app = typer.Typer(
    cls=ToldGroup,
    help="Test the paper's claims; each command writes its table and plot into docs/results.md.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
)
for command in (steps, cascade, temporal, identity, variants, labels):
    app.command()(command)
app.command()(peers)
app.command()(speed)
app.command()(ranking)
app.command()(annotation_economy)
