"""``python -m trainer experiments variants``: what helps in training, and what doesn't."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from torch import Tensor

from trainer import console
from trainer.batch_maker import BatchMaker
from trainer.checkpoint import load_model
from trainer.config import RED_LITE, RedConfig
from trainer.console import DeviceOption
from trainer.data.faces import FaceSet
from trainer.devices import autocast_dtype, resolve_device
from trainer.engine import TrainingData
from trainer.experiments.report import Report, write_report
from trainer.experiments.sets import MeasuredFaces, measured_stills, still_faces, training_faces
from trainer.experiments.teaching import Teacher
from trainer.experiments.training import Trained, Variant, Workshop, anonymous
from trainer.experiments.words import changes, over_seeds, per_cent, ran, spent
from trainer.metrics import nme
from trainer.models.rednet import RedNet, StepOutput
from trainer.validation import predict

WIDTH = 0.25
PASSES, BASE_PASSES = 2400, 36000
"""Image passes of each variant, and of the start that they have in common."""

USUAL = "as red-lite"
FIGURES = {"step1": "step 1", "step3": "step 3", "regression": "f_REG"}


@dataclass(frozen=True)
class Change:
    """One thing done otherwise, in the network, its training, or its second stage."""

    name: str
    label: str
    network: dict[str, Any] | None = None
    train: dict[str, Any] | None = None
    stage: dict[str, Any] | None = None
    taught: bool = False

    def applied(self, config: RedConfig) -> RedConfig:
        """The configuration with the change."""
        first, second, third = config.train.stages
        stages = (first, replace(second, **(self.stage or {})), third)
        return replace(
            config,
            network=replace(config.network, **(self.network or {})),
            train=replace(config.train, **{"stages": stages, **(self.train or {})}),
        )


def _without(*kinds: str) -> dict[str, Any]:
    every = RED_LITE.train.degradations
    return {"degradations": tuple(kind for kind in every if kind not in kinds)}


EVEN = {"step_odds": (1.0, 1.0, 1.0)}

CHANGES = (
    Change("usual", USUAL),
    Change("even", "all steps learn equally often", train=EVEN),
    Change("soft", "… and are fed soft response maps", {"soft_feedback": True}, EVEN),
    Change("background", "background weighs 0.01", train={"background_weight": 0.01}),
    Change("through", "f_REG's loss flows through M", {"regression_to_maps": True}),
    Change("strong", "augmentation as strong as it gets", stage={"augmentation": 1.0}),
    Change("visible", "no occluders", train=_without("occlusion")),
    Change("sharp", "no low resolution, no noise", train=_without("resolution", "noise")),
    Change("taught", "taught by red-lite, twice as wide", taught=True),
)
APART = "… and batch norm's statistics are each step's own"
"""Measured on what was trained as "even": only the running statistics differ."""


def variants(
    data: Annotated[Path, typer.Option(help="Folder with ytf/, helen/ and afw/.")],
    work: Annotated[Path, typer.Option(help="Folder for what is trained; kept for next time.")],
    docs: Annotated[Path, typer.Option(help="Folder of results.md.")] = Path("docs"),
    seeds: Annotated[int, typer.Option(min=1)] = 3,
    budget: Annotated[int, typer.Option(help="Image passes of each variant.")] = PASSES,
    base_budget: Annotated[
        int, typer.Option(help="Image passes of the common start.")
    ] = BASE_PASSES,
    width: Annotated[float, typer.Option(help="Of the networks.")] = WIDTH,
    teacher: Annotated[str, typer.Option(help="Model that teaches.")] = "red-lite",
    limit: Annotated[int, typer.Option(min=1, help="At most so many faces.")] = 360,
    device: DeviceOption = "auto",
) -> None:
    """What helps and what doesn't when a network is trained: one change at a time."""
    with console.errors.status("Reading faces") as status:
        workshop = Workshop(work, status.update, resolve_device(device))
        faces = training_faces(data, 68)
        stills = measured_stills(data)
        measured = still_faces(stills[:: max(-(-len(stills) // limit), 1)], 68)
        base = start(workshop, faces, base_budget, width)
        trained = {
            change.label: [
                train_variant(workshop, change, faces, base, budget, seed, teacher)
                for seed in range(seeds)
            ]
            for change in CHANGES
        }
        rows = []
        for label, runs in trained.items():
            status.update(f"Measuring: {label}")
            networks = [run.model for run in runs]
            rows.append({"label": label, **errors_of(networks, measured)})
            if label == CHANGES[1].label:
                own = [with_own_statistics(network, faces) for network in networks]
                rows.append({"label": APART, **errors_of(own, measured)})
    everyone = [one for runs in trained.values() for one in runs]
    spending = spent(everyone, base, regression=True)
    write_report(variants_report(rows, len(measured.crops), spending, ran()), docs)
    console.errors.print(f"Done: {docs / 'results.md'}")


def start(workshop: Workshop, faces: FaceSet, passes: int, width: float = WIDTH) -> Trained:
    """What all variants start from: the configuration that ships, narrower, from random weights."""
    variant = Variant("variants-base", _narrow(width))
    return workshop.train(variant, TrainingData(anonymous(faces)), passes, 0)


def train_variant(
    workshop: Workshop,
    change: Change,
    faces: FaceSet,
    base: Trained,
    passes: int,
    seed: int,
    teacher: str = "red-lite",
) -> Trained:
    """Stage 2 from the common start with one change."""
    adapt = None
    if change.taught:
        model = load_model(teacher, workshop.device, n_landmarks=68).model
        adapt = Teacher(model, precision=autocast_dtype(model, workshop.device))
    config = change.applied(_narrow(base.model.config.width))
    variant = Variant(f"variants-{change.name}", config, stage=2, adapt=adapt)
    made_with = teacher if change.taught else ""
    data = TrainingData(faces)
    return workshop.train(variant, data, passes, seed, parent=base, made_with=made_with)


class StepsApart(RedNet):
    """A network whose spatial steps are run by a copy of it each."""

    def __init__(self, copies: list[RedNet]) -> None:
        super().__init__(copies[0].config)
        self.load_state_dict(copies[0].state_dict())
        self.copies = copies
        self.to(copies[0].mean_shape.device).eval()

    def step(self, images: Tensor, start: Tensor, k: int, **options: Any) -> StepOutput:
        """See :meth:`RedNet.step`."""
        return self.copies[k].step(images, start, k, **options)


@torch.no_grad()
def with_own_statistics(model: RedNet, faces: FaceSet, updates: int = 20) -> StepsApart:
    """The network with batch norm's running statistics measured for each spatial step apart.

    In training a batch is normalised by its own statistics, whichever step it is at; only
    the running ones, which alignment uses, mix the steps.
    """
    device = model.mean_shape.device
    precision = autocast_dtype(model, device)
    start = model.mean_start(1).cpu()
    maker = BatchMaker(RED_LITE.train, TrainingData(anonymous(faces)), start, seed=9)
    copies: list[RedNet] = []
    for _ in range(model.config.steps):
        own = deepcopy(model)
        # f_REG isn't run below, so it keeps the statistics that it has.
        for norm in [*own.encoder.modules(), *own.decoder.modules()]:
            if isinstance(norm, torch.nn.BatchNorm2d):
                norm.reset_running_stats()
                norm.momentum = None  # the plain mean over all batches
                norm.train()
        for update in range(updates):
            batch = maker.make(2, update).batch.to(device)
            points = batch.starts
            with torch.autocast(device.type, precision, precision != torch.float32):
                for at, network in enumerate([*copies, own]):
                    points = network.locate(network.step(batch.images, points, at))[0]
        copies.append(own.eval())
    return StepsApart(copies)


def errors_of(networks: Sequence[RedNet], faces: MeasuredFaces) -> dict[str, list[float]]:
    """Mean NME in per cent of steps 1 and 3 and of f_REG, by seed."""
    found: dict[str, list[float]] = {figure: [] for figure in FIGURES}
    for network in networks:
        precision = autocast_dtype(network, network.mean_shape.device)
        steps, regression = predict(network, faces.crops, precision)
        estimates = {"step1": steps[0], "step3": steps[-1], "regression": regression}
        for figure, points in estimates.items():
            found[figure].append(float(nme(points, faces.landmarks).mean()))
    return found


def variants_report(rows: list[dict[str, Any]], faces: int, spending: str, command: str) -> Report:
    """One row a change, and by how much its step 1 differs from training as it is."""
    usual = rows[0]
    table, better, worse = [], [], []
    for row in rows:
        change = changes(row["step1"], usual["step1"])
        table.append(
            [row["label"], *(over_seeds(row[figure]) for figure in FIGURES),
             "-" if row is usual else per_cent(change)]
        )  # fmt: skip
        if row is not usual and np.isfinite(change[1]):
            told = f"{row['label'].lstrip('… ')} {per_cent(change)}"
            if change[2] < 0:
                better.append(told)
            elif change[1] > 0:
                worse.append(told)
    return Report(
        "variants",
        "What helps in training",
        "The paper leaves open, and its authors' later code varies, how maps are fed back, how "
        "pixels and losses are weighed, and what is done to the pictures.",
        f"Better than {USUAL} for sure: {'; '.join(better) or 'nothing'}. Worse for sure: "
        f"{'; '.join(worse) or 'nothing'}.",
        ["training", *FIGURES.values(), "step 1 against as red-lite"],
        table,
        [
            f"Mean NME in % of the distance of the outer eye corners against labels as they are, "
            f"{faces} stills of nobody trained on, box of the truth, answers averaged with the "
            "mirror picture's; [ ] are 95 % Student intervals over seeds, of changes over pairs "
            "of the same seed.",
            spending,
        ],
        command,
        {"rows": rows},
        None,
    )  # fmt: skip


def _narrow(width: float) -> RedConfig:
    """The configuration that ships, narrower, without f_tRNN, at one rate to the end."""
    network = replace(RED_LITE.network, width=width, temporal="none")
    train = replace(RED_LITE.train, average=0.99, decay_part=0.0)
    return replace(RED_LITE, network=network, train=train)
