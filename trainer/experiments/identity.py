"""``python -m trainer experiments identity``: with and without f_CLS (the paper's figure 9)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import torch
import typer

from trainer import console
from trainer.data.faces import FaceSet
from trainer.engine import TrainingData
from trainer.errors import RedError
from trainer.experiments.report import Report, write_report
from trainer.experiments.sets import (
    MeasuredFaces,
    measured_stills,
    still_faces,
    training_faces,
)
from trainer.experiments.training import Trained, Variant, Workshop, anonymous, tuned
from trainer.experiments.words import changes, over_seeds, per_cent, ran, spent
from trainer.metrics import nme, pixel_accuracy
from trainer.models.rednet import RedNet
from trainer.models.spatial import draw_squares
from trainer.scheme import scheme_for

if TYPE_CHECKING:
    from matplotlib.figure import Figure


PASSES = 3600
"""Image passes of each variant."""

WITHOUT = "without f_CLS"
LOOKS = 6
"""How often accuracy is measured on the way."""

WEIGHT = 0.1
"""Of the identity loss beside that of the response maps; the paper names none."""

LEARNT = 0.9
"""An identity loss above so much of guessing's means that f_CLS has learnt nothing yet."""

SQUARE = 7
"""Side of the true squares whose pixels are counted: the first spatial step's."""

Row = dict[str, Any]


