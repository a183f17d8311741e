"""A pushed set of noise, a replay set to go with it, and a network small enough for both."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import torch
from training_fixtures import tiny_config

from trainer.checkpoint import save_model
from trainer.data.faces import PATCH_SIZE
from trainer.finetuning import job
from trainer.finetuning.recipe import RECIPE, Recipe
from trainer.geometry import CROP_SCALE
from trainer.models.initialise import gaussian
from trainer.models.rednet import RedNet
from trainer.pushed_set import CORRECTED, PREDICTED, PushedSetWriter

RING = np.linspace(0, 2 * np.pi, 7, endpoint=False)
SHAPE = np.stack([np.cos(RING), np.sin(RING)], axis=-1)
CORRECTIONS = (3, 8, 13, 18, 40, 45)
HELD_OUT = 58


def landmarks_at(number: int, size: float = 20.0) -> np.ndarray:
    """(7, 2) landmarks of a face that drifts through a 100 x 100 picture."""
    return SHAPE * size + (50 + number % 7, 48 + number % 5)


def picture(number: int, size: int = 100) -> np.ndarray:
    """Noise with a bright dot at each landmark."""
    rng = np.random.default_rng(number)
    image = rng.integers(0, 90, (size, size, 3)).astype(np.uint8)
    for x, y in landmarks_at(number).round().astype(int):
        image[y - 2 : y + 3, x - 2 : x + 3] = 250
    return image


def write_set(
    folder: Path,
    people: tuple[str | None, ...] = ("Ada", "Bo"),
    *,
    clips: bool = True,
    held_out: bool = True,
    corrections: tuple[int, ...] = CORRECTIONS,
) -> Path:
    """One video a person: corrected frames, predictions round them, and a held-out frame."""
    write_replay(folder.with_suffix(".npz"))
    with PushedSetWriter(folder, 7, parent="tiny", replay=f"../{folder.name}.npz") as writer:
        for person in people:
            video = "talk"
            around = {n + d for n in corrections for d in range(-6, 7) if n + d >= 0}
            for number in sorted(around if clips else corrections):
                writer.add_frame(
                    person,
                    video,
                    number,
                    picture(number),
                    landmarks_at(number),
                    kind=CORRECTED if number in corrections else PREDICTED,
                    visible=np.arange(7) != 2,
                    confidence=None if number in corrections else np.full(7, 0.5),
                )
            if held_out:
                writer.add_frame(
                    person, video, HELD_OUT, picture(HELD_OUT), landmarks_at(HELD_OUT),
                    kind=CORRECTED, held_out=True,
                )  # fmt: skip
    return folder


def write_replay(path: Path, faces: int = 8) -> Path:
    """A replay set of noise, 68 landmarks as the shipped one has."""
    rng = np.random.default_rng(9)
    jpegs = [
        cv2.imencode(".jpg", rng.integers(0, 255, (PATCH_SIZE, PATCH_SIZE, 3), np.uint8))[1].ravel()
        for _ in range(faces)
    ]
    ring = np.linspace(0, 2 * np.pi, 68, endpoint=False)
    shape = PATCH_SIZE / 2 + 40 * np.stack([np.cos(ring), np.sin(ring)], axis=-1)
    np.savez(
        path,
        jpeg=np.concatenate(jpegs),
        ends=np.cumsum([len(jpeg) for jpeg in jpegs]),
        landmarks=(shape + rng.normal(0, 1, (faces, 68, 2))).astype(np.float32),
        person=np.arange(faces),
        gate=np.arange(faces) >= faces - 3,
    )
    return path


def tiny_base(path: Path, people: tuple[str, ...] = ("Cy", "Di"), temporal: str = "add") -> Path:
    """A model file of an untrained network that tells ``people`` apart."""
    model = RedNet(tiny_config(temporal=temporal, n_identities=len(people)).network)
    gaussian(model, 0)
    model.mean_shape.copy_(torch.from_numpy(SHAPE / (2 * CROP_SCALE) + 0.5))
    save_model(path, model.eval(), {"people": list(people)})
    return path


def tiny_recipe(**changes: object) -> Recipe:
    """A few updates a stage."""
    stages = tuple(
        replace(stage, batch=batch, learning_rate=rate)
        for stage, batch, rate in zip(
            RECIPE.train.stages, (4, 4, 2), (2e-3, 1e-3, 1e-3), strict=True
        )
    )
    train = replace(RECIPE.train, stages=stages, frozen_batch_norm=False)  # type: ignore[arg-type]
    values = {"updates": (12.0, 0.0), "shares": (1.0, 1.0, 1.0), "evaluate_every": 2, **changes}
    return replace(RECIPE, train=train, **values)  # type: ignore[arg-type]


class Events(list):
    """Collects what a run tells."""

    def __call__(self, event, **values):
        self.append({"event": event, **values})

    def named(self, name):
        return [values for values in self if values["event"] == name]


def fine_tune(folder, out, *, pushed, base, recipe=None, **options):
    """Run a fine-tuning into ``folder / out``; its report and what it told."""
    events = options.setdefault("emit", Events())
    settings = job.FinetuneOptions(
        # However busy the machine is, all updates are done.
        **{"minutes": 600.0, "lock_folder": folder / "locks", "checkpoint_seconds": 0.0} | options
    )
    return job.finetune(pushed, base, folder / out, settings, recipe or tiny_recipe()), events
