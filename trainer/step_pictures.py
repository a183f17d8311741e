"""Pictures of what each spatial step sees and answers (the paper's figures 2 and 7)."""

from __future__ import annotations

from pathlib import Path

import imageio.v3 as iio
import numpy as np
import torch

from trainer.checkpoint import LoadedModel
from trainer.models.spatial import draw_squares
from trainer.palette import GROUP_COLOURS
from trainer.scheme import LandmarkScheme, scheme_for

ZOOM = 2


def label_colours(scheme: LandmarkScheme) -> np.ndarray:
    """(L + 1, 3) uint8: the colour of each landmark's facial part; black for background."""
    colours = np.zeros((scheme.n_landmarks + 1, 3), np.uint8)
    for index, group in enumerate(scheme.group_of()):
        colours[index + 1] = GROUP_COLOURS[group]
    return colours


@torch.inference_mode()
def step_picture(loaded: LoadedModel, crop: np.ndarray) -> np.ndarray:
    """One picture of all K steps of a crop.

    Parameters
    ----------
    loaded : the model
    crop : (128, 128, 3) uint8

    Returns
    -------
    (2 * 256, (K + 1) * 256, 3) uint8. Upper row: the label map z that enters step
    1 … K, and the final landmarks; lower row: each step's response clusters (the landmark
    that wins each pixel) over the crop, and the crop.
    """
    model = loaded.model
    scheme = scheme_for(model.config.n_landmarks)
    colours = label_colours(scheme)
    images = model.normalise(torch.from_numpy(crop[None]).to(model.mean_shape.device))
    points = model.mean_start(1)
    upper, lower = [], []
    squares = model.config.squares
    steps = model.config.steps
    for k in range(steps):
        z = draw_squares(points, squares[min(k, len(squares) - 1)], crop.shape[0])[0]
        upper.append(_blend(crop, colours, z.cpu().numpy(), 0.0))
        out = model.step(images, points, k, advance=k == steps - 1)
        clusters = out.logits.argmax(dim=1)[0].cpu().numpy()
        lower.append(_blend(crop, colours, clusters, 0.6))
        points, _ = model.locate(out)
    final = draw_squares(points, 3, crop.shape[0])[0].cpu().numpy()
    upper.append(_blend(crop, colours, final, 1.0))
    lower.append(crop)
    rows = [np.concatenate(row, axis=1) for row in (upper, lower)]
    return np.concatenate(rows).repeat(ZOOM, axis=0).repeat(ZOOM, axis=1)


def write_step_picture(path: Path, loaded: LoadedModel, crop: np.ndarray) -> None:
    """Write :func:`step_picture` as a PNG."""
    iio.imwrite(path, step_picture(loaded, crop))


def _blend(
    crop: np.ndarray, colours: np.ndarray, labels: np.ndarray, crop_part: float
) -> np.ndarray:
    """Labels in colour; where there is none, the crop darkened to ``crop_part``."""
    ground = (crop * crop_part).astype(np.uint8)
    return np.where(labels[..., None] > 0, colours[labels], ground)
