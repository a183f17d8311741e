"""``python -m trainer experiments ranking``: does the queue propose the frames that are wrong?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from trainer import console
from trainer.checkpoint import load_model
from trainer.data.stills import fold_of
from trainer.expected_error import fit
from trainer.experiments.aligned_heads import aligned_clips
from trainer.experiments.ranked import Frames, measure
from trainer.experiments.ranking_report import ranking_report
from trainer.experiments.report import write_report
from trainer.experiments.words import ran
from trainer.frame_features import FrameFeatures


def ranking(
    heads: Annotated[Path, typer.Option(help="Folder of rendered heads: train/ and test/.")],
    work: Annotated[Path, typer.Option(help="Folder for alignments; kept for next time.")],
    model: Annotated[str, typer.Option(help="A model's name or .safetensors file.")] = "red-lite",
    docs: Annotated[Path, typer.Option(help="Folder of results.md.")] = Path("docs"),
    fitting: Annotated[
        bool,
        typer.Option(
            "--fit",
            help="Only fit the weights, on people of train/ the model hasn't learnt.",
        ),
    ] = False,
) -> None:
    """How many of the worst frames the review queue proposes first."""
    with console.errors.status("Reading heads") as status:
        loaded = load_model(model, n_landmarks=68)
        folder = heads / ("train" if fitting else "test")
        clips = aligned_clips(folder, work, loaded, status.update, strangers=fitting)
    frames = Frames.of(clips)
    if fitting:
        typer.echo(fit(FrameFeatures.joined(frames.features), frames.errors))
        return
    rows, curves = measure(frames)
    own, _ = measure(Frames.of(clips, own_eyes=True))
    unseen = np.array([bool(fold_of(f"calibration of {p}", 2)) for p in frames.people])
    write_report(ranking_report(rows, own, curves, frames, unseen, model, ran()), docs)
    console.errors.print(f"Done: {docs / 'results.md'}")
