"""A model, a replay set and an improver small enough for a whole round in a window."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from knowing_aligner import made_picture, truth
from training_fixtures import tiny_config

from napari_red.core.improve import Improver
from trainer.checkpoint import save_model
from trainer.data.faces import FaceSet, patch_of
from trainer.models.initialise import gaussian
from trainer.models.rednet import RedNet

REPLAYED, OF_THE_GATE = 8, 4


def made_faces_68(n: int = REPLAYED + OF_THE_GATE) -> FaceSet:
    """Faces of the made video, (n, 192, 192, 3) and their true landmarks."""
    both = [patch_of(made_picture(frame), truth(frame)) for frame in range(n)]
    return FaceSet(
        patches=np.stack([patch for patch, _ in both]),
        landmarks=np.stack([landmarks for _, landmarks in both]).astype(np.float32),
        identities=np.full(n, -1),
        groups=[str(i) for i in range(n)],
        people=[],
        order=np.arange(n),
    )


def write_made_replay(path: Path) -> Path:
    """A replay set of the made face."""
    faces = made_faces_68()
    jpegs = [
        cv2.imencode(".jpg", cv2.cvtColor(patch, cv2.COLOR_RGB2BGR))[1].ravel()
        for patch in faces.patches
    ]
    np.savez(
        path,
        jpeg=np.concatenate(jpegs),
        ends=np.cumsum([len(jpeg) for jpeg in jpegs]),
        landmarks=faces.landmarks,
        person=faces.order,
        gate=faces.order >= REPLAYED,
    )
    return path


def tiny_model_68(path: Path, off: float = 0.03) -> Path:
    """A model file of a network that answers the made face's mean shape, ``off`` sides of the
    crop too far to the right: there is something to learn, and a few updates do."""
    model = RedNet(tiny_config(n_landmarks=68, combine=1.0).network)
    gaussian(model, 0)
    model.mean_shape.copy_(torch.from_numpy(made_faces_68().mean_shape()))
    model.mean_shape[:, 0] += off
    save_model(path, model.eval(), {"people": []})
    return path


class TinyImprover(Improver):
    """Pushes sets that name a replay set of a few faces."""

    def push(self, *options: Any, **more: Any) -> Any:
        summary = super().push(*options, **more)
        place = self.pushed / "set.json"
        values = json.loads(place.read_text(encoding="utf-8"))
        write_made_replay(self.folder / "replay.npz")
        place.write_text(json.dumps(values | {"replay": "../replay.npz"}), encoding="utf-8")
        return summary
