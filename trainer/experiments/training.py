"""Small networks to try the paper's claims on: one common start, and variants of it.

A claim needs networks that differ in one thing, several seeds of each, and equal training.
At the size of the networks that ship this takes days; these take minutes, and what holds
for them is said of them.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from trainer.checkpoint import load_model
from trainer.config import RED_LITE, NetworkConfig, RedConfig, StageConfig, to_dict
from trainer.data.faces import FaceSet
from trainer.devices import autocast_dtype
from trainer.engine import Progress, Trainer, TrainingData, TrainOptions
from trainer.errors import RedError
from trainer.models.initialise import start_from
from trainer.models.rednet import RedNet
from trainer.stages import Batch

BATCH, CLIPS = 24, 3
"""Stills, or clips, of an update."""

BASE_PASSES = 24000
"""Image passes of the common start."""

BACKGROUND = 0.02
"""Weight of a background pixel; it makes seven landmarks' few pixels count as much as all of
the background, as 0.1 does with 68."""

Adapt = Callable[[Batch, torch.Generator], Batch]
Watch = Callable[[RedNet], dict[str, float]]

_STILLS = StageConfig(epochs=1, batch=BATCH, learning_rate=1e-3, identity_weight=0.1)
_CLIPS = StageConfig(epochs=1, batch=CLIPS, learning_rate=1e-3, identity_weight=0.0)
_TUNING = (
    replace(_STILLS, learning_rate=5e-4),
    replace(_STILLS, learning_rate=5e-4),
    _CLIPS,
)

SMALL = RedConfig(
    "small",
    NetworkConfig(n_landmarks=7, width=0.125, steps=1, temporal="none", regression_to_maps=False),
    replace(
        RED_LITE.train,
        stages=(replace(_STILLS, learning_rate=1.5e-3), _STILLS, _CLIPS),
        step_odds=(1.0,),
        average=0.97,
        regression_weight=0.0,
        off_face=0.0,
    ),
)
"""An eighth of the paper's width, seven landmarks as in the paper's sections 5.2 to 5.4, no
f_REG; one spatial step, so that no variant has learnt more of them than another."""


@dataclass(frozen=True)
class Variant:
    """One way of training on from the common start.

    Attributes
    ----------
    name : in a folder's name; together with everything below it stands for the result
    config : network and training
    stage : the one stage that is trained
    adapt : changes each batch; ``name`` has to tell two of them apart
    """

    name: str
    config: RedConfig
    stage: int = 1
    adapt: Adapt | None = None

    def images_an_update(self) -> int:
        """Image passes of one update."""
        train = self.config.train
        return train.stages[self.stage - 1].batch * (train.clip_frames if self.stage == 3 else 1)


@dataclass
class Trained:
    """A finished network and what it took."""

    model: RedNet
    key: str
    updates: int
    passes: int
    seconds: float
    losses: dict[str, float]
    """The parts of the loss, a running mean at the end."""
    watched: dict[int, dict[str, float]]
    """What ``watch`` said, by update."""
    device: str = "cpu"
    """The kind of device it was trained on."""


class Workshop:
    """Trains variants in a folder of their own each; a finished one is only opened again.

    Parameters
    ----------
    folder : of all runs; one that was cut off goes on where it was
    tell : told what is being done
    device : where
    """

    def __init__(
        self,
        folder: Path,
        tell: Callable[[str], None] = lambda text: None,
        device: torch.device | None = None,
    ) -> None:
        self.folder = folder
        self.tell = tell
        self.device = device or torch.device("cpu")

    def base(self, faces: FaceSet, passes: int | None = None) -> Trained:
        """The network that all variants start from, trained on stills from random weights."""
        network = replace(SMALL.network, n_landmarks=faces.landmarks.shape[1])
        variant = Variant("base", replace(SMALL, network=network))
        return self.train(variant, TrainingData(anonymous(faces)), passes or BASE_PASSES, 0)

    def train(
        self,
        variant: Variant,
        data: TrainingData,
        passes: int,
        seed: int,
        *,
        parent: Trained | None = None,
        made_with: str = "",
        watch: Watch | None = None,
        watch_times: int = 0,
    ) -> Trained:
        """Train, go on, or open.

        Parameters
        ----------
        variant, data, seed : what is trained
        passes : pictures shown, rounded down to whole updates
        parent : whose weights it starts from; None starts from random ones
        made_with : keys of other networks that the result depends on
        watch : measures the network ``watch_times`` times, evenly spaced, and at the start
        """
        updates = passes // variant.images_an_update()
        if updates < 1:
            raise RedError(
                f"--budget {passes}: not one update of {variant.images_an_update()} pictures; "
                "give a larger budget"
            )
        key = _key(variant, data, updates, seed, parent, made_with)
        folder = self.folder / key
        run = _Run(self, variant, folder, watch, max(updates // max(watch_times, 1), 1))
        done = folder / "done.json"
        if not done.is_file():
            run.train(data, updates, seed, parent)
        said = json.loads(done.read_text(encoding="utf-8"))
        return Trained(
            load_model(folder / "model.safetensors", self.device).model,
            key,
            updates,
            updates * variant.images_an_update(),
            said["seconds"],
            said["losses"],
            {int(step): values for step, values in said["watched"].items()},
            said.get("device", "cpu"),
        )


@dataclass
class _Run:
    workshop: Workshop
    variant: Variant
    folder: Path
    watch: Watch | None
    every: int

    def train(self, data: TrainingData, updates: int, seed: int, parent: Trained | None) -> None:
        begun, losses = time.process_time(), dict[str, float]()
        watched_file = self.folder / "watched.json"
        watched: dict[str, dict[str, float]] = {}
        if watched_file.is_file():
            watched = json.loads(watched_file.read_text(encoding="utf-8"))

        def see(step: int) -> None:
            if self.watch is not None and step % self.every == 0 and str(step) not in watched:
                watched[str(step)] = self.watch(trainer.averaged_model())
                self.folder.mkdir(parents=True, exist_ok=True)
                watched_file.write_text(json.dumps(watched), encoding="utf-8")

        def on_progress(progress: Progress) -> None:
            for part, value in progress.losses.items():
                losses[part] = 0.95 * losses.get(part, value) + 0.05 * value
            loss = losses["loss"]
            name = f"{self.variant.name}, seed {seed}"
            self.workshop.tell(f"{name}: update {progress.step} of {progress.steps}, {loss:.3f}")
            see(progress.step)

        config = _with_updates(self.variant, data, updates)
        device = self.workshop.device
        options = TrainOptions(
            seed=seed,
            stages=(self.variant.stage,),
            device=device,
            precision=autocast_dtype(RedNet(SMALL.network), device),
            initialise=None if parent is None else lambda net: start_from(net, parent.model),
            adapt=self.variant.adapt,
            on_progress=on_progress,
        )
        trainer = Trainer(config, data, self.folder, options)
        see(0)
        trainer.run()
        seconds = time.process_time() - begun
        said = {
            "seconds": seconds, "losses": losses, "watched": watched, "device": device.type
        }  # fmt: skip
        (self.folder / "done.json").write_text(json.dumps(said), encoding="utf-8")


def tuned(train: dict[str, Any] | None = None, **network: Any) -> RedConfig:
    """How variants are trained on: the small configuration, other values in its network and
    its training, and one rate from the first update to the last, so that longer and shorter
    runs differ in nothing else."""
    usual = {
        "schedule": "step",
        "decay": 1.0,
        "background_weight": BACKGROUND,
        "stages": _TUNING,
    }
    return replace(
        SMALL,
        network=replace(SMALL.network, **network),
        train=replace(SMALL.train, **{**usual, **(train or {})}),
    )


def anonymous(faces: FaceSet) -> FaceSet:
    """The same faces of nobody known, so that a network has no f_CLS."""
    return replace(faces, people=[], identities=np.full_like(faces.identities, -1))


def _with_updates(variant: Variant, data: TrainingData, updates: int) -> RedConfig:
    """The variant's configuration with so many updates of its stage."""
    options = TrainOptions(stages=(variant.stage,))
    an_epoch = Trainer(_lasting(variant, 1), data, Path(), options).steps_of(variant.stage)
    return _lasting(variant, updates / an_epoch)


