"""Errors on faces kept aside, box from the truth, as training goes on."""

from __future__ import annotations

import numpy as np
import torch

from trainer.data.faces import PATCH_SIZE, FaceSet
from trainer.geometry import CROP_SIZE
from trainer.metrics import nme
from trainer.models.rednet import RedNet


def centre_crops(faces: FaceSet) -> tuple[np.ndarray, np.ndarray]:
    """Upright, centred crops (N, 128, 128, 3) uint8 and their landmarks (N, L, 2)."""
    edge = (PATCH_SIZE - CROP_SIZE) // 2
    inner = slice(edge, edge + CROP_SIZE)
    return faces.patches[:, inner, inner], faces.landmarks - edge


def predict(
    model: RedNet, crops: np.ndarray, precision: torch.dtype, batch: int = 32
) -> tuple[np.ndarray, np.ndarray]:
    """Every estimate of landmarks in upright crops.

    Parameters
    ----------
    model : network in eval mode
    crops : (N, 128, 128, 3) uint8
    precision : float32, or bfloat16 for autocast

    Returns
    -------
    (K, N, L, 2) per spatial step and (N, L, 2) of f_REG, float32 crop pixels
    """
    device = model.mean_shape.device
    steps, regressions = [], []
    for first in range(0, len(crops), batch):
        images = torch.from_numpy(np.ascontiguousarray(crops[first : first + batch])).to(device)
        with torch.autocast(device.type, precision, precision != torch.float32):
            out = model.align(images, with_regression=True)
        assert out.regression is not None  # asked for above
        steps.append(out.per_step.cpu().numpy())
        regressions.append(out.regression.cpu().numpy())
    return np.concatenate(steps, axis=1), np.concatenate(regressions)


def validation_errors(model: RedNet, faces: FaceSet, precision: torch.dtype) -> dict[str, float]:
    """Mean NME in per cent of each spatial step and of f_REG."""
    crops, truth = centre_crops(faces)
    steps, regression = predict(model, crops, precision)
    errors = {f"nme_step{k + 1}": float(nme(p, truth).mean()) for k, p in enumerate(steps)}
    return {**errors, "nme_regression": float(nme(regression, truth).mean())}


def best_combination(model: RedNet, faces: FaceSet, precision: torch.dtype) -> float:
    """The weight of f_REG, in steps of 0.05, whose mean with the last response map errs least.

    A gain below 1 % of the error isn't worth f_REG's time on every frame: then it is 0.
    """
    crops, truth = centre_crops(faces)
    steps, regression = predict(model, crops, precision)
    weights = np.arange(0, 1.0001, 0.05)
    errors = [nme((1 - w) * steps[-1] + w * regression, truth).mean() for w in weights]
    best = int(np.argmin(errors))
    return float(round(weights[best], 2)) if errors[best] < 0.99 * errors[0] else 0.0
