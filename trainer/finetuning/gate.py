"""Never worse: a new model is offered only if it is better here and no worse elsewhere."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from trainer.data.faces import FaceSet
from trainer.metrics import nme, point_errors
from trainer.models.rednet import RedNet
from trainer.validation import centre_crops

TO_MOVE = 5.0
"""A landmark further off than so many per cent of the interocular distance has to be moved."""

TOLERATED = 0.02
"""A rise on other people of less than this part of their error is never a reason to refuse."""

FEW = 4
"""Of fewer held-out faces there is no telling noise from learning by an interval."""

ASTRAY, LEARNED, KNOWN = 20.0, 0.9, 3.0
"""Per cent of the interocular distance, the part of the error that is left after learning, and
how many times the error on other people: a model that stays above all three has labels that no
face explains. After ten updates of red-lite
mirrored landmarks were 68 per cent off (0.94 of before), exchanged eyes 42 (0.96), those of ten
frames later 31 (0.95)."""

_ROUNDS = 2000
_BATCH = 16


@dataclass(frozen=True)
class Errors:
    """How far off a model is.

    ``faces`` (N,) interocular NME in per cent; ``to_move`` (N,) part of the labelled
    landmarks off by more than :data:`TO_MOVE` per cent, 0 to 1.
    """

    faces: np.ndarray
    to_move: np.ndarray

    def summary(self) -> dict[str, float]:
        """Their means, for a report."""
        return {
            "faces": len(self.faces),
            "nme": round(float(self.faces.mean()), 4),
            "to_move": round(float(self.to_move.mean()), 4),
        }


@dataclass(frozen=True)
class Comparison:
    """Errors of the old and the new model on the same faces.

    ``change`` is the mean of new minus old in per cent of the interocular distance,
    ``low`` and ``high`` its 95 % bootstrap interval over faces.
    """

    old: Errors
    new: Errors
    change: float
    low: float
    high: float

    def summary(self) -> dict[str, object]:
        """For a report."""
        return {
            "before": self.old.summary(),
            "after": self.new.summary(),
            "change": round(self.change, 4),
            "interval": [round(self.low, 4), round(self.high, 4)],
        }


@dataclass(frozen=True)
class Verdict:
    """Whether a new model is offered, and why or why not."""

    accepted: bool
    reason: str
    held_out: Comparison
    replay: Comparison

    def summary(self) -> dict[str, object]:
        """For a report."""
        return {
            "accepted": self.accepted,
            "reason": self.reason,
            "held_out": self.held_out.summary(),
            "replay": self.replay.summary(),
        }


def measure(
    model: RedNet, faces: FaceSet, precision: torch.dtype, *, mirrored: bool | None = None
) -> Errors:
    """A model's errors, each face in the box of its truth; see :func:`landmarks_in`."""
    crops, truth = centre_crops(faces)
    landmarks = landmarks_in(model, crops, precision, mirrored=mirrored)
    errors = point_errors(landmarks, truth)
    labelled = np.isfinite(errors)
    to_move = (np.where(labelled, errors, 0) > TO_MOVE).sum(axis=1) / labelled.sum(axis=1)
    return Errors(nme(landmarks, truth), to_move)


def landmarks_in(
    model: RedNet, crops: np.ndarray, precision: torch.dtype, *, mirrored: bool | None = None
) -> np.ndarray:
    """A model's answers after one spatial step, (N, L, 2) in crop pixels.

    One step, because those after it change the answer by less than a hundredth of itself.

    Parameters
    ----------
    crops : (N, 128, 128, 3) uint8
    precision : float32, or bfloat16 for autocast
    mirrored : whether the mirror picture is asked too; None is as the model is configured
    """
    device = model.mean_shape.device
    model.eval()
    found = []
    for first in range(0, len(crops), _BATCH):
        images = torch.from_numpy(np.ascontiguousarray(crops[first : first + _BATCH])).to(device)
        with torch.autocast(device.type, precision, precision != torch.float32):
            out = model.align(images, steps=1, mirrored=mirrored)
        found.append(out.landmarks.float().cpu().numpy())
    return np.concatenate(found)


def compare(old: Errors, new: Errors, seed: int = 0) -> Comparison:
    """A paired bootstrap over faces."""
    difference = new.faces - old.faces
    rng = np.random.default_rng(seed)
    drawn = rng.integers(0, len(difference), (_ROUNDS, len(difference)))
    low, high = np.quantile(difference[drawn].mean(axis=1), [0.025, 0.975])
    return Comparison(old, new, float(difference.mean()), float(low), float(high))


def judge(held_out: Comparison, replay: Comparison) -> Verdict:
    """Whether the error fell on the held-out frames and didn't rise elsewhere beyond noise.

    Of few held-out faces it has to fall by more than :data:`TOLERATED` of itself. Where even the
    new model is further off than :data:`ASTRAY`, learned little of it, and knows other people
    far better, the labels are not to be believed.
    """
    old, new = held_out.old.faces, held_out.new.faces
    measured = "1 face" if len(old) == 1 else f"{len(old)} faces"
    ours = f"{old.mean():.2f} % before, {new.mean():.2f} % after, {measured}"
    others = f"{replay.old.faces.mean():.2f} % before, {replay.new.faces.mean():.2f} % after"
    least = TOLERATED * old.mean() if len(old) < FEW else 0.0
    worse_elsewhere = replay.low > 0 and replay.change > TOLERATED * replay.old.faces.mean()
    if not held_out.change < 0:
        reason = f"the error on the held-out frames didn't fall ({ours})"
    elif held_out.change > -least:
        reason = f"the error on the held-out frames fell too little for so few ({ours})"
    elif new.mean() > max(ASTRAY, LEARNED * old.mean(), KNOWN * replay.old.faces.mean()):
        reason = (
            f"the labels of the held-out frames are too far from what even the new model finds "
            f"({ours}): look at the corrected frames, whether landmarks, faces or frames are "
            "exchanged there"
        )
    elif worse_elsewhere:
        reason = (
            f"the error on the made-up people kept for this rose beyond noise ({others}), though "
            f"it fell on the held-out frames ({ours})"
        )
    else:
        reason = (
            f"the error fell on the held-out frames ({ours}) and didn't rise on the made-up "
            f"people kept for this beyond noise ({others})"
        )
        return Verdict(True, reason, held_out, replay)
    return Verdict(False, reason, held_out, replay)
