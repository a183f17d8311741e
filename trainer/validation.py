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
    """f_REG's weight in the answer, in steps of 0.1: the smallest within 1 % of the best.

    The response maps are sharper where the picture is; a weight that gains nothing to speak
    of on the validation faces isn't given away, and 0 saves f_REG's time on every frame.
    """
    crops, truth = centre_crops(faces)
    steps, regression = predict(model, crops, precision)
    weights = np.arange(11) / 10
    errors = np.array([nme((1 - w) * steps[-1] + w * regression, truth).mean() for w in weights])
    return float(weights[np.argmax(errors <= 1.01 * errors.min())])