def _lasting(variant: Variant, epochs: float) -> RedConfig:
    first, second, third = (
        replace(stage, epochs=epochs) if number == variant.stage else stage
        for number, stage in enumerate(variant.config.train.stages, 1)
    )
    train = replace(variant.config.train, stages=(first, second, third))
    return replace(variant.config, train=train)


def _key(
    variant: Variant,
    data: TrainingData,
    updates: int,
    seed: int,
    parent: Trained | None,
    made_with: str,
) -> str:
    clips, train = data.clips, variant.config.train
    values = {
        "network": _unusual(variant.config.network),
        "train": {**_unusual(train), "stages": to_dict(train.stages[variant.stage - 1])},
        "stage": variant.stage,
        "updates": updates,
        "faces": len(data.faces.patches),
        "people": len(data.faces.people),
        "clips": None if clips is None else [clips.kind, clips.n_clips],
        "parent": None if parent is None else parent.key,
        "made_with": made_with,
    }
    digest = hashlib.sha1(json.dumps(values, sort_keys=True).encode()).hexdigest()[:8]
    return f"{variant.name}-{seed}-{digest}"


def _unusual(config: Any) -> dict[str, Any]:
    """The values that aren't a configuration's defaults: a new option changes no old run."""
    usual = {field.name: field.default for field in fields(config)}
    return {name: value for name, value in to_dict(config).items() if value != usual[name]}
