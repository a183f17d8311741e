"""A fixed offset for each landmark: what only differs by annotation convention, taken away.

Aligners were trained on different annotations and draw the same landmark at different
places. One offset per landmark, learned once on people nobody is measured on, removes what
is constant of that; what is left is what an aligner gets wrong.
"""

from __future__ import annotations

import numpy as np

from trainer.metrics import interocular
from trainer.scheme import scheme_for


def face_frame(landmarks: np.ndarray) -> np.ndarray:
    """(..., 2, 2) matrices from the face's own frame to the image's, as predicted.

    Columns are the frame's axes in pixels: x from the image-left to the image-right outer
    eye corner and as long as their distance, y at a right angle to it, downwards.
    """
    first, second = scheme_for(landmarks.shape[-2]).eye_corners
    along = np.asarray(landmarks[..., second, :] - landmarks[..., first, :], np.float64)
    length = interocular(np.asarray(landmarks, np.float64))[..., None]
    along = np.where(length > 0, along, (1.0, 0.0))
    across = np.stack([-along[..., 1], along[..., 0]], axis=-1)
    return np.stack([along, across], axis=-1)


def learn_offset(predicted: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """The offset that brings predictions to the truth: the median over faces, by coordinate.

    Parameters
    ----------
    predicted, truth : (N, L, 2) xy in pixels; faces not found (NaN) are left out

    Returns
    -------
    (L, 2) in units of the interocular distance, in the face's own frame; 0 without faces
    """
    found = np.isfinite(predicted).all(axis=(1, 2)) & np.isfinite(truth).all(axis=(1, 2))
    if not found.any():
        return np.zeros(predicted.shape[1:])
    away = (truth - predicted)[found]
    inverse = np.linalg.inv(face_frame(predicted[found]))
    return np.median(np.einsum("nij,nlj->nli", inverse, away), axis=0)


def apply_offset(predicted: np.ndarray, offset: np.ndarray) -> np.ndarray:
    """Predictions (..., L, 2) with the offset (L, 2) added in each face's own frame."""
    frames = face_frame(predicted)
    return (predicted + np.einsum("...ij,lj->...li", frames, offset)).astype(np.float32)