def identity(
    data: Annotated[Path, typer.Option(help="Folder with ytf/, helen/ and afw/.")],
    work: Annotated[Path, typer.Option(help="Folder for what is trained; kept for next time.")],
    docs: Annotated[Path, typer.Option(help="Folder of results.md.")] = Path("docs"),
    seeds: Annotated[int, typer.Option(min=1)] = 3,
    budget: Annotated[int, typer.Option(help="Image passes of each variant.")] = PASSES,
    base_budget: Annotated[
        int | None, typer.Option(help="Image passes of the common start.")
    ] = None,
    landmarks: Annotated[int, typer.Option(help="7 or 68.")] = 7,
    weight: Annotated[
        list[float] | None, typer.Option(help="Of f_CLS's loss beside the maps'; any number.")
    ] = None,
    people: Annotated[
        int | None, typer.Option(min=2, help="Only so many people, those with the most stills.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many faces.")] = 240,
) -> None:
    """Pixel accuracy of the response maps with and without identity supervision (claim 4)."""

    weights = weight or [WEIGHT]
    if min(weights) <= 0:
        raise RedError(
            f"--weight {min(weights):g}: use weights above 0; without f_CLS is trained in any case"
        )
    with console.errors.status("Reading faces") as status:
        workshop = Workshop(work, status.update)
        faces = training_faces(data, landmarks)
        base = workshop.base(faces, base_budget)
        stills = measured_stills(data)
        measured = still_faces(stills[:: max(-(-len(stills) // limit), 1)], landmarks)
        known = named(faces, people)
        trained = {
            way.name: [
                train_identity(workshop, way, known, base, measured, budget, seed)
                for seed in range(seeds)
            ]
            for way in (Way(), Way(max(weights)), *(Way(w, standardised=True) for w in weights))
        }
    rows = [row for name, runs in trained.items() for row in rows_of(name, runs)]
    losses = {
        name: float(np.mean([run.losses["identity"] for run in runs]))
        for name, runs in trained.items()
        if "identity" in runs[0].losses
    }
    spending = spent([one for runs in trained.values() for one in runs], base)
    report = identity_report(rows, losses, known, len(measured.crops), spending, ran())
    write_report(report, docs)
    console.errors.print(f"Done: {docs / 'results.md'}")


@dataclass(frozen=True)
class Way:
    """How much f_CLS's loss weighs, 0 for no f_CLS, and whether its input is standardised."""

    weight: float = 0.0
    standardised: bool = False

    @property
    def name(self) -> str:
        """In the report."""
        if not self.weight:
            return WITHOUT
        return f"f_CLS{' standardised' if self.standardised else ''}, weight {self.weight:g}"


def named(faces: FaceSet, people: int | None = None) -> FaceSet:
    """The faces of known persons alone: what the second stage learns from.

    Of all of them, or of so many ``people``, those with the most faces; of as many faces those
    whose names come first.
    """
    count = np.bincount(faces.identities[faces.identities >= 0], minlength=len(faces.people))
    kept = np.sort(np.argsort(-count, kind="stable")[:people])
    number = np.full(len(faces.people) + 1, -1)  # the last is that of unknown people, -1
    number[kept] = np.arange(len(kept))
    identities = number[faces.identities]
    return replace(
        faces,
        people=[faces.people[index] for index in kept],
        identities=identities,
        order=faces.order[identities[faces.order] >= 0],
    )


def train_identity(
    workshop: Workshop,
    way: Way,
    faces: FaceSet,
    base: Trained,
    measured: MeasuredFaces,
    passes: int,
    seed: int,
) -> Trained:
    """Stage 2 from the common start; without f_CLS too, on the same pictures as often."""

    config = tuned(
        n_landmarks=base.model.config.n_landmarks, identity_standardised=way.standardised
    )
    first, second, third = config.train.stages
    stages = (first, replace(second, identity_weight=way.weight), third)
    config = replace(config, train=replace(config.train, stages=stages))
    return workshop.train(
        Variant(f"identity-{way.weight:g}", config, stage=2),
        TrainingData(faces if way.weight else anonymous(faces)),
        passes,
        seed,
        parent=base,
        watch=lambda model: accuracy(model, measured),
        watch_times=LOOKS,
    )


@torch.inference_mode()
def accuracy(model: RedNet, faces: MeasuredFaces) -> dict[str, float]:
    """Pixel accuracy of M by part in per cent, and ``nme``, at the first spatial step.

    In float32 whatever is faster: networks with and without f_CLS have to be judged alike.
    """
    device = model.mean_shape.device
    labels, points = [], []
    for at in range(0, len(faces.crops), 32):
        images = model.normalise(torch.from_numpy(faces.crops[at : at + 32]).to(device))
        out = model.step(images, model.mean_start(len(images)), 0)
        labels.append(out.logits.argmax(dim=1).cpu().numpy())
        points.append(model.locate(out)[0].float().cpu().numpy())
    truth = draw_squares(torch.from_numpy(faces.landmarks), SQUARE, faces.crops.shape[1])
    found = pixel_accuracy(
        np.concatenate(labels), truth.numpy(), scheme_for(faces.landmarks.shape[1])
    )
    return {**found, "nme": float(nme(np.concatenate(points), faces.landmarks).mean())}


def rows_of(name: str, runs: Sequence[Trained]) -> list[Row]:
    """Each part's accuracy over the updates, over seeds."""
    rows = []
    updates = sorted(runs[0].watched)
    for part in runs[0].watched[updates[0]]:
        seeds = [[run.watched[update][part] for update in updates] for run in runs]
        rows.append({"network": name, "part": part, "updates": updates, "seeds": seeds})
    return rows


def identity_report(
    rows: list[Row],
    losses: dict[str, float],
    known: FaceSet,
    measured: int,
    spending: str,
    command: str,
) -> Report:
    """Claim 4."""

    without = {row["part"]: row for row in rows if row["network"] == WITHOUT}
    people = len(known.people)
    guess = math.log(max(people, 1))
    learnt = [name for name, loss in losses.items() if loss <= LEARNT * guess]
    told: dict[str, str] = {}
    table, better = [], []
    for row in rows:
        last = [values[-1] for values in row["seeds"]]
        early = [values[1] for values in row["seeds"]]
        base = without[row["part"]]["seeds"]
        values = changes(last, [seed[-1] for seed in base])
        own = row["network"] == WITHOUT
        table.append(
            [row["network"], row["part"], f"{np.mean([s[0] for s in row['seeds']]):.2f}",
             f"{np.mean(early):.2f}", over_seeds(last), "-" if own else per_cent(values)]
        )  # fmt: skip
        if row["part"] == "all" and not own:
            first = np.mean([a[1] - b[1] for a, b in zip(row["seeds"], base, strict=True)])
            words = f"{row['network']}: {per_cent(values)} at the end"
            told[row["network"]] = f"{words}, {first:+.2f} points at the first look"
            if row["network"] in learnt:
                better.append(values[1] > 0)
    lead = "Holds" if all(better) else "Holds in part" if any(better) else "Doesn't hold"
    if losses and not learnt:
        lead = (
            "Can't be judged with this budget: f_CLS has learnt next to nothing yet (identity loss "
            f"{min(losses.values()):.2f}, guessing {guess:.2f}), so it had nothing to teach"
        )
    judged = "; ".join(words for name, words in told.items() if name in learnt or not learnt)
    looks = rows[0]["updates"]
    told_losses = "; ".join(f"{name} {value:.2f}" for name, value in losses.items())
    nothing = [name for name in losses if name not in learnt]
    not_judged = (
        f" Not judged, since f_CLS learnt next to nothing: {'; '.join(nothing)}." if nothing else ""
    )
    return Report(
        "identity",
        "With and without identity supervision (claim 4, figure 9)",
        "Identity supervision raises the pixel accuracy of M by about 9 % and makes training "
        "faster; for the first few epochs it is worse.",
        f"{lead} (accuracy over all parts against that without f_CLS): {judged}.",
        ["network", "part", "before", f"update {looks[1]}", f"update {looks[-1]}",
         "change at the end"],
        table,
        [
            f"Pixel accuracy: of the pixels in true {SQUARE}-pixel squares of a part's landmarks, "
            f"the per cent that their own channel of M wins, at the first spatial step; nme: % "
            f"of the distance of the outer eye corners. {measured} stills of nobody trained on.",
            f"Stage 2 on {len(known.order)} stills of {people} people, with the same pictures in "
            f"the same order with and without f_CLS. The identity loss at the end: {told_losses}; "
            f"guessing would be {guess:.2f}.{not_judged}",
            "Standardised: f_CLS's embedding is brought to mean 0 and deviation 1 over the batch, "
            "which the paper doesn't do.",
            "[ ] are 95 % Student intervals over seeds, of changes over pairs of the same seed.",
            spending,
        ],
        command,
        {"rows": rows, "losses": losses},
        _figure(rows),
    )  # fmt: skip


def _figure(rows: list[Row]) -> Figure:
    from matplotlib.figure import Figure

    parts = [p for p in dict.fromkeys(row["part"] for row in rows) if p != "nme"]
    plot = Figure(figsize=(3.2 * len(parts), 3.2), layout="constrained")
    for axis, part in zip(np.atleast_1d(plot.subplots(1, len(parts))), parts, strict=True):
        for number, row in enumerate(r for r in rows if r["part"] == part):
            seeds = np.array(row["seeds"])
            axis.plot(row["updates"], seeds.mean(axis=0), "o-", ms=3, label=row["network"])
            low, high = seeds.min(axis=0), seeds.max(axis=0)
            axis.fill_between(row["updates"], low, high, color=f"C{number}", alpha=0.15)
        axis.set_title(f"{part}: pixel accuracy, %", fontsize=9)
        axis.set_xlabel("update")
        axis.grid(alpha=0.3)
    plot.axes[0].legend(fontsize=7)
    return plot
