"""Several models on the frames that none of them was trained on: over all, by facial part,
by person."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from trainer.checkpoint import load_model
from trainer.data.faces import FaceSet, patch_of
from trainer.devices import autocast_dtype
from trainer.errors import RedError
from trainer.finetuning.gate import TO_MOVE, landmarks_in
from trainer.finetuning.material import FinetuneError
from trainer.metrics import bootstrap_interval, group_errors, nme, point_errors
from trainer.pushed_set import PushedSet
from trainer.scheme import scheme_for
from trainer.validation import centre_crops


@dataclass(frozen=True)
class ModelErrors:
    """How far off a model is on the held-out frames.

    Attributes
    ----------
    model : what it is called
    faces : how many it was measured on
    nme : mean over them, in per cent of the interocular distance
    interval : of ``nme``, 95 %, bootstrap over faces
    to_move : landmarks of a face that a person would have to move, on average
    groups : mean error in per cent by facial part
    people : mean error in per cent by person
    trouble : why it couldn't be measured; empty if it was
    """

    model: str
    faces: int = 0
    nme: float = float("nan")
    interval: tuple[float, float] = (float("nan"), float("nan"))
    to_move: float = float("nan")
    groups: dict[str, float] = field(default_factory=dict)
    people: dict[str, float] = field(default_factory=dict)
    trouble: str = ""

    def summary(self) -> dict[str, Any]:
        """JSON values."""
        if self.trouble:
            return {"model": self.model, "trouble": self.trouble}
        return {
            "model": self.model,
            "faces": self.faces,
            "nme": round(self.nme, 4),
            "interval": [round(bound, 4) for bound in self.interval],
            "to_move": round(self.to_move, 2),
            "groups": {name: round(error, 4) for name, error in self.groups.items()},
            "people": {name: round(error, 4) for name, error in self.people.items()},
        }


def held_out_faces(pushed: PushedSet) -> FaceSet:
    """The frames of a pushed set that no model of the project was trained on.

    Raises
    ------
    FinetuneError
        If there is none.
    PushedSetError, PtsError
        If a file can't be read.
    """
    frames = pushed.looked_at(held_out=True)
    if not frames:
        raise FinetuneError(
            f"{pushed.folder}: no corrected frame is held out, so there is nothing to compare "
            "models on; correct at least 5 frames, some of them more than 10 frames apart and as "
            "far from those that a model learned"
        )
    both = [patch_of(frame.read_image(), frame.landmarks()) for frame in frames]
    return FaceSet(
        patches=np.stack([patch for patch, _ in both]),
        landmarks=np.stack([landmarks for _, landmarks in both]).astype(np.float32),
        identities=np.full(len(frames), -1, np.int64),
        groups=[frame.person for frame in frames],
        people=[],
        order=np.arange(len(frames)),
    )


def compare_models(
    pushed: PushedSet,
    models: Sequence[tuple[str, str]],
    *,
    device: torch.device | str = "cpu",
    on_model: Callable[[ModelErrors], None] = lambda _: None,
) -> list[ModelErrors]:
    """Measure models on the held-out frames of a pushed set, as the gate of fine-tuning does.

    Parameters
    ----------
    pushed : from :func:`trainer.pushed_set.read_pushed_set`
    models : what each is called, and its file or the name it ships under
    on_model : told of each when it is done

    Raises
    ------
    FinetuneError
        If no frame is held out.
    PushedSetError, PtsError
        If a file of the set can't be read. A model that can't be used doesn't raise: its
        :attr:`ModelErrors.trouble` says why.
    """
    faces = held_out_faces(pushed)
    found = []
    for name, file in models:
        try:
            errors = _errors_of(name, file, pushed, faces, torch.device(device))
        except RedError as error:
            errors = ModelErrors(name, trouble=str(error))
        on_model(errors)
        found.append(errors)
    return found


def _errors_of(
    name: str, file: str, pushed: PushedSet, faces: FaceSet, device: torch.device
) -> ModelErrors:
    model = load_model(file, device, n_landmarks=pushed.n_landmarks).model
    crops, truth = centre_crops(faces)
    landmarks = landmarks_in(model, crops, autocast_dtype(model, device))
    errors = nme(landmarks, truth)
    each = point_errors(landmarks, truth)
    people = np.array(faces.groups)
    return ModelErrors(
        name,
        faces=len(errors),
        nme=float(errors.mean()),
        interval=bootstrap_interval(errors, [str(i) for i in range(len(errors))]),
        to_move=float((each > TO_MOVE).sum(axis=1).mean()),
        groups=group_errors(landmarks, truth, scheme_for(pushed.n_landmarks)),
        people={
            str(person): float(errors[people == person].mean()) for person in np.unique(people)
        },
    )
